//! Whoever writes, and however: what is kept is what is stored.

use super::*;
use crate::license::{GroupId, Holder};
use crate::quota::{Call, Limits};
use crate::store::base::{Base, Hand, on_both};

struct Bench {
    store: Arc<Store>,
    quota: Arc<Quota>,
    clock: Clock,
    refresh: Refresh,
    hand: Hand,
    base: Base,
}

on_both!(
    an_edit_by_hand_is_in_force_after_one_look,
    numbers_of_a_group_that_was_torn_out_are_unknown_until_it_is_back,
    a_change_of_access_is_passed_on_and_publishes_nothing,
    a_comparison_finds_what_the_feed_did_not_tell,
    a_failing_store_leaves_the_last_good_tree,
    a_number_that_came_before_its_owner_counts_once_the_owner_is_there,
    whatever_is_written_what_is_kept_is_what_is_stored,
    a_running_refresh_has_an_edit_in_force_within_a_second,
    a_seat_goes_in_the_second_in_which_its_license_ends,
);

const TREE: &str = "
    insert into groups (id, parent_id, name, restricted) values (2, 1, 'A', true), (3, 2, 'B', false), (4, 1, 'C', true);
    insert into users (id, name) values (1, 'u'), (2, 'v');
    insert into memberships values (1, 3), (2, 2), (2, 4);
    insert into licenses (id, group_id, sip_numbers) values (1, 2, 50), (2, 4, 10);
    insert into numbers (id, aor, group_id) values (1, 'sip:1@e.com', 2), (2, 'sip:2@e.com', 3);
    insert into numbers (id, aor, user_id, password) values (3, 'sip:3@e.com', 1, 'x');
    insert into claims (id, group_id, domain) values (1, 4, 'c.com');";

impl Bench {
    async fn new(base: Base) -> Self {
        let store = Arc::new(base.store().await);
        let mut hand = base.careless_hand().await;
        hand.run(TREE).await;
        let quota = Arc::new(Quota::new(Limits::default()));
        let clock = Clock::start();
        let (changes, taken) = mpsc::channel(1000);
        // Nobody listens: what is handed out is dropped at once.
        drop(taken);
        let refresh =
            Refresh::start(store.clone(), quota.clone(), clock, Tz::UTC, changes).await.unwrap();
        Self { store, quota, clock, refresh, hand, base }
    }

    async fn by_hand(&mut self, sql: &str) {
        // What a constraint forbids is no change.
        let _ = self.hand.attempt(sql).await;
        self.refresh.look().await;
    }

    fn owner(&self, aor: &str) -> Option<Holder> {
        self.quota.owned(aor).map(|owned| owned.holder)
    }

    fn limit(&self, group: i64) -> Option<i64> {
        let view = self.quota.gate(Holder::Group(GroupId(group)), self.clock.now())?;
        Some(view.sip.limit)
    }

    /// Limits and paths as they would be had everything been published at once.
    fn assert_published_whole(&self, context: &str) {
        let world = &self.refresh.mirror.world;
        let fresh = Quota::new(Limits::default());
        fresh.publish(&world.tree, world.directory.clone(), &Touched::Everything, self.clock.now());
        let groups = world.tree.groups().map(|group| Holder::Group(group.id));
        let users = world.tree.users().map(|user| Holder::User(user.id));
        for holder in groups.chain(users) {
            let path = |quota: &Quota| -> Vec<_> {
                let path = quota.path(holder).expect("every holder has a path");
                let stop = |stop: &crate::quota::Stop| (stop.gate.view(), stop.promises);
                path.stops().iter().map(stop).collect()
            };
            assert_eq!(path(&self.quota), path(&fresh), "{context}: {holder:?}");
        }
    }

    async fn differences(&self) -> Found {
        let mirror = &self.refresh.mirror;
        let passwords = self.refresh.shared.passwords.clone();
        let kept = mirror.world.clone();
        let found = compare::compare(&self.store, kept, mirror.zone, passwords).await.unwrap();
        Found { taken: self.refresh.taken, ..found }
    }
}

async fn an_edit_by_hand_is_in_force_after_one_look(base: Base) {
    let mut bench = Bench::new(base).await;
    assert_eq!((bench.limit(2), bench.limit(4)), (Some(50), Some(10)));

    bench.by_hand("update licenses set sip_numbers = 7 where id = 2").await;
    assert_eq!(bench.limit(4), Some(7));

    bench.by_hand("insert into numbers (aor, group_id) values ('sip:9@e.com', 4)").await;
    assert_eq!(bench.owner("sip:9@e.com"), Some(Holder::Group(GroupId(4))));

    bench.by_hand("update claims set domain = 'd.com' where id = 1").await;
    assert_eq!(bench.owner("sip:1@c.com"), None);
    assert_eq!(bench.owner("sip:1@d.com"), Some(Holder::Group(GroupId(4))));

    assert_eq!(bench.refresh.shared.passwords.get("sip:3@e.com").as_deref(), Some("x"));
    bench.by_hand("update numbers set password = 'y' where id = 3").await;
    assert_eq!(bench.refresh.shared.passwords.get("sip:3@e.com").as_deref(), Some("y"));
    bench.by_hand("delete from numbers where id = 3").await;
    assert_eq!(bench.refresh.shared.passwords.get("sip:3@e.com"), None);
    assert_eq!(bench.owner("sip:3@e.com"), None);
}

#[tokio::test]
async fn a_row_that_is_pushed_out_is_gone() {
    let mut bench = Bench::new(Base::sqlite()).await;

    bench
        .by_hand("insert or replace into numbers (id, aor, group_id) values (1, 'sip:2@e.com', 4)")
        .await;

    assert_eq!(bench.owner("sip:1@e.com"), None);
    assert_eq!(bench.owner("sip:2@e.com"), Some(Holder::Group(GroupId(4))));
    assert!(bench.differences().await.keys.is_empty());
}

async fn numbers_of_a_group_that_was_torn_out_are_unknown_until_it_is_back(base: Base) {
    let mut bench = Bench::new(base).await;

    bench.by_hand("delete from groups where id = 2").await;
    assert_eq!(bench.owner("sip:1@e.com"), None);
    assert_eq!(bench.owner("sip:2@e.com"), None);
    assert!(bench.refresh.shared.stats.misplaced.load(Ordering::Relaxed) > 0);

    bench
        .by_hand("insert into groups (id, parent_id, name, restricted) values (2, 4, 'A', true)")
        .await;
    assert_eq!(bench.owner("sip:2@e.com"), Some(Holder::Group(GroupId(3))));
    assert_eq!(bench.quota.path(Holder::Group(GroupId(3))).unwrap().stops().len(), 2);
    assert_eq!(bench.refresh.shared.stats.misplaced.load(Ordering::Relaxed), 0);
}

async fn a_change_of_access_is_passed_on_and_publishes_nothing(base: Base) {
    let mut bench = Bench::new(base).await;
    bench.refresh.look().await;
    let mut access = bench.refresh.shared.access();
    let published = bench.refresh.shared.stats.published.load(Ordering::Relaxed);

    bench.by_hand("insert into roles values (1, 'site_administrator', 3)").await;

    assert!(access.has_changed().unwrap());
    access.mark_unchanged();
    assert_eq!(bench.refresh.shared.stats.published.load(Ordering::Relaxed), published);
    let position = bench.refresh.feed.position();
    assert_eq!(bench.refresh.shared.known().position, position);
    bench.by_hand("update licenses set sip_numbers = 40 where id = 1").await;
    assert_eq!(bench.limit(2), Some(40));
    assert!(!access.has_changed().unwrap());
}

async fn a_comparison_finds_what_the_feed_did_not_tell(base: Base) {
    let mut bench = Bench::new(base).await;
    let silent = if bench.base.is_postgres() {
        "drop trigger changes_inserted on numbers; drop trigger changes_updated on licenses;"
    } else {
        "drop trigger numbers_inserted; drop trigger licenses_updated;"
    };
    let edits = "insert into numbers (aor, group_id) values ('sip:9@e.com', 4);
        update licenses set sip_numbers = 3 where id = 2";
    bench.by_hand(&format!("{silent} {edits}")).await;
    assert_eq!((bench.owner("sip:9@e.com"), bench.limit(4)), (None, Some(10)));

    let found = bench.differences().await;
    bench.refresh.take_comparison(Ok(found)).await;

    assert_eq!(bench.owner("sip:9@e.com"), Some(Holder::Group(GroupId(4))));
    assert_eq!(bench.limit(4), Some(3));
    assert_eq!(bench.refresh.shared.stats.findings.load(Ordering::Relaxed), 2);
    assert!(bench.differences().await.keys.is_empty());
}

async fn a_failing_store_leaves_the_last_good_tree(base: Base) {
    let mut bench = Bench::new(base).await;
    bench.by_hand("alter table licenses rename to elsewhere").await;
    bench.by_hand("update elsewhere set sip_numbers = 3 where id = 2").await;
    assert_eq!(bench.limit(4), Some(10));
    assert!(bench.refresh.shared.stats.failures.load(Ordering::Relaxed) > 0);

    bench.by_hand("alter table elsewhere rename to licenses").await;
    bench.by_hand("update licenses set suspended = true where id = 1").await;

    assert_eq!((bench.limit(2), bench.limit(4)), (Some(0), Some(3)));
}

async fn a_number_that_came_before_its_owner_counts_once_the_owner_is_there(base: Base) {
    let mut bench = Bench::new(base).await;
    bench.by_hand("insert into numbers (aor, group_id) values ('sip:9@e.com', 9)").await;
    assert_eq!(bench.owner("sip:9@e.com"), None);

    bench.by_hand("insert into groups (id, parent_id, name) values (9, 4, 'D')").await;

    assert_eq!(bench.owner("sip:9@e.com"), Some(Holder::Group(GroupId(9))));
    assert_eq!(bench.refresh.mirror.world.tree.created(Holder::Group(GroupId(9))).total(), 1);
}

async fn whatever_is_written_what_is_kept_is_what_is_stored(base: Base) {
    let mut bench = Bench::new(base).await;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let postgres = bench.base.is_postgres();
    for round in 0..if postgres { 100 } else { 400 } {
        // Torn once, a tree is built anew each time: start whole again.
        if round % 10 == 0 {
            bench = Bench::new(bench.base.another().await).await;
        }
        let sql: Vec<String> =
            (0..=dice.roll(2)).map(|_| random_edit(&mut dice, postgres)).collect();
        let sql = sql.join(";\n");

        bench.by_hand(&sql).await;

        let found = bench.differences().await;
        assert!(found.keys.is_empty() && !found.drifted, "round {round}: {sql}\n{found:?}");
        bench.assert_published_whole(&format!("round {round}: {sql}"));
    }
}

/// Small numbers in a fixed order (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn random_edit(dice: &mut Dice, plain: bool) -> String {
    let group = 2 + dice.roll(6);
    let parent = 1 + dice.roll(7);
    let (one, two, id) = (dice.roll(5), dice.roll(5), 1 + dice.roll(8));
    let or = ["", "or replace", "or ignore"][usize::try_from(dice.roll(3)).unwrap()];
    let or = if plain { "" } else { or };
    match dice.roll(16) {
        0 => format!(
            "insert {or} into groups (id, parent_id, name, restricted) values ({group}, {parent}, 'n{one}', {})",
            dice.roll(2) == 1
        ),
        1 => format!("update {or} groups set parent_id = {parent} where id = {group}"),
        2 => format!(
            "update {or} groups set name = 'n{one}', restricted = not restricted where id = {group}"
        ),
        3 => format!("delete from groups where id = {group}"),
        4 => format!("insert {or} into users (id, name) values ({one}, 'u{two}')"),
        5 => format!("delete from users where id = {one}"),
        6 => format!("insert {or} into memberships values ({one}, {group})"),
        7 => format!("delete from memberships where user_id = {one} and group_id = {group}"),
        8 => format!(
            "insert {or} into licenses (id, group_id, sip_numbers) values ({id}, {group}, {one})"
        ),
        9 => {
            format!("insert {or} into licenses (id, user_id, sip_numbers) values ({id}, {one}, 3)")
        }
        10 => format!("delete from licenses where id = {id}"),
        11 => format!(
            "insert {or} into numbers (id, aor, group_id) values ({id}, 'sip:{one}@e.com', {group})"
        ),
        12 => format!(
            "update {or} numbers set aor = 'sip:{one}@e.com', kind = 'panel' where id = {id}"
        ),
        13 => format!(
            "insert {or} into numbers (aor, user_id, password) values ('sip:{one}@e.com', {two}, 'p{id}')"
        ),
        14 => format!(
            "insert {or} into claims (id, group_id, domain) values ({id}, {group}, 'd{one}.com')"
        ),
        _ => format!("delete from numbers where id = {id}; delete from claims where id = {one}"),
    }
}

#[tokio::test]
async fn a_file_that_was_replaced_is_no_fresh_tree() {
    let mut bench = Bench::new(Base::sqlite()).await;
    let path = bench.base.file();
    std::fs::copy(&path, path.with_extension("copy")).unwrap();
    std::fs::rename(path.with_extension("copy"), &path).unwrap();

    bench.refresh.look().await;

    assert!(bench.refresh.away);
    assert_eq!(bench.limit(4), Some(10));
}

async fn a_running_refresh_has_an_edit_in_force_within_a_second(base: Base) {
    let mut bench = Bench::new(base).await;
    let (_stop, stopped) = oneshot::channel::<()>();
    let run = bench.refresh.run(async { drop(stopped.await) });
    let task = tokio::spawn(run);

    for limit in [3, 9, 4] {
        let edit = format!("update licenses set sip_numbers = {limit} where id = 2");
        bench.hand.run(&edit).await;
        let began = std::time::Instant::now();
        let in_force = || {
            let view = bench.quota.gate(Holder::Group(GroupId(4)), bench.clock.now());
            view.is_some_and(|view| view.sip.limit == limit)
        };
        while !in_force() {
            assert!(began.elapsed() < Duration::from_secs(1), "{limit} is not in force");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    task.abort();
}

async fn a_seat_goes_in_the_second_in_which_its_license_ends(base: Base) {
    let mut bench = Bench::new(base).await;
    let end = bench.clock.now().moment().0 + 2;
    bench.by_hand(&format!("update licenses set valid_until = {end} where id = 2")).await;
    let aor = "sip:1@c.com";
    let now = bench.clock.now();
    let call = Call {
        call_id: b"a".to_vec().into(),
        since_ms: 0,
        until_mono_ms: now.mono_ms + 60_000,
        legs: Vec::new(),
    };
    let owned = bench.quota.owned(aor).unwrap();
    bench.quota.commit_call(aor, &owned, None, call, now).unwrap();
    let (changes, mut taken) = mpsc::channel(10);
    let (quota, clock) = (bench.quota.clone(), bench.clock);
    let task = tokio::spawn(pulse(quota, clock, changes, std::future::pending()));

    let revoked = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            let changes = taken.recv().await.unwrap();
            if !changes.revoked.is_empty() {
                return changes.revoked;
            }
        }
    })
    .await
    .unwrap();

    assert_eq!(clock.now().moment().0, end);
    assert_eq!((&*revoked[0].aor, revoked[0].calls), (aor, 1));
    task.abort();
}

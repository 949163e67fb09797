//! Many threads register, refresh, leave, call and expire while limits change, groups move and
//! snapshots are swapped. Whenever it is quiet, every gate's use is what its listed seats add up to.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use admitd::clock::Now;
use admitd::license::{
    Claim, ClaimId, ClaimRule, Directory, FeatureSet, Group, GroupId, HandOut, Holder, License,
    LicenseId, Moment, Number, NumberId, NumberKind, SERVER, Tree, Usage, User, UserId, Validity,
};
use admitd::quota::{
    Answer, Binding, Call, CallDecision, Counts, Decision, Device, Granted, Ids, Limits, Names,
    Quota, Reach, Registering, SeatKind, Standing, State, Ticket, Touched, Wanted,
};
use admitd::view::{InUse, Occupancy, Tally};

const ROUNDS: u64 = 1_500;
const WORKERS: u64 = 4;
const STEPS: u64 = 12;
const START_MS: i64 = 1_700_000_000_000;

const R: GroupId = GroupId(10);
const A: GroupId = GroupId(11);
const HOUSE: GroupId = GroupId(12);
const B: GroupId = GroupId(13);
const C: GroupId = GroupId(14);
/// Under this root nothing changes, so nothing ever stands above its limit.
const STEADY: GroupId = GroupId(15);
const U: UserId = UserId(1);

/// xorshift: the same seed, the same moves.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

fn group(id: GroupId, parent: GroupId, restricted: bool) -> Group {
    Group {
        id,
        parent: Some(parent),
        name: format!("g{id}"),
        kind: "building".into(),
        restricted,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    }
}

fn license(id: i64, group: GroupId, sip_numbers: u32, validity: Validity) -> License {
    License {
        id: LicenseId(id),
        holder: Holder::Group(group),
        license_type: "Basic".into(),
        sip_numbers,
        mobile_apps: sip_numbers / 2,
        features: FeatureSet::NONE,
        validity,
        suspended: false,
    }
}

fn world() -> (Tree, Directory) {
    let mut tree = Tree::new(chrono_tz::UTC);
    tree.upsert_group(group(R, SERVER, true));
    tree.upsert_group(group(A, R, true));
    tree.upsert_group(group(HOUSE, A, false));
    tree.upsert_group(group(B, R, false));
    tree.upsert_group(group(C, SERVER, true));
    tree.upsert_group(group(STEADY, SERVER, true));
    let user = User { id: U, name: "u".into(), email: None, groups: vec![A, C] };
    tree.upsert_user(user);
    for (id, holder, sip) in [(1, R, 40), (2, A, 15), (3, C, 8), (4, STEADY, 7)] {
        tree.upsert_license(license(id, holder, sip, Validity::default()));
    }
    let mut directory = Directory::new();
    for (id, group, first, last) in
        [(1, HOUSE, "1000", "1999"), (2, B, "2000", "2999"), (3, STEADY, "3000", "3999")]
    {
        let (domain, first, last) = ("example.com".into(), first.into(), last.into());
        let rule = ClaimRule::Range { domain, first, last };
        directory.insert_claim(Claim { id: ClaimId(id), group, rule, kind: NumberKind::Phone });
    }
    for n in 0..6 {
        let owner = if n < 3 { Holder::User(U) } else { Holder::Group(A) };
        let kind = if n % 2 == 0 { NumberKind::Panel } else { NumberKind::Phone };
        create(&mut tree, &mut directory, n, owner, kind);
    }
    (tree, directory)
}

fn create(tree: &mut Tree, directory: &mut Directory, n: u64, owner: Holder, kind: NumberKind) {
    let id = NumberId(n as i64 + 1);
    directory.insert_number(&Number { id, aor: aor(n), owner, kind, password: None });
    tree.add_created(owner, kind, 1);
}

/// The first six are created, then twenty under each claim.
fn aor(n: u64) -> String {
    let user = match n {
        0..6 => n,
        6..26 => 1000 + n,
        26..46 => 2000 + n,
        _ => 3000 + n,
    };
    format!("sip:{user}@example.com")
}

struct Scene {
    quota: Quota,
    mono_ms: AtomicU64,
    order: AtomicU64,
    /// How many registrations were let in, refused before and refused after the answer.
    tally: [AtomicU64; 3],
}

impl Scene {
    fn now(&self) -> Now {
        let mono_ms = self.mono_ms.load(Ordering::SeqCst);
        Now { wall_ms: START_MS + mono_ms as i64, mono_ms }
    }

    fn count(&self, what: usize) {
        self.tally[what].fetch_add(1, Ordering::Relaxed);
    }
}

fn same(instance: u64) -> impl Fn(&Device) -> Option<u8> {
    let instance = instance.to_be_bytes();
    move |device| device.ids.instances().any(|id| *id == instance).then_some(0)
}

fn binding(now: Now, secs: u64, dice: &mut Dice) -> Binding {
    let any = "127.0.0.1:5060".parse().unwrap();
    Binding {
        reg_id: (dice.roll(4) == 0).then_some(1),
        contact: b"sip:x@127.0.0.1".as_slice().into(),
        reach: Reach { transport: 0, remote: any, local: any, socket: 0, connection: 0 },
        until_mono_ms: now.mono_ms + secs * 1000,
        upstream_until_mono_ms: now.mono_ms + secs * 1000,
        granted_ms: secs * 1000,
    }
}

/// A reservation whose answer is still out.
struct Open {
    n: u64,
    instance: u64,
    order: u64,
    ticket: Option<Ticket>,
}

fn register(scene: &Scene, n: u64, dice: &mut Dice, open: &mut Vec<Open>) {
    let now = scene.now();
    let instance = dice.roll(4);
    let app = instance % 2 == 1;
    let Some(owned) = scene.quota.owned(&aor(n)) else { return };
    let matcher = same(instance);
    let ids =
        || Ids { instances: vec![instance.to_be_bytes().as_slice().into()], ..Ids::default() };
    let wanted = Wanted { matcher: &matcher, ids: &ids, app, push: app, needs: FeatureSet::NONE };
    let other = same(dice.roll(4));
    let leaves: &[admitd::quota::Matcher<'_>] = if dice.roll(8) == 0 { &[&other] } else { &[] };
    let standing = [Standing::Proved, Standing::Presented, Standing::Bare][dice.roll(3) as usize];
    let request = Registering { adds: &[wanted], leaves, standing };
    let order = scene.order.fetch_add(1, Ordering::SeqCst);

    let ticket = match scene.quota.reserve(&aor(n), &owned, &request, now) {
        Decision::Refuse(_) => return scene.count(1),
        Decision::Renew(_) | Decision::Unreserved(_) => None,
        Decision::Take(ticket) => Some(ticket),
    };
    match dice.roll(8) {
        0 => drop(ticket),
        1 => open.push(Open { n, instance, order, ticket }),
        _ => settle(scene, Open { n, instance, order, ticket }, dice),
    }
}

fn settle(scene: &Scene, open: Open, dice: &mut Dice) {
    let now = scene.now();
    let Some(owned) = scene.quota.owned(&aor(open.n)) else { return };
    let matcher = same(open.instance);
    let app = open.instance % 2 == 1;
    let granted = Granted {
        matcher: &matcher,
        ids: Ids {
            instances: vec![open.instance.to_be_bytes().as_slice().into()],
            ..Ids::default()
        },
        app,
        push: app,
        needs: FeatureSet::NONE,
        binding: binding(now, [5, 20, 60, 700][dice.roll(4) as usize], dice),
    };
    let listed = |device: &Device| matcher(device).is_some();
    let answer = Answer {
        granted: &[granted],
        gone: &[],
        order: open.order,
        listed: if dice.roll(16) == 0 { Some(&listed) } else { None },
        unchallenged: dice.roll(16) == 0,
    };
    let settled = scene.quota.settle(&aor(open.n), &owned, open.ticket, &answer, now);
    scene.count(if settled.late_refusal.is_some() { 2 } else { 0 });
}

fn leave(scene: &Scene, n: u64, dice: &mut Dice) {
    let Some(owned) = scene.quota.owned(&aor(n)) else { return };
    let matcher = same(dice.roll(4));
    let order = scene.order.fetch_add(1, Ordering::SeqCst);
    let answer =
        Answer { granted: &[], gone: &[&matcher], order, listed: None, unchallenged: false };
    scene.quota.settle(&aor(n), &owned, None, &answer, scene.now());
}

fn call(scene: &Scene, n: u64, dice: &mut Dice) {
    let now = scene.now();
    let Some(owned) = scene.quota.owned(&aor(n)) else { return };
    let id = dice.roll(3).to_be_bytes();
    if dice.roll(2) == 0 {
        scene.quota.end_call(&aor(n), &id, [0, 0], now);
        return;
    }
    let decision = scene.quota.reserve_call(&aor(n), &owned, &id, FeatureSet::NONE, now);
    let CallDecision::Take(ticket) = decision else { return };
    if dice.roll(3) > 0 {
        let until_mono_ms = now.mono_ms + 10_000;
        let call = Call {
            call_id: id.as_slice().into(),
            since_ms: now.wall_ms,
            until_mono_ms,
            legs: Vec::new(),
        };
        let _ = scene.quota.commit_call(&aor(n), &owned, Some(ticket), call, now);
    }
}

fn work(scene: &Scene, dice: &mut Dice, open: &mut Vec<Open>) {
    for _ in 0..STEPS {
        let n = dice.roll(66);
        match dice.roll(20) {
            0..12 => register(scene, n, dice, open),
            12..14 => leave(scene, n, dice),
            14..16 => call(scene, n, dice),
            16 => {
                scene.quota.free(&aor(n), Some(dice.roll(4) as u32 + 1), scene.now());
            }
            17 => drop((scene.quota.changed(16), scene.quota.gone(16))),
            18 => drop(scene.quota.tick(scene.now())),
            _ => match open.pop() {
                Some(one) if dice.roll(3) > 0 => settle(scene, one, dice),
                _ => {}
            },
        }
    }
}

/// Changes the tree by one throw and says what that touches.
fn change(tree: &mut Tree, directory: &mut Directory, dice: &mut Dice, now: Now) -> Touched {
    let these = |holders: Vec<Holder>, numbers: Vec<String>| Touched::These {
        holders,
        numbers,
        claims: false,
    };
    let (id, holder) = [(1, R), (2, A), (3, C)][dice.roll(3) as usize];
    match dice.roll(7) {
        0 | 1 => {
            let sip = dice.roll(30) as u32 + 3;
            tree.upsert_license(license(id, holder, sip, Validity::default()));
            these(vec![Holder::Group(holder)], Vec::new())
        }
        2 => {
            // One that ends soon, beside one that lasts.
            let until = Some(Moment(now.moment().0 + dice.roll(3) as i64));
            let validity = Validity { from: None, until };
            tree.upsert_license(license(id + 100, holder, dice.roll(10) as u32, validity));
            these(vec![Holder::Group(holder)], Vec::new())
        }
        3 => {
            let suspended = dice.roll(2) == 0;
            let old = license(id, holder, 12, Validity::default());
            tree.upsert_license(License { suspended, ..old });
            these(vec![Holder::Group(holder)], Vec::new())
        }
        4 => {
            let parent = [A, B, C, R][dice.roll(4) as usize];
            let before = tree.group(HOUSE).and_then(|house| house.parent).unwrap();
            tree.upsert_group(group(HOUSE, parent, dice.roll(4) == 0));
            tree.upsert_license(license(50, HOUSE, 6, Validity::default()));
            these([HOUSE, before, parent].map(Holder::Group).to_vec(), Vec::new())
        }
        5 => {
            let hand_out = if dice.roll(2) == 0 { HandOut::Split } else { HandOut::Shared };
            let parent = tree.group(holder).and_then(|group| group.parent).unwrap();
            let monitor = dice.roll(4) == 0;
            tree.upsert_group(Group { hand_out, monitor, ..group(holder, parent, true) });
            these(vec![Holder::Group(holder)], Vec::new())
        }
        _ => {
            // A claimed number is created, or a created one falls back to its claim.
            let n = 6 + dice.roll(4);
            let id = NumberId(n as i64 + 1);
            match directory.remove_number(id) {
                Some(entry) => tree.add_created(entry.owner, entry.kind, -1),
                None => create(tree, directory, n, Holder::Group(B), NumberKind::Panel),
            }
            these(vec![Holder::Group(B)], vec![aor(n)])
        }
    }
}

/// Nobody moves: every gate agrees with its list, and nothing stands above a limit.
fn check(scene: &Scene, round: u64) {
    let now = scene.now();
    scene.quota.boundary(now);
    scene.quota.tick(now);
    let counted = scene.quota.counted();
    for view in scene.quota.gates(now) {
        let used = Counts::in_use(view.sip, view.apps, view.claimed);
        let seats = counted.get(&view.holder).copied().unwrap_or_default();
        assert_eq!(used, seats, "round {round}, gate {:?}", view.holder);

        let listed = scene.quota.list(&|path| path.passes(view.holder), now);
        let counts = listed.iter().filter(|seat| seat.state != State::Dormant);
        let numbers: HashSet<_> = counts.clone().map(|seat| seat.aor.clone()).collect();
        let apps: u32 = counts.clone().map(|seat| seat.apps).sum();
        let listed = (numbers.len() as i64, i64::from(apps));
        assert_eq!((used.sip, used.apps), listed, "round {round}, gate {:?}", view.holder);
        let lines = counts.filter(|seat| seat.kind == SeatKind::Sip);
        assert!(lines.count() <= numbers.len(), "a number counts once");

        assert!(used.sip >= 0 && used.apps >= 0 && used.claimed >= 0, "round {round}: {view:?}");
        let over = view.sip.in_use > view.sip.limit || view.apps.in_use > view.apps.limit;
        assert!(view.monitor || !over, "round {round}: {view:?}");
    }
}

/// Gate or not: what is asked for one holder is what all seats together add up to.
fn check_sums(scene: &Scene, tree: &Tree) {
    let now = scene.now();
    let mut seats = scene.quota.list(&|_| true, now);
    let all = Tally::of(tree, &seats);
    seats.retain(|seat| seat.kind != SeatKind::Reserved);
    let settled = Tally::of(tree, &seats);
    let in_use = InUse::new(&scene.quota, tree, now);
    let figures = |usage: &dyn Usage, holder| {
        [
            usage.sip_seats(holder),
            usage.app_seats(holder),
            usage.claimed_seats(holder),
            usage.promised_seats(holder),
        ]
    };
    let groups = tree.groups().map(|group| Holder::Group(group.id));
    for holder in groups.chain(tree.users().map(|user| Holder::User(user.id))) {
        let occupancy = Occupancy::count(&scene.quota, tree, holder);
        assert_eq!(figures(&occupancy, holder), figures(&settled, holder), "{holder:?}");
        for gate in tree.path(holder) {
            assert_eq!(figures(&occupancy, gate), figures(&settled, gate), "{gate:?}");
        }
        assert_eq!(figures(&in_use, holder), figures(&all, holder), "{holder:?}");
    }
}

/// While all others work: the steady gate is never above its limit, not for an instant.
fn watch(scene: &Scene, done: &AtomicBool) -> u64 {
    let mut looks = 0;
    while !done.load(Ordering::Relaxed) {
        let view = scene.quota.gate(Holder::Group(STEADY), scene.now()).unwrap();
        assert!(view.sip.in_use <= view.sip.limit, "{view:?}");
        assert!(view.apps.in_use <= view.apps.limit, "{view:?}");
        looks += 1;
        thread::yield_now();
    }
    looks
}

#[test]
fn used_is_what_is_listed_after_fifteen_hundred_rounds() {
    let (mut tree, mut directory) = world();
    let scene = Arc::new(Scene {
        quota: Quota::new(Limits::default()),
        mono_ms: AtomicU64::new(1),
        order: AtomicU64::new(1),
        tally: Default::default(),
    });
    scene.quota.publish(&tree, directory.clone(), &Touched::Everything, scene.now());
    let barrier = Arc::new(Barrier::new(WORKERS as usize + 1));
    let done = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (scene, done) = (Arc::clone(&scene), Arc::clone(&done));
        thread::spawn(move || watch(&scene, &done))
    };
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let (scene, barrier) = (Arc::clone(&scene), Arc::clone(&barrier));
            thread::spawn(move || {
                let mut dice = Dice::new(worker + 1);
                let mut open = Vec::new();
                for _ in 0..ROUNDS {
                    barrier.wait();
                    work(&scene, &mut dice, &mut open);
                    open.truncate(3);
                    barrier.wait();
                }
                // Nobody moves while the last round is checked either.
                open
            })
        })
        .collect();

    let mut dice = Dice::new(99);
    let mut revoked = 0;
    for round in 0..ROUNDS {
        scene.mono_ms.fetch_add(dice.roll(4_000), Ordering::SeqCst);
        barrier.wait();
        for _ in 0..=dice.roll(2) {
            let touched = change(&mut tree, &mut directory, &mut dice, scene.now());
            let now = scene.now();
            revoked += scene.quota.publish(&tree, directory.clone(), &touched, now).revoked.len();
            scene.mono_ms.fetch_add(dice.roll(500), Ordering::SeqCst);
        }
        barrier.wait();
        check(&scene, round);
        check_sums(&scene, &tree);
    }
    for worker in workers {
        drop(worker.join().unwrap());
    }
    done.store(true, Ordering::Relaxed);
    let looks = watcher.join().unwrap();

    check(&scene, ROUNDS);
    for n in 0..66 {
        scene.quota.free(&aor(n), None, scene.now());
    }
    for view in scene.quota.gates(scene.now()) {
        assert_eq!((view.sip.in_use, view.apps.in_use, view.claimed.in_use), (0, 0, 0), "{view:?}");
    }
    let [admitted, refused, late] = [0, 1, 2].map(|n| scene.tally[n].load(Ordering::Relaxed));
    eprintln!(
        "admitted {admitted}, refused {refused}, late {late}, revoked {revoked}, looks {looks}"
    );
    assert!(admitted > 5_000 && refused > 1_000 && late > 100 && revoked > 1_000);
}

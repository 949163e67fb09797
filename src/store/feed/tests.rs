//! Whoever writes, and however: the reader is told.

use super::super::base::{Base, on_both};
use super::*;

on_both!(
    rows_beside_the_record_count_as_the_record,
    names_that_look_like_sql_come_through,
    a_table_that_was_emptied_is_read_again,
    a_write_of_ours_is_included_once_it_was_read,
    a_write_of_this_process_is_due_at_once,
    a_large_change_comes_in_parts,
    pruning_takes_only_what_every_reader_has_left_behind,
);

const RECORDS: &str = "
    insert into groups (id, parent_id, name) values (2, 1, 'A'), (3, 1, 'B');
    insert into users (id, name) values (2, 'u');
    insert into numbers (id, aor, group_id) values (5, 'sip:1@e.com', 2), (6, 'sip:2@e.com', 2);
    insert into claims (id, group_id, domain) values (1, 2, 'e.com');";

/// A reader that has read everything.
async fn feed(store: &Store) -> Feed {
    let start = store.read_records().await.unwrap().position;
    let mut feed = Feed::open(store, &start).await.unwrap();
    assert_eq!(feed.look().await.unwrap(), None);
    feed
}

async fn changed_by(base: &Base, sql: &str) -> Vec<Key> {
    let base = base.another().await;
    let store = base.store().await;
    let mut hand = base.careless_hand().await;
    hand.run(RECORDS).await;
    let mut feed = feed(&store).await;

    hand.run(sql).await;

    let Some(Changed::Keys(keys)) = feed.look().await.unwrap() else { panic!("no keys") };
    assert_eq!(feed.look().await.unwrap(), None);
    keys.into_iter().collect()
}

fn number(user: u8) -> Key {
    Key::Number(format!("sip:{user}@e.com"))
}

async fn rows_beside_the_record_count_as_the_record(base: Base) {
    let member = changed_by(&base, "insert into memberships values (2, 3)").await;
    let address = changed_by(&base, "insert into group_admin_emails values (3, 'a@b')").await;
    let moved = changed_by(&base, "update numbers set id = 70 where id = 5").await;
    let named = changed_by(&base, "update numbers set aor = 'sip:3@e.com' where id = 5").await;
    let gone = changed_by(&base, "delete from groups where id = 2").await;

    assert_eq!(member, [Key::User(UserId(2))]);
    assert_eq!(address, [Key::Group(GroupId(3))]);
    assert_eq!(moved, [number(1)]);
    assert_eq!(named, [number(1), number(3)]);
    assert_eq!(gone, [Key::Group(GroupId(2))]);
}

async fn names_that_look_like_sql_come_through(base: Base) {
    let aor = "sip:a'?$1\\%s--@e.com";
    let quoted = aor.replace('\'', "''");

    let keys =
        changed_by(&base, &format!("update numbers set aor = '{quoted}' where id = 5")).await;

    assert_eq!(keys, [number(1), Key::Number(aor.into())]);
}

async fn a_table_that_was_emptied_is_read_again(base: Base) {
    let store = base.store().await;
    let mut hand = base.hand().await;
    hand.run(RECORDS).await;
    let mut feed = feed(&store).await;

    let empty = if base.is_postgres() { "truncate numbers" } else { "delete from numbers" };
    hand.run(empty).await;

    let all = Changed::Keys([number(1), number(2)].into());
    let expected = if base.is_postgres() { Changed::Everything } else { all };
    assert_eq!(feed.look().await.unwrap(), Some(expected));
}

async fn a_write_of_ours_is_included_once_it_was_read(base: Base) {
    let store = base.store().await;
    let mut feed = feed(&store).await;

    let mut writing = store.writing().await.unwrap();
    let insert = "insert into users (name) values ('u')";
    super::super::sql::sql(insert).execute(writing.conn()).await.unwrap();
    let mark = writing.commit().await.unwrap();

    assert!(!feed.position().includes(&mark));
    assert!(feed.look().await.unwrap().is_some());
    assert!(feed.position().includes(&mark));
    assert!(store.read_records().await.unwrap().position.includes(&mark));
}

async fn a_write_of_this_process_is_due_at_once(base: Base) {
    let store = base.store().await;
    let feed = feed(&store).await;
    // Whatever the start has to say is said.
    while tokio::time::timeout(Duration::from_millis(50), store.wake.notified()).await.is_ok() {}
    store.set_setting("a", "b").await.unwrap();

    let due = tokio::time::timeout(Duration::from_millis(50), feed.due()).await;

    assert!(due.is_ok());
}

async fn a_large_change_comes_in_parts(base: Base) {
    let store = base.store().await;
    let mut feed = feed(&store).await;
    base.hand().await.run(&many_users(23_000)).await;
    let mut sizes = Vec::new();

    while let Some(changed) = feed.look().await.unwrap() {
        let Changed::Keys(keys) = changed else { panic!("everything") };
        sizes.push(keys.len());
    }

    assert_eq!(sizes, [10_000, 10_000, 3_000]);
}

async fn pruning_takes_only_what_every_reader_has_left_behind(base: Base) {
    let store = base.store().await;
    let mut feed = feed(&store).await;
    let mut hand = base.hand().await;
    hand.run(&many_users(23_000)).await;
    let kept = if base.is_postgres() {
        hand.run("update changes set at = at - 90000 where seq <= 20000").await;
        3_001
    } else {
        10_000
    };

    feed.look().await.unwrap();
    store.prune_feed(&feed.position()).await.unwrap();
    assert_eq!(hand.int("select count(*) from changes where entity = 'users'").await, 23_000);
    while feed.look().await.unwrap().is_some() {}
    store.prune_feed(&feed.position()).await.unwrap();

    let left = hand.int("select count(*) from changes").await;
    assert!((left - kept).abs() <= 1, "{left}");
    assert_eq!(feed.look().await.unwrap(), None);
    hand.run("delete from users where name = 'u7'").await;
    let Some(Changed::Keys(keys)) = feed.look().await.unwrap() else { panic!("no keys") };
    assert_eq!(keys.len(), 1);
}

fn many_users(count: u32) -> String {
    format!(
        "insert into users (name)
         with recursive n (i) as (select 1 union all select i + 1 from n where i < {count})
         select 'u' || i from n"
    )
}

#[tokio::test]
async fn a_row_that_is_pushed_out_is_named() {
    let base = Base::sqlite();
    let changed = async |sql| changed_by(&base, sql).await;

    let by_replace =
        changed("insert or replace into numbers (id, aor, group_id) values (9, 'sip:1@e.com', 3)");
    let by_update = changed("update or replace numbers set aor = 'sip:1@e.com' where id = 6");
    let by_id =
        changed("insert or replace into numbers (id, aor, group_id) values (5, 'sip:3@e.com', 3)");
    let group = changed("insert or replace into groups (parent_id, name) values (1, 'A')");
    let claim = changed("insert or replace into claims (group_id, domain) values (3, 'e.com')");

    assert_eq!(by_replace.await, [number(1)]);
    assert_eq!(by_update.await, [number(1), number(2)]);
    assert_eq!(by_id.await, [number(1), number(3)]);
    assert_eq!(group.await, [Key::Group(GroupId(2)), Key::Group(GroupId(4))]);
    assert_eq!(claim.await, [Key::Claim(ClaimId(1)), Key::Claim(ClaimId(2))]);
}

#[tokio::test]
async fn a_hole_in_the_feed_of_a_file_asks_for_everything() {
    let base = Base::sqlite();
    let store = base.store().await;
    let mut feed = Feed::open(&store, &Position::default()).await.unwrap();
    let mut hand = base.hand().await;

    hand.run("insert into users (name) values ('u'), ('v'); delete from changes where seq = 1")
        .await;

    assert_eq!(feed.look().await.unwrap(), Some(Changed::Everything));
    feed.restart(&Position(At::Change(2)));
    assert_eq!(feed.look().await.unwrap(), None);
    hand.run("insert into users (name) values ('w'); delete from changes").await;
    assert_eq!(feed.look().await.unwrap(), Some(Changed::Everything));
}

#[cfg(feature = "peers")]
mod on_a_server {
    use super::*;

    fn user(name: &str) -> String {
        format!("insert into users (name) values ('{name}')")
    }

    fn count(changed: Option<Changed>) -> usize {
        match changed {
            Some(Changed::Keys(keys)) => keys.len(),
            None => 0,
            Some(Changed::Everything) => panic!("everything"),
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_when_the_first_commits_last() {
        let base = Base::postgres().await;
        let store = base.store().await;
        let mut feed = feed(&store).await;
        let (mut early, mut late) = (base.hand().await, base.hand().await);

        early.run(&format!("begin; {}", user("early"))).await;
        late.run(&user("late")).await;
        let first = count(feed.look().await.unwrap());
        let meanwhile = store.read_records().await.unwrap();
        let mut beginner = Feed::open(&store, &meanwhile.position).await.unwrap();
        early.run("commit").await;
        let second = count(feed.look().await.unwrap());

        assert_eq!((first, second, meanwhile.users.len()), (1, 1, 1));
        assert_eq!(count(beginner.look().await.unwrap()), 1);
        assert_eq!(count(feed.look().await.unwrap()), 0);
    }

    #[tokio::test]
    async fn a_long_transaction_stalls_neither_the_reader_nor_a_writer() {
        let base = Base::postgres().await;
        let store = base.store().await;
        let mut feed = feed(&store).await;
        let mut long = base.hand().await;
        long.run(&format!("begin; {}", user("long"))).await;

        for round in 0..3 {
            store.set_setting("round", &round.to_string()).await.unwrap();
            base.hand().await.run(&user(&format!("short{round}"))).await;
            assert_eq!(count(feed.look().await.unwrap()), 1);
        }
        long.run("rollback").await;

        assert_eq!(count(feed.look().await.unwrap()), 0);
    }

    #[tokio::test]
    async fn a_notification_is_heard_and_a_lost_one_made_up_for() {
        let base = Base::postgres().await;
        let store = base.store().await;
        let mut feed = feed(&store).await;
        let Reader::Postgres(reader) = &feed.reader else { panic!("no server") };
        while reader.pause() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.wake.notified().await;
        let mut hand = base.hand().await;

        hand.run(&user("told")).await;
        tokio::time::timeout(Duration::from_millis(500), feed.due()).await.unwrap();
        assert_eq!(count(feed.look().await.unwrap()), 1);

        hand.run(
            "do $$ begin execute replace(pg_get_functiondef('note_changes'::regproc),
                'pg_notify(''admitd_changes'', '''')', 'now()'); end $$",
        )
        .await;
        hand.run(&user("untold")).await;
        tokio::time::timeout(Duration::from_millis(1500), feed.due()).await.unwrap();
        assert_eq!(count(feed.look().await.unwrap()), 1);
    }

    #[tokio::test]
    async fn a_server_that_was_away_is_followed_again() {
        let base = Base::postgres().await;
        let store = base.store().await;
        let mut feed = feed(&store).await;

        base.close().await;
        let away = feed.look().await;
        base.reopen().await;
        base.hand().await.run(&user("back")).await;

        assert!(matches!(away, Err(crate::store::Error::Database(_))), "{away:?}");
        assert_eq!(count(feed.look().await.unwrap()), 1);
        store.set_setting("a", "b").await.unwrap();
    }

    #[tokio::test]
    async fn tables_that_were_put_back_are_read_again() {
        let base = Base::postgres().await;
        let store = base.store().await;
        let mut feed = feed(&store).await;

        let copied = "alter table changes rename to before;
            create table changes (like before including all)";
        base.hand().await.run(copied).await;

        assert_eq!(feed.look().await.unwrap(), Some(Changed::Everything));
        feed.restart(&store.read_records().await.unwrap().position);
        assert_eq!(feed.look().await.unwrap(), None);
    }
}

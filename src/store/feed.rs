//! The change feed: which keys to read again. `pragma data_version` moves whenever another
//! connection commits, whoever owns it, so a look costs microseconds while nothing happens.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::ConnectOptions;

use crate::license::{ClaimId, GroupId, LicenseId, UserId};

use super::open::options;
use super::sql::{Conn, sql};
use super::{Result, Store};

/// Between two steps of pruning other writers get in.
const PAUSE: Duration = Duration::from_millis(110);
/// More than this is read in the next look: an import must not hold up a license.
const AT_ONCE: i64 = 10_000;
/// Rows that stay behind the reader, for people who ask what happened.
const KEPT: i64 = 10_000;
/// Deleting in steps keeps the writer's lock short.
const PRUNED_AT_ONCE: i64 = 5_000;

/// Which record changed. Members and addresses count as their user's and their group's. In this
/// order records can be read again: whoever is referred to comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Group(GroupId),
    User(UserId),
    License(LicenseId),
    Claim(ClaimId),
    /// By address, so that one that is gone can still be found where it was.
    Number(String),
}

/// What to read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The rows with these keys were written or removed.
    Keys(BTreeSet<Key>),
    /// The feed has a hole (rows were removed by hand, an older file was put back): everything.
    Everything,
}

/// A reader of the feed, on a connection that never writes.
pub struct Feed {
    conn: Conn,
    version: Option<i64>,
    position: i64,
}

impl Feed {
    /// Follows the changes after `position`, which is what a read of everything came with.
    pub async fn open(store: &Store, position: i64) -> Result<Self> {
        let conn = options(store.path()).connect().await?;
        Ok(Self { conn: Conn::Sqlite(Box::new(Box::new(conn))), version: None, position })
    }

    /// Looks once: what changed since the last look, if anything did.
    pub async fn look(&mut self) -> Result<Option<Changed>> {
        let (version,): (i64,) = sql("pragma data_version").one(&mut self.conn).await?;
        if self.version == Some(version) {
            return Ok(None);
        }
        let changed = self.read().await?;
        // Only after a read that reached the end: else the rest would wait for the next writer.
        if changed.is_none() {
            self.version = Some(version);
        }
        Ok(changed)
    }

    /// The last change that was handed out.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Goes on from `position`, after everything was read again.
    pub fn restart(&mut self, position: i64) {
        self.position = position;
        self.version = None;
    }

    async fn read(&mut self) -> Result<Option<Changed>> {
        let found: Vec<(i64, String, String)> =
            sql("select seq, entity, key from changes where seq > ? order by seq limit ?")
                .bind(self.position)
                .bind(AT_ONCE)
                .all(&mut self.conn)
                .await?;
        let Some(&(last, ..)) = found.last() else {
            let behind = position(&mut self.conn).await? != self.position;
            return Ok(behind.then_some(Changed::Everything));
        };
        // Numbers of the feed have no holes: a rollback takes its numbers back.
        if last - self.position != i64::try_from(found.len()).unwrap_or(i64::MAX) {
            return Ok(Some(Changed::Everything));
        }
        self.position = last;
        let keys = found.into_iter().filter_map(|(_, entity, key)| key_of(&entity, key)).collect();
        Ok(Some(Changed::Keys(keys)))
    }
}

impl Store {
    /// Removes what the reader at `position` no longer needs, a few thousand rows in a transaction.
    pub async fn prune_feed(&self, position: i64) -> Result<()> {
        loop {
            let mut writing = self.writing().await?;
            let removed = sql(
                "delete from changes where seq in (select seq from changes where seq <= ? order by seq limit ?)",
            )
            .bind(position - KEPT)
            .bind(PRUNED_AT_ONCE)
            .execute(writing.conn())
            .await?;
            writing.commit().await?;
            if i64::try_from(removed).unwrap_or_default() < PRUNED_AT_ONCE {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The number of the last change ever written.
pub(super) async fn position(conn: &mut Conn) -> Result<i64> {
    let last = sql("select seq from sqlite_sequence where name = 'changes'").optional(conn).await?;
    Ok(last.map(|(last,)| last).unwrap_or_default())
}

fn key_of(entity: &str, key: String) -> Option<Key> {
    if entity == "numbers" {
        return Some(Key::Number(key));
    }
    let id = key.parse().ok()?;
    Some(match entity {
        "groups" => Key::Group(GroupId(id)),
        "users" => Key::User(UserId(id)),
        "licenses" => Key::License(LicenseId(id)),
        "claims" => Key::Claim(ClaimId(id)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnection;

    use super::*;

    /// A connection as of a person with `sqlite3`: no foreign keys, no manners.
    async fn by_hand(store: &Store) -> SqliteConnection {
        sqlx::sqlite::SqliteConnectOptions::new()
            .filename(store.path())
            .foreign_keys(false)
            .connect()
            .await
            .unwrap()
    }

    async fn changed_by(sql: &'static str) -> Vec<Key> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open("sqlite:a.db", folder.path()).await.unwrap();
        let mut hand = by_hand(&store).await;
        sqlx::raw_sql(
            "insert into groups (id, parent_id, name) values (2, 1, 'A'), (3, 1, 'B');
             insert into users (id, name) values (2, 'u');
             insert into numbers (id, aor, group_id) values (5, 'sip:1@e.com', 2), (6, 'sip:2@e.com', 2);
             insert into claims (id, group_id, domain) values (1, 2, 'e.com');",
        )
        .execute(&mut hand)
        .await
        .unwrap();
        let start = store.read_records().await.unwrap().position;
        let mut feed = Feed::open(&store, start).await.unwrap();
        assert_eq!(feed.look().await.unwrap(), None);

        sqlx::raw_sql(sql).execute(&mut hand).await.unwrap();

        let Some(Changed::Keys(keys)) = feed.look().await.unwrap() else { panic!("no keys") };
        assert_eq!(feed.look().await.unwrap(), None);
        keys.into_iter().collect()
    }

    fn number(user: u8) -> Key {
        Key::Number(format!("sip:{user}@e.com"))
    }

    #[tokio::test]
    async fn a_row_that_is_pushed_out_is_named() {
        let by_replace = changed_by(
            "insert or replace into numbers (id, aor, group_id) values (9, 'sip:1@e.com', 3)",
        )
        .await;
        let by_update =
            changed_by("update or replace numbers set aor = 'sip:1@e.com' where id = 6").await;
        let by_id = changed_by(
            "insert or replace into numbers (id, aor, group_id) values (5, 'sip:3@e.com', 3)",
        )
        .await;
        let group =
            changed_by("insert or replace into groups (parent_id, name) values (1, 'A')").await;
        let claim =
            changed_by("insert or replace into claims (group_id, domain) values (3, 'e.com')")
                .await;

        assert_eq!(by_replace, [number(1)]);
        assert_eq!(by_update, [number(1), number(2)]);
        assert_eq!(by_id, [number(1), number(3)]);
        assert_eq!(group, [Key::Group(GroupId(2)), Key::Group(GroupId(4))]);
        assert_eq!(claim, [Key::Claim(ClaimId(1)), Key::Claim(ClaimId(2))]);
    }

    #[tokio::test]
    async fn rows_beside_the_record_count_as_the_record() {
        let member = changed_by("insert into memberships values (2, 3)").await;
        let address = changed_by("insert into group_admin_emails values (3, 'a@b')").await;
        let moved = changed_by("update numbers set id = 70 where id = 5").await;
        let gone = changed_by("delete from groups where id = 2").await;

        assert_eq!(member, [Key::User(UserId(2))]);
        assert_eq!(address, [Key::Group(GroupId(3))]);
        assert_eq!(moved, [number(1)]);
        assert_eq!(gone, [Key::Group(GroupId(2))]);
    }

    #[tokio::test]
    async fn a_hole_in_the_feed_asks_for_everything() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open("sqlite:a.db", folder.path()).await.unwrap();
        let mut feed = Feed::open(&store, 0).await.unwrap();
        let mut hand = by_hand(&store).await;

        sqlx::raw_sql(
            "insert into users (name) values ('u'), ('v'); delete from changes where seq = 1",
        )
        .execute(&mut hand)
        .await
        .unwrap();

        assert_eq!(feed.look().await.unwrap(), Some(Changed::Everything));
        feed.restart(2);
        assert_eq!(feed.look().await.unwrap(), None);
        sqlx::raw_sql("insert into users (name) values ('w'); delete from changes")
            .execute(&mut hand)
            .await
            .unwrap();
        assert_eq!(feed.look().await.unwrap(), Some(Changed::Everything));
    }

    #[tokio::test]
    async fn pruning_takes_only_what_every_reader_has_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open("sqlite:a.db", folder.path()).await.unwrap();
        let mut feed = Feed::open(&store, 0).await.unwrap();
        sqlx::raw_sql(
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < 23000)
             insert into users (name) select 'u' || i from n",
        )
        .execute(&mut by_hand(&store).await)
        .await
        .unwrap();
        let rows = async || -> i64 {
            let mut conn = store.conn().await.unwrap();
            let (rows,) = sql("select count(*) from changes").one(&mut conn).await.unwrap();
            rows
        };

        feed.look().await.unwrap();
        store.prune_feed(feed.position()).await.unwrap();
        assert_eq!(rows().await, 23_000);
        while feed.look().await.unwrap().is_some() {}
        store.prune_feed(feed.position()).await.unwrap();

        assert_eq!((feed.position(), rows().await), (23_000, 10_000));
        assert_eq!(feed.look().await.unwrap(), None);
        sqlx::raw_sql("delete from users where id = 7")
            .execute(&mut by_hand(&store).await)
            .await
            .unwrap();
        let gone = Changed::Keys([Key::User(UserId(7))].into());
        assert_eq!(feed.look().await.unwrap(), Some(gone));
    }
}

//! The records as somebody in this process keeps them: a write then reads only what changed since,
//! however large the tree is.

use std::sync::Arc;

use crate::license::World;

use super::sql::Conn;
use super::{Changed, Key, Position, Result, Step, Store, feed, read};

/// All records at one position of the feed.
#[derive(Clone)]
pub struct Known {
    pub world: Arc<World>,
    pub position: Position,
    /// Nothing was left out of the tree: no change can bring back what is not in it.
    pub whole: bool,
}

/// Whoever keeps them.
pub type Keeper = Arc<dyn Fn() -> Arc<Known> + Send + Sync>;

impl Store {
    /// Writes begin from what `keeper` knows. Only the first keeper counts.
    pub fn begin_from(&self, keeper: Keeper) {
        let _ = self.keeper.set(keeper);
    }

    /// The records as the transaction sees them, if somebody keeps them and the feed leads on from
    /// there.
    pub(super) async fn at_hand(&self, conn: &mut Conn) -> Result<Option<World>> {
        let Some(keeper) = self.keeper.get() else { return Ok(None) };
        let known = keeper();
        let keys = match feed::since(conn, &known.position).await? {
            None => return Ok(Some(World::clone(&known.world))),
            Some(Changed::Everything) => return Ok(None),
            Some(Changed::Keys(keys)) => keys,
        };
        let structural = keys.iter().any(|key| matches!(key, Key::Group(_) | Key::User(_)));
        if structural && !known.whole {
            return Ok(None);
        }
        let records = read::at_keys(conn, &keys).await?;
        let mut step = Step::new(World::clone(&known.world));
        Ok(step.take(&keys, &records).then_some(step.world))
    }
}

#[cfg(test)]
mod tests {
    use super::super::base::{Base, on_both};
    use super::*;
    use crate::license::{
        FeatureSet, Group, GroupId, Holder, License, LicenseId, Moment, Number, NumberId,
        NumberKind, SERVER, User, UserId, Validity,
    };
    use crate::store::{CreatedByOwner, Terms};

    on_both!(what_is_at_hand_is_what_a_full_read_finds, what_the_feed_cannot_tell_is_read_whole,);

    async fn known(store: &Store) -> Known {
        let mut world = World::default();
        let mut created = CreatedByOwner::default();
        let read = store.read_all(|row| {
            let count = created.entry(row.owner).or_default();
            *count = count.with(row.kind, 1);
            world.directory.insert_number(&Number::from(row));
        });
        let mut all = read.await.unwrap();
        world.tree = all.tree(chrono_tz::UTC, &created);
        Known { world: Arc::new(world), position: all.position, whole: true }
    }

    /// All that a check asks of the records, in one text.
    fn told(world: &World) -> String {
        let World { tree, directory } = world;
        let mut groups: Vec<_> = tree.groups().collect();
        groups.sort_by_key(|group| group.id);
        let mut users: Vec<_> = tree.users().collect();
        users.sort_by_key(|user| user.id);
        let mut licenses: Vec<_> = tree.licenses().collect();
        licenses.sort_by_key(|license| license.id);
        let mut numbers: Vec<_> = directory.numbers().collect();
        numbers.sort_by_key(|(_, entry)| entry.id);
        let holders = groups.iter().map(|group| Holder::Group(group.id));
        let holders = holders.chain(users.iter().map(|user| Holder::User(user.id)));
        let created: Vec<_> = holders.map(|holder| tree.created(holder)).collect();
        format!("{groups:?} {users:?} {licenses:?} {numbers:?} {created:?}")
    }

    fn group(name: &str, parent: GroupId) -> Group {
        Group {
            id: GroupId(0),
            parent: Some(parent),
            name: name.into(),
            kind: String::new(),
            restricted: false,
            hand_out: Default::default(),
            time_zone: None,
            monitor: false,
            admin_emails: vec![],
        }
    }

    fn number(aor: &str, owner: Holder) -> Number {
        let (id, kind) = (NumberId(0), NumberKind::Phone);
        Number { id, aor: aor.into(), owner, kind, password: None }
    }

    async fn what_is_at_hand_is_what_a_full_read_finds(base: Base) {
        let store = base.store().await;
        let now = Terms::at(Moment(1_700_000_000));
        let a = store.add_group(group("A", SERVER), now).await.unwrap().id;
        let b = store.add_group(group("B", a), now).await.unwrap().id;
        let user = User { id: UserId(0), name: "u".into(), email: None, groups: vec![b] };
        let u = store.add_user(user, now).await.unwrap().id;
        let n = store.add_number(number("sip:1@e.com", Holder::User(u)), now).await.unwrap().id;
        let then = Arc::new(known(&store).await);
        store.begin_from(Arc::new(move || Arc::clone(&then)));

        let license = License {
            id: LicenseId(0),
            holder: Holder::Group(a),
            license_type: String::new(),
            sip_numbers: 5,
            mobile_apps: 0,
            features: FeatureSet::NONE,
            validity: Validity::default(),
            suspended: false,
        };
        store.add_license(license, now).await.unwrap();
        store.edit_group(a, |group| group.restricted = true, now).await.unwrap();
        let c = store.add_group(group("C", b), now).await.unwrap().id;
        store.edit_user(u, |user| user.groups = vec![c], now).await.unwrap();
        store.edit_number(n, |number| number.owner = Holder::Group(b), now).await.unwrap();
        store.add_number(number("sip:2@e.com", Holder::User(u)), now).await.unwrap();
        let mut hand = base.hand().await;
        hand.run("update licenses set sip_numbers = 4").await;
        hand.run("delete from numbers where aor = 'sip:1@e.com'").await;

        let mut writing = store.writing().await.unwrap();
        let at_hand = store.at_hand(writing.conn()).await.unwrap().unwrap();
        drop(writing);
        assert_eq!(told(&at_hand), told(&known(&store).await.world));
        assert_eq!(at_hand.tree.path_name(c), "A/B/C");
    }

    async fn what_the_feed_cannot_tell_is_read_whole(base: Base) {
        let store = base.store().await;
        let now = Terms::at(Moment(1_700_000_000));
        let then = Arc::new(Known { whole: false, ..known(&store).await });
        store.begin_from(Arc::new(move || Arc::clone(&then)));

        let a = store.add_group(group("A", SERVER), now).await.unwrap().id;

        let mut writing = store.writing().await.unwrap();
        assert!(store.at_hand(writing.conn()).await.unwrap().is_none());
        drop(writing);
        let b = store.add_group(group("B", a), now).await.unwrap();
        assert!(b.id > a);
    }
}

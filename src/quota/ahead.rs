//! A look ahead at the seats of several numbers: in a large table nearly every line that a request reads
//! is far away, and those of different numbers can be on their way together. It only asks for memory:
//! nothing is decided here, and whoever comes later finds out for itself.

use smallvec::SmallVec;

use super::entry::Entry;
use super::seats::Seats;
use super::shard::Shard;
use super::snapshot::Snapshot;
use super::sync::Ordering;
use crate::license::Whereabouts;

/// For how many numbers one look ahead is: what it brings must not push out what it brought first.
pub const AHEAD: usize = 8;

/// Entries of more bytes than this together do not stay near the processor by themselves: it has one or
/// two MiB to itself, and the entries are half of what is read.
const WIDE_BYTES: usize = 4 << 20;

/// At most three of a number: its path, its device, and where its owner's path is written.
type Leads = SmallVec<[Whereabouts; 4 * AHEAD]>;

struct Look<'a> {
    aor: &'a str,
    hash: u64,
    slot: Option<u32>,
}

impl Seats {
    /// Whether the table is so large that a look ahead saves more than it costs.
    pub fn is_wide(&self) -> bool {
        // Relaxed: a hint.
        self.wide.load(Ordering::Relaxed)
    }

    /// Finds out how large the table is.
    pub(super) fn measure_width(&self) {
        let slots = self.shards().iter().map(|shard| shard.lock().slots() as usize);
        let bytes = slots.sum::<usize>().saturating_mul(size_of::<Option<Entry>>());
        // Relaxed: see above.
        self.wide.store(bytes > WIDE_BYTES, Ordering::Relaxed);
    }

    /// Asks for what requests of these numbers will read: step by step for all of them, since where the
    /// next step leads stands in what the one before has brought.
    pub fn look_ahead<'a>(&self, aors: impl Iterator<Item = &'a str>) {
        let mut looks: SmallVec<[Look<'a>; AHEAD]> =
            aors.map(|aor| Look { aor, hash: self.hash(aor), slot: None }).collect();
        let published = self.published.load();
        let place = |look: &mut Look<'_>| {
            self.glance(look.hash, |shard| shard.whereabouts_of_place(look.hash))
        };
        ask(looks.iter_mut().filter_map(place));
        let entry = |look: &mut Look<'_>| {
            let (slot, entry) = self.glance(look.hash, |shard| shard.likely(look.hash))?;
            look.slot = Some(slot);
            Some(entry)
        };
        ask(looks.iter_mut().filter_map(entry));
        let mut leads = Leads::new();
        looks.retain(|look| {
            let stands = |shard: &Shard| Some(shard.get(look.slot?)?.leads(&published, &mut leads));
            self.glance(look.hash, stands) != Some(true)
        });
        leads.into_iter().for_each(Whereabouts::fetch);
        // The rest is looked up in what is published.
        let directory = published.directory();
        ask(looks.iter().filter_map(|look| directory.whereabouts_of_place(look.aor)));
        ask(looks.iter().filter_map(|look| directory.whereabouts_of_number(look.aor)));
    }

    /// Looks into the shard of a number, unless somebody else is there.
    fn glance<R>(&self, hash: u64, f: impl FnOnce(&Shard) -> Option<R>) -> Option<R> {
        f(&*self.shard(hash).try_lock()?)
    }
}

/// Asks only when it knows where all are: a mutex in between would wait for what was asked for.
fn ask(all: impl Iterator<Item = Whereabouts>) {
    let all: SmallVec<[Whereabouts; AHEAD]> = all.collect();
    all.into_iter().for_each(Whereabouts::fetch);
}

impl Entry {
    /// What it leads to; gives whether it is what `published` says, as far as it knows.
    fn leads(&self, published: &Snapshot, leads: &mut Leads) -> bool {
        leads.push(Whereabouts::of_shared(self.held.path()));
        leads.extend(self.devices.first().map(|device| device.ids.whereabouts()));
        let stands = self.stood_in(published);
        if !stands {
            leads.extend(published.whereabouts_of_path(self.holder()));
        }
        stands
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::super::fixture::{World, at};
    use crate::license::{Holder, NumberKind};

    #[test]
    fn a_look_ahead_changes_nothing_and_waits_for_nobody() {
        let mut world = World::new();
        let root = world.root();
        world.license(root, 1, 0);
        world.number(1, Holder::Group(root), NumberKind::Phone);
        world.publish(at(0));
        let aors = ["sip:1@example.com", "sip:2@example.com", "", "sip:1@example.com"];

        world.quota.look_ahead([].into_iter());
        world.quota.look_ahead(aors.into_iter());
        let locked: Vec<_> = world.quota.shards().iter().map(|shard| shard.lock()).collect();
        world.quota.look_ahead(aors.into_iter());
        drop(locked);

        assert_eq!(world.quota.look(aors[0], |_| ()), None);
        assert_eq!(world.quota.look(aors[1], |_| ()), None);
    }

    #[test]
    fn a_small_table_is_not_looked_ahead_at() {
        let world = World::new();
        world.widen();

        let _ = world.quota.tick(at(0));

        assert!(!world.quota.is_wide());
    }
}

//! Ids of numbers in order, each with the hash that finds its number. In runs behind `Arc`s: a copy
//! costs a counter for a thousand, a write copies one run.

use std::sync::Arc;

use super::NumberId;

/// The most ids of one run.
const RUN: usize = 1_024;

/// Hashes by id.
#[derive(Clone, Debug, Default)]
pub(super) struct ById {
    /// In order, none empty.
    runs: Vec<Arc<Vec<(NumberId, u64)>>>,
}

impl ById {
    /// The hash at an id.
    pub fn get(&self, id: NumberId) -> Option<u64> {
        let run = self.runs.get(self.run_of(id))?;
        let place = run.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        run.get(place).map(|(_, hash)| *hash)
    }

    /// The run that holds an id, or would.
    fn run_of(&self, id: NumberId) -> usize {
        let begins = |run: &Arc<Vec<(NumberId, u64)>>| run.first().is_some_and(|one| one.0 <= id);
        // Ids are given one after the other: mostly it is the last.
        let last = self.runs.len().saturating_sub(1);
        match self.runs.last().is_some_and(begins) {
            true => last,
            false => self.runs.partition_point(begins).saturating_sub(1),
        }
    }

    /// Adds an id that is not there.
    pub fn insert(&mut self, id: NumberId, hash: u64) {
        let at = self.run_of(id);
        let Some(run) = self.runs.get_mut(at) else {
            return self.runs.push(Arc::new(vec![(id, hash)]));
        };
        let run = Arc::make_mut(run);
        let mut place = run.partition_point(|(other, _)| *other < id);
        if run.len() >= RUN {
            // What comes at the end begins a run of its own: those before it stay full.
            let mut rest = run.split_off(if place == RUN { RUN } else { RUN / 2 });
            match place.checked_sub(run.len()) {
                Some(in_rest) => rest.insert(in_rest, (id, hash)),
                None => run.insert(place, (id, hash)),
            }
            place = at + 1;
            return self.runs.insert(place, Arc::new(rest));
        }
        run.insert(place, (id, hash));
    }

    /// Takes an id out.
    pub fn remove(&mut self, id: NumberId) -> Option<u64> {
        let at = self.run_of(id);
        let run = self.runs.get_mut(at)?;
        let place = run.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        let run = Arc::make_mut(run);
        let (_, hash) = run.remove(place);
        if run.is_empty() {
            self.runs.remove(at);
        }
        Some(hash)
    }

    /// Everything after an id, in order.
    pub fn after(&self, id: NumberId) -> impl Iterator<Item = (NumberId, u64)> {
        let runs = self.runs.get(self.run_of(id)..).unwrap_or_default();
        runs.iter().flat_map(|run| run.iter().copied()).skip_while(move |one| one.0 <= id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_does_what_an_ordered_map_does() {
        let mut ids = ById::default();
        let mut expected = BTreeMap::new();
        let mut next = 1u64;
        for step in 0..20_000u64 {
            next = next
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let id = NumberId(if step < 5_000 { step as i64 * 2 } else { (next >> 50) as i64 });
            if expected.remove(&id).is_some() {
                assert!(ids.remove(id).is_some());
            } else {
                assert_eq!(ids.remove(id), None);
                ids.insert(id, step);
                expected.insert(id, step);
            }
        }

        let from = NumberId(4_321);
        let rest: Vec<_> = expected.range(from..).filter(|one| *one.0 > from).collect();
        assert_eq!(
            ids.after(from).collect::<Vec<_>>(),
            rest.iter().map(|(id, at)| (**id, **at)).collect::<Vec<_>>()
        );
        assert_eq!(ids.after(NumberId(i64::MIN)).count(), expected.len());
        assert!(expected.iter().all(|(id, at)| ids.get(*id) == Some(*at)));
        assert!(ids.runs.iter().all(|run| !run.is_empty() && run.len() <= RUN));
    }

    #[test]
    fn a_copy_keeps_what_it_saw() {
        let mut ids = ById::default();
        (0..3_000).for_each(|id| ids.insert(NumberId(id), id as u64));
        let copy = ids.clone();

        (0..3_000).for_each(|id| assert_eq!(ids.remove(NumberId(id)), Some(id as u64)));

        assert_eq!((ids.after(NumberId(-1)).count(), copy.after(NumberId(-1)).count()), (0, 3_000));
        // One after the other they fill their runs.
        assert_eq!(copy.runs.len(), 3);
    }
}

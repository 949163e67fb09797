//! What gates among the items were granted, over time: their sum, or the largest of them.

use std::collections::BTreeMap;

use crate::license::{Holder, Moment, Resource, Tree};

/// A value that changes at instants; it holds from each until the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline(Vec<(Moment, i64)>);

impl Timeline {
    /// A holder's granted allowance from `at` on.
    pub fn of(tree: &Tree, holder: Holder, resource: Resource, at: Moment) -> Self {
        let instants = boundaries(tree, holder, at);
        let value = |at| tree.granted_allowance(holder, at).of(resource);
        Self(instants.into_iter().map(|at| (at, value(at))).collect())
    }

    /// The sum over several holders.
    pub fn sum(tree: &Tree, holders: &[Holder], resource: Resource, at: Moment) -> Self {
        let mut sum = 0;
        Self::fold(tree, holders, resource, at, |old, new| {
            sum += new - old.unwrap_or(0);
            sum
        })
    }

    /// The largest among several holders.
    pub fn max(tree: &Tree, holders: &[Holder], resource: Resource, at: Moment) -> Self {
        let mut values: BTreeMap<i64, usize> = BTreeMap::new();
        Self::fold(tree, holders, resource, at, |old, new| {
            if let Some((old, count)) = old.and_then(|old| Some((old, values.get_mut(&old)?))) {
                *count -= 1;
                if *count == 0 {
                    values.remove(&old);
                }
            }
            *values.entry(new).or_default() += 1;
            values.last_key_value().map_or(0, |(value, _)| *value)
        })
    }

    /// Runs once over the sorted edges of all holders; `turn` is told what each value was and is.
    fn fold(
        tree: &Tree,
        holders: &[Holder],
        resource: Resource,
        at: Moment,
        mut turn: impl FnMut(Option<i64>, i64) -> i64,
    ) -> Self {
        let mut edges = Vec::new();
        for holder in holders {
            let mut old = None;
            for (from, new) in Self::of(tree, *holder, resource, at).0 {
                edges.push((from, old, new));
                old = Some(new);
            }
        }
        edges.sort_unstable_by_key(|(from, ..)| *from);
        let mut points: Vec<(Moment, i64)> = vec![(at, 0)];
        for (from, old, new) in edges {
            let value = turn(old, new);
            match points.last_mut() {
                Some(last) if last.0 == from => last.1 = value,
                _ => points.push((from, value)),
            }
        }
        Self(points)
    }

    /// The value at an instant.
    pub fn at(&self, at: Moment) -> i64 {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        after.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, value)| *value)
    }

    /// The instants at which it may change.
    pub fn instants(&self) -> impl Iterator<Item = Moment> {
        self.0.iter().map(|(from, _)| *from)
    }
}

/// `at`, and every later instant at which a license of the holder starts or ends.
pub fn boundaries(tree: &Tree, holder: Holder, at: Moment) -> Vec<Moment> {
    let licenses = tree.licenses_of(holder).iter();
    let edges = licenses.flat_map(|license| [license.validity.from, license.validity.until]);
    let mut found: Vec<Moment> = edges.flatten().filter(|edge| *edge > at).collect();
    found.push(at);
    found.sort_unstable();
    found.dedup();
    found
}

//! Due ends of a group: when what it effectively has falls. Who is told of them, others decide.

use super::{Effective, FeatureSet, GroupId, Holder, License, Moment, Tree};

/// An instant at which the effective allowance of a group (itself and all gates above) falls for SIP
/// numbers or apps, or a feature ends.
///
/// It is the wire's allowance, over enabled licenses: that a suspended one ends changes nothing that
/// anybody has. What several licenses give is looked at together, so a renewal without a gap makes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueEnd {
    pub at: Moment,
    /// Up to it.
    pub from: Effective,
    /// From it on.
    pub to: Effective,
}

impl DueEnd {
    /// The features that end.
    pub fn features(&self) -> FeatureSet {
        let kept = self.to.features;
        self.from.features.iter().filter(|feature| !kept.contains(*feature)).collect()
    }

    fn is_fall(&self) -> bool {
        let fell = |from: Option<u32>, to: Option<u32>| to.is_some_and(|to| from > Some(to));
        fell(self.from.sip_numbers, self.to.sip_numbers)
            || fell(self.from.mobile_apps, self.to.mobile_apps)
            || self.features() != FeatureSet::NONE
    }
}

impl Tree {
    /// The group's due ends after `after`, the first one first.
    pub fn due_ends(&self, group: GroupId, after: Moment) -> Vec<DueEnd> {
        let path = self.path(Holder::Group(group));
        let mut found = Vec::new();
        let mut from = self.effective(&path, after);
        for at in self.edges(&path, after) {
            let to = self.effective(&path, at);
            found.extend(Some(DueEnd { at, from, to }).filter(DueEnd::is_fall));
            from = to;
        }
        found
    }

    /// The groups on the way up from a group whose own allowance falls at `at`, the nearest first, each
    /// with its licenses that end then.
    pub fn falling_gates(&self, group: GroupId, at: Moment) -> Vec<(GroupId, Vec<&License>)> {
        let before = Moment(at.0.saturating_sub(1));
        let falls = |gate: Holder| {
            let effective = |at| self.effective(&[gate], at);
            DueEnd { at, from: effective(before), to: effective(at) }.is_fall()
        };
        let ends = |license: &&License| !license.suspended && license.validity.until == Some(at);
        let gates = self.lineage(group).map(|group| group.id);
        let gates =
            gates.filter(|id| self.is_gate(Holder::Group(*id)) && falls(Holder::Group(*id)));
        let ending = |id: GroupId| {
            let licenses = self.licenses_of(Holder::Group(id)).iter();
            licenses.map(|license| &**license).filter(ends).collect()
        };
        gates.map(|id| (id, ending(id))).collect()
    }
}

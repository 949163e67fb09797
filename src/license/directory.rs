//! Who owns a number: those that somebody created, and those that come by a claim.
//! Copies are cheap; it holds no secrets, only whether a number has one.

use std::net::IpAddr;
use std::sync::Arc;

use super::ahead::Whereabouts;
use super::by_id::ById;
use super::claims::{Claims, Neighbours};
use super::numbers::Numbers;
use super::shards::Shards;
use super::{Claim, ClaimId, ClaimRule, GroupId, Holder, Number, NumberId, NumberKind};

/// Every created number and every claim.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    numbers: Numbers,
    by_id: ById,
    /// In order of id.
    by_owner: Shards<Holder, Arc<Vec<NumberId>>>,
    claims: Arc<Claims>,
}

/// A created number without its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: NumberId,
    pub owner: Holder,
    pub kind: NumberKind,
    pub has_password: bool,
}

/// Whose a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owned {
    pub holder: Holder,
    pub kind: NumberKind,
    /// The id of a number that somebody created; `None` for one that comes by a claim.
    pub number: Option<NumberId>,
    /// The claim by which it comes.
    pub claim: Option<ClaimId>,
    pub has_password: bool,
}

impl Owned {
    /// Whether somebody created the number: it counts as assigned, live or not.
    pub fn is_created(&self) -> bool {
        self.number.is_some()
    }

    fn by_claim(claim: &Claim) -> Self {
        Self {
            holder: Holder::Group(claim.group),
            kind: claim.kind,
            number: None,
            claim: Some(claim.id),
            has_password: false,
        }
    }
}

impl From<Entry> for Owned {
    fn from(entry: Entry) -> Self {
        Self {
            holder: entry.owner,
            kind: entry.kind,
            number: Some(entry.id),
            claim: None,
            has_password: entry.has_password,
        }
    }
}

impl Directory {
    /// Without numbers and claims.
    pub fn new() -> Self {
        Self::default()
    }

    /// The owner of a normalized number: created, else by the narrowest claim.
    pub fn owner_of(&self, aor: &str) -> Option<Owned> {
        match self.numbers.get(aor) {
            Some(entry) => Some(entry.into()),
            None => self.claims.covering(aor).map(Owned::by_claim),
        }
    }

    /// Where the search for a created number begins.
    pub fn whereabouts_of_place(&self, aor: &str) -> Option<Whereabouts> {
        self.numbers.whereabouts_of_place(aor)
    }

    /// Where it is, most likely, what is known of a created number.
    pub fn whereabouts_of_number(&self, aor: &str) -> Option<Whereabouts> {
        self.numbers.whereabouts_of_line(aor)
    }

    /// The owner of calls from a source address.
    pub fn owner_of_address(&self, address: IpAddr) -> Option<Owned> {
        self.claims.on_address(address).map(Owned::by_claim)
    }

    /// A created number.
    pub fn entry(&self, aor: &str) -> Option<Entry> {
        self.numbers.get(aor)
    }

    /// A created number by its id.
    pub fn number(&self, id: NumberId) -> Option<(&str, Entry)> {
        self.numbers.at(self.by_id.get(id)?, id)
    }

    /// Every created number, in no order.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.numbers.iter()
    }

    /// The first `most` created numbers after an id, in the order of their ids.
    pub fn numbers_after(&self, after: NumberId, most: usize) -> Vec<(&str, Entry)> {
        let found = self.by_id.after(after).filter_map(|(id, hash)| self.numbers.at(hash, id));
        found.take(most).collect()
    }

    /// The created numbers of one owner, by id.
    pub fn numbers_of(&self, owner: Holder) -> impl Iterator<Item = (&str, Entry)> {
        let ids = self.by_owner.get(&owner).into_iter().flat_map(|ids| ids.iter());
        ids.filter_map(|id| self.number(*id))
    }

    /// How many numbers were created.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether no number was created.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a created number; gives back the records that it takes the place of, by its id and by its
    /// number, which a row replaced by hand may have had under another id.
    pub fn insert_number(&mut self, number: &Number) -> [Option<Entry>; 2] {
        let Number { id, owner, kind, .. } = *number;
        let has_password = number.password.is_some();
        self.insert_entry(&number.aor, Entry { id, owner, kind, has_password })
    }

    /// The same without its secret.
    pub fn insert_entry(&mut self, aor: &str, entry: Entry) -> [Option<Entry>; 2] {
        let same_id = self.remove_number(entry.id);
        let same_aor = self.entry(aor).and_then(|held| self.remove_number(held.id));
        let hash = self.numbers.hash(aor);
        self.numbers.insert(hash, aor, &entry);
        self.by_id.insert(entry.id, hash);
        let ids = match self.by_owner.get_mut(&entry.owner) {
            Some(ids) => Arc::make_mut(ids),
            None => {
                self.by_owner.insert(entry.owner, Arc::new(vec![entry.id]));
                return [same_id, same_aor];
            }
        };
        if ids.len() == ids.capacity() {
            // By a quarter: doubling would keep half of it empty.
            ids.reserve_exact(ids.len() / 4 + 2);
        }
        ids.insert(ids.partition_point(|id| *id < entry.id), entry.id);
        [same_id, same_aor]
    }

    /// Takes a created number out.
    pub fn remove_number(&mut self, id: NumberId) -> Option<Entry> {
        let hash = self.by_id.remove(id)?;
        let entry = self.numbers.remove(hash, id)?;
        let ids = Arc::make_mut(self.by_owner.get_mut(&entry.owner)?);
        if let Ok(place) = ids.binary_search(&id) {
            ids.remove(place);
        }
        if ids.is_empty() {
            self.by_owner.remove(&entry.owner);
        }
        Some(entry)
    }

    /// Adds a claim or replaces its record.
    pub fn insert_claim(&mut self, claim: Claim) {
        Arc::make_mut(&mut self.claims).insert(claim);
    }

    /// Takes a claim out.
    pub fn remove_claim(&mut self, id: ClaimId) -> Option<Claim> {
        Arc::make_mut(&mut self.claims).remove(id)
    }

    /// A claim by its id.
    pub fn claim(&self, id: ClaimId) -> Option<&Claim> {
        self.claims.get(id)
    }

    /// Every claim, in no order.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter()
    }

    /// The claims of one group, by id.
    pub fn claims_of(&self, group: GroupId) -> Vec<&Claim> {
        let mut found: Vec<_> = self.claims.iter().filter(|claim| claim.group == group).collect();
        found.sort_unstable_by_key(|claim| claim.id);
        found
    }

    /// The narrowest claim that covers a number, created or not.
    pub fn claim_over(&self, aor: &str) -> Option<&Claim> {
        self.claims.covering(aor)
    }

    pub(super) fn neighbours(&self, rule: &ClaimRule, itself: ClaimId) -> Neighbours {
        self.claims.neighbours(rule, itself)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(id: i64, aor: &str, owner: Holder) -> Number {
        Number { id: NumberId(id), aor: aor.into(), owner, kind: NumberKind::Phone, password: None }
    }

    fn domain_claim(id: i64, group: GroupId) -> Claim {
        let rule = ClaimRule::Domain { domain: "example.com".into() };
        Claim { id: ClaimId(id), group, rule, kind: NumberKind::Panel }
    }

    #[test]
    fn an_exact_number_beats_a_claim_and_falls_back_to_it() {
        let (a, b) = (GroupId(2), GroupId(3));
        let mut directory = Directory::new();
        directory.insert_claim(domain_claim(1, a));
        directory.insert_number(&number(1, "sip:101@example.com", Holder::Group(b)));

        let exact = directory.owner_of("sip:101@example.com").unwrap();
        let claimed = directory.owner_of("sip:102@example.com").unwrap();

        assert_eq!((exact.holder, exact.is_created()), (Holder::Group(b), true));
        assert_eq!((claimed.holder, claimed.is_created()), (Holder::Group(a), false));
        assert_eq!(claimed.kind, NumberKind::Panel);
        directory.remove_number(NumberId(1));
        assert_eq!(directory.owner_of("sip:101@example.com").unwrap().holder, Holder::Group(a));
        assert_eq!(directory.numbers_of(Holder::Group(b)).count(), 0);
    }

    #[test]
    fn a_replaced_record_leaves_nothing_of_the_old_one() {
        let (a, b) = (Holder::Group(GroupId(2)), Holder::Group(GroupId(3)));
        let mut directory = Directory::new();
        directory.insert_number(&number(1, "sip:101@example.com", a));

        let old = directory.insert_number(&number(1, "sip:102@example.com", b));

        assert_eq!(old.map(|entry| entry.map(|entry| entry.owner)), [Some(a), None]);
        assert_eq!(directory.owner_of("sip:101@example.com"), None);
        assert_eq!(directory.numbers_of(a).count(), 0);
        assert_eq!(directory.numbers_of(b).count(), 1);
        assert_eq!(directory.len(), 1);
    }

    #[test]
    fn a_number_that_comes_back_under_another_id_is_there_once() {
        let (a, b) = (Holder::Group(GroupId(2)), Holder::Group(GroupId(3)));
        let mut directory = Directory::new();
        directory.insert_number(&number(1, "sip:101@example.com", a));

        let old = directory.insert_number(&number(2, "sip:101@example.com", b));

        assert_eq!(old.map(|entry| entry.map(|entry| entry.id)), [None, Some(NumberId(1))]);
        assert_eq!(directory.remove_number(NumberId(1)), None);
        assert_eq!(directory.numbers_of(a).count(), 0);
        assert_eq!(directory.owner_of("sip:101@example.com").unwrap().holder, b);
    }

    #[test]
    fn numbers_are_paged_by_id_across_wide_gaps() {
        let owner = Holder::Group(GroupId(2));
        let mut directory = Directory::new();
        let ids = [1, 2, 5, 90_000, 90_001, 7_000_000_000];
        for id in ids {
            directory.insert_number(&number(id, &format!("sip:{id}@example.com"), owner));
        }

        let mut seen = Vec::new();
        let mut last = NumberId(0);
        loop {
            let page = directory.numbers_after(last, 2);
            let Some((_, entry)) = page.last() else { break };
            last = entry.id;
            seen.extend(page.iter().map(|(_, entry)| entry.id.0));
        }

        assert_eq!(seen, ids);
    }

    #[test]
    fn a_copy_keeps_what_it_saw() {
        let mut directory = Directory::new();
        directory.insert_number(&number(1, "sip:101@example.com", Holder::Group(GroupId(2))));
        let copy = directory.clone();

        directory.remove_number(NumberId(1));
        directory.insert_claim(domain_claim(1, GroupId(3)));

        assert!(copy.owner_of("sip:101@example.com").is_some_and(|owned| owned.is_created()));
        assert!(copy.owner_of("sip:102@example.com").is_none());
    }
}

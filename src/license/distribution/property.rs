//! Random trees and random writes in time: what the check accepts and refuses is what the slow checker
//! finds, and what the tree keeps is what the records say.

use proptest::prelude::*;

use super::slow::{self, Records};
use super::{Change, check};
use crate::license::{
    Feature, FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId, Moment, NoSeats,
    Number, NumberId, NumberKind, Resource, SERVER, Step, Tree, User, UserId, Validity, World,
};

/// One random write, still to be fitted to the records at hand.
#[derive(Clone, Copy, Debug)]
struct Move {
    kind: u8,
    who: usize,
    whom: usize,
    sip: u32,
    apps: u32,
    from: i64,
    until: i64,
    flags: u8,
    passes: i64,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = (0..16_u8, 0..64_usize, 0..64_usize, 0..12_u32, 0..12_u32, -10..30_i64, 1..40_i64);
    let one = (one, any::<u8>(), 0..12_i64);
    let one = one.prop_map(|((kind, who, whom, sip, apps, from, until), flags, passes)| Move {
        kind,
        who,
        whom,
        sip,
        apps: apps.min(sip),
        from,
        until,
        flags,
        // Time stands still two times out of three.
        passes: (passes - 8).max(0),
    });
    proptest::collection::vec(one, 5..40)
}

struct Player {
    world: World,
    now: Moment,
    last_id: i64,
}

impl Player {
    fn new() -> Self {
        let mut player = Self { world: World::default(), now: Moment(1000), last_id: 1 };
        for parent in [1, 1, 2, 2, 4] {
            let id = player.id();
            let group = player.group(GroupId(id), GroupId(parent), id % 2 == 0, false);
            player.world.apply(&Change::AddGroup { group, licenses: Vec::new() });
        }
        player
    }

    fn id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn group(&self, id: GroupId, parent: GroupId, restricted: bool, shared: bool) -> Group {
        Group {
            id,
            parent: Some(parent),
            name: format!("g{id}"),
            kind: String::new(),
            restricted,
            hand_out: if shared { HandOut::Shared } else { HandOut::Split },
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        }
    }

    fn license(&mut self, holder: Holder, play: &Move) -> License {
        let mut features = FeatureSet::NONE;
        if play.flags & 1 != 0 {
            features.insert(Feature::SipTrunks);
        }
        let from = (play.flags & 6 == 0).then_some(Moment(self.now.0 + play.from));
        let start = from.map_or(self.now.0, |from| from.0);
        let until = (play.flags & 24 != 0).then_some(Moment(start + play.until));
        License {
            id: LicenseId(self.id()),
            holder,
            license_type: String::new(),
            sip_numbers: play.sip,
            mobile_apps: play.apps,
            features,
            validity: Validity { from, until },
            suspended: play.flags & 224 == 0,
        }
    }

    fn groups(&self) -> Vec<GroupId> {
        let mut ids: Vec<_> = self.world.tree.groups().map(|group| group.id).collect();
        ids.sort();
        ids
    }

    fn holders(&self) -> Vec<Holder> {
        let mut users: Vec<_> = self.world.tree.users().map(|user| user.id).collect();
        users.sort();
        let groups = self.groups().into_iter().map(Holder::Group);
        groups.chain(users.into_iter().map(Holder::User)).collect()
    }

    /// The change that a move means with the records at hand, if any.
    fn change(&mut self, play: &Move) -> Option<Change> {
        let groups = self.groups();
        let holders = self.holders();
        let group = groups[play.who % groups.len()];
        let other = groups[play.whom % groups.len()];
        let holder = holders[play.who % holders.len()];
        let mut licenses: Vec<_> = self.world.tree.licenses().cloned().collect();
        licenses.sort_by_key(|license| license.id);
        let license = (!licenses.is_empty()).then(|| licenses[play.who % licenses.len()].clone());
        let mut numbers: Vec<_> =
            self.world.directory.numbers().map(|(_, entry)| entry.id).collect();
        numbers.sort();
        let user = holders.iter().rev().find_map(|holder| match holder {
            Holder::User(id) if id.0 as usize % 3 == play.whom % 3 => {
                self.world.tree.user(*id).cloned()
            }
            _ => None,
        });
        Some(match play.kind {
            0 => self.new_group(group, play),
            1 | 2 => Change::AddLicense(self.license(holder, play)),
            3 => self.new_user(group, other, play),
            4 => self.edited_group(group, play),
            5 => {
                let record = self.world.tree.group(group)?.clone();
                let licenses = vec![self.license(Holder::Group(group), play)];
                Change::EditGroup { group: Group { restricted: true, ..record }, licenses }
            }
            6 => Change::MoveGroup { group, parent: other },
            7 | 8 => {
                let old = license?;
                let new = self.license(old.holder, play);
                Change::EditLicense(License { id: old.id, ..new })
            }
            9 => Change::RemoveLicense(license?.id),
            10 | 11 => self.new_numbers(holder, play),
            12 => Change::RemoveNumbers(vec![*numbers.get(play.whom % numbers.len().max(1))?]),
            13 => self.moved_number(*numbers.get(play.whom % numbers.len().max(1))?, holder)?,
            14 => {
                let mut user = user?;
                match user.groups.iter().position(|id| *id == group) {
                    Some(at) if user.groups.len() > 1 => drop(user.groups.remove(at)),
                    Some(_) => return None,
                    None => user.groups.push(group),
                }
                Change::EditUser { user }
            }
            _ => Change::SuspendLicense(license?.id),
        })
    }

    fn new_group(&mut self, parent: GroupId, play: &Move) -> Change {
        let id = GroupId(self.id());
        let group = self.group(id, parent, play.flags & 32 != 0, play.flags & 192 == 0);
        let licenses = vec![self.license(Holder::Group(id), play)];
        Change::AddGroup { group, licenses }
    }

    fn new_user(&mut self, one: GroupId, two: GroupId, play: &Move) -> Change {
        let id = UserId(self.id());
        let groups = if one == two { vec![one] } else { vec![one, two] };
        let user = User { id, name: format!("u{id}"), email: None, groups };
        let licensed = play.flags & 32 != 0;
        let licenses = licensed.then(|| self.license(Holder::User(id), play));
        Change::AddUser { user, licenses: licenses.into_iter().collect() }
    }

    fn edited_group(&self, id: GroupId, play: &Move) -> Change {
        let mut group = self.world.tree.group(id).unwrap().clone();
        if play.flags & 1 == 0 {
            group.restricted = !group.restricted;
        } else {
            let shared = group.hand_out == HandOut::Shared;
            group.hand_out = if shared { HandOut::Split } else { HandOut::Shared };
        }
        Change::EditGroup { group, licenses: Vec::new() }
    }

    fn new_numbers(&mut self, owner: Holder, play: &Move) -> Change {
        let numbers = (0..=play.sip % 3).map(|_| {
            let id = self.id();
            let aor = format!("sip:{id}@example.com");
            Number { id: NumberId(id), aor, owner, kind: NumberKind::Phone, password: None }
        });
        Change::AddNumbers(numbers.collect())
    }

    fn moved_number(&self, id: NumberId, owner: Holder) -> Option<Change> {
        let (aor, entry) = self.world.directory.number(id)?;
        let aor = aor.to_owned();
        Some(Change::EditNumber(Number { id, aor, owner, kind: entry.kind, password: None }))
    }

    /// Plays a move; hands every judged change to `judge`, and writes what was accepted.
    fn play(
        &mut self,
        play: &Move,
        force: bool,
        judge: impl Fn(&World, &World, &Change, bool, Moment) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        self.now.0 += play.passes;
        let Some(change) = self.change(play) else { return Ok(()) };
        let verdict = check(&self.world, &change, self.now, force, &NoSeats);
        // Nothing but sums is judged here.
        if verdict.as_ref().is_err_and(|refused| refused.obstacles.is_empty()) {
            return Ok(());
        }
        let mut after = self.world.clone();
        after.apply(&change);
        judge(&self.world, &after, &change, verdict.is_ok(), self.now)?;
        if verdict.is_ok() {
            self.world = after;
        }
        Ok(())
    }
}

/// The tree built anew from its records, so that nothing is left of how it came to be.
fn rebuilt(world: &World) -> Tree {
    let mut tree = Tree::default();
    for id in world.tree.subtree(SERVER) {
        tree.upsert_group(world.tree.group(id).unwrap().clone());
    }
    world.tree.users().for_each(|user| tree.upsert_user(user.clone()));
    world.tree.licenses().for_each(|license| tree.upsert_license(license.clone()));
    for (_, entry) in world.directory.numbers() {
        tree.add_created(entry.owner, entry.kind, 1);
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn the_check_refuses_exactly_what_the_slow_checker_finds_worse(moves in moves()) {
        let mut player = Player::new();
        for play in &moves {
            player.play(play, false, |before, after, change, accepted, now| {
                let worse = slow::worse(before, after, now);
                prop_assert_eq!(accepted, worse.is_none(), "{:?} at {:?}: {:?}", change, now, worse);
                Ok(())
            })?;
        }
    }

    #[test]
    fn what_the_tree_keeps_is_what_its_records_say(moves in moves()) {
        let mut player = Player::new();
        for play in &moves {
            player.play(play, true, |_, after, _, _, now| {
                let records = Records::of(after);
                let anew = rebuilt(after);
                for id in after.tree.groups().map(|group| group.id) {
                    let group = Holder::Group(id);
                    let (mut kept, mut fresh) =
                        ((*after.tree.items(group)).clone(), (*anew.items(group)).clone());
                    kept.gates.sort();
                    fresh.gates.sort();
                    prop_assert_eq!(&kept, &fresh);
                    prop_assert_eq!(kept.numbers_below, records.numbers_below(group));
                    if records.is_gate(group) {
                        let mut slow = records.items(group);
                        slow.sort();
                        prop_assert_eq!(&kept.gates, &slow);
                        prop_assert_eq!(kept.numbers, records.numbers(group));
                        compare_schedule(&after.tree, &records, group, now)?;
                    }
                    let path = after.tree.path(group).into_iter().collect();
                    prop_assert_eq!(records.path(group), path);
                }
                for id in after.tree.users().map(|user| user.id) {
                    let path = after.tree.path(Holder::User(id)).into_iter().collect();
                    prop_assert_eq!(records.path(Holder::User(id)), path);
                }
                Ok(())
            })?;
        }
    }
}

fn compare_schedule(
    tree: &Tree,
    records: &Records,
    gate: Holder,
    now: Moment,
) -> Result<(), TestCaseError> {
    let steps = tree.schedule(gate, now);
    for at in records.instants(now) {
        let step = *steps.iter().rfind(|step| step.from <= at).unwrap();
        let wire = tree.allowance(gate, at);
        let promised = if records.is_shared(gate) {
            records.numbers_below(gate)
        } else {
            let handed: i64 = records.items(gate).iter().map(|item| records.sip(*item, at)).sum();
            handed + records.numbers(gate)
        };
        let left = (i64::from(wire.sip_numbers) - promised).max(0);
        prop_assert_eq!(tree.step_at(gate, at), Step { from: at, ..step });
        prop_assert_eq!(i64::from(step.claimed), left);
        prop_assert_eq!((step.sip_numbers, step.features), (wire.sip_numbers, wire.features));
        prop_assert_eq!(step.status, tree.gate_status(gate, at));
        if !records.is_shared(gate) {
            let committed = tree.committed(gate, Resource::SipNumbers, at);
            prop_assert_eq!(committed, promised);
        }
    }
    Ok(())
}

//! Random trees, users and roles: whatever somebody may write leaves all that they don't stand over as it
//! was, and what limits the group of their role too.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::license::distribution::Change;
use crate::license::{
    Claim, ClaimId, ClaimRule, FeatureSet, Group, HandOut, License, LicenseId, Number, NumberId,
    NumberKind, User, Validity, World,
};

/// One random write, still to be fitted to the records at hand.
type Move = (u8, usize, usize, u8);

const GROUPS: i64 = 9;
const USERS: i64 = 6;

/// What must stay, each by a word for it.
type Kept = BTreeMap<String, String>;

fn group(id: i64, parent: i64, flags: u8) -> Group {
    Group {
        id: GroupId(id),
        parent: Some(GroupId(parent)),
        name: format!("g{id}"),
        kind: String::new(),
        restricted: flags & 1 == 0,
        hand_out: if flags & 2 == 0 { HandOut::Split } else { HandOut::Shared },
        time_zone: None,
        monitor: flags & 4 != 0,
        admin_emails: vec![format!("{flags}@example.com")],
    }
}

fn license(id: i64, holder: Holder, flags: u8) -> License {
    License {
        id: LicenseId(id),
        holder,
        license_type: format!("t{flags}"),
        sip_numbers: flags.into(),
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    }
}

fn number(id: i64, owner: Holder, flags: u8) -> Number {
    let kind = if flags & 1 == 0 { NumberKind::Phone } else { NumberKind::Panel };
    let aor = format!("sip:1{id:03}@a.example");
    Number { id: NumberId(id), aor, owner, kind, password: None }
}

fn world(parents: &[usize], places: &[(usize, usize)]) -> World {
    let mut world = World::default();
    for (at, parent) in parents.iter().enumerate() {
        let id = i64::try_from(at).unwrap() + 2;
        // Parents come first: the server, or a group made before.
        let parent = i64::try_from(parent % (at + 1)).unwrap() + 1;
        world.apply(&Change::AddGroup {
            group: group(id, parent, 0),
            licenses: vec![license(id, Holder::Group(GroupId(id)), 1)],
        });
        world.put_number(&number(id, Holder::Group(GroupId(id)), 0));
        let (domain, first) = ("a.example".into(), format!("{id}000"));
        let rule = ClaimRule::Range { domain, last: format!("{id}999"), first };
        let claim = Claim { id: ClaimId(id), group: GroupId(id), rule, kind: NumberKind::Phone };
        world.directory.insert_claim(claim);
    }
    for (at, (one, other)) in places.iter().enumerate() {
        let id = i64::try_from(at).unwrap() + 1;
        let mut groups = vec![any_group(*one), any_group(*other)];
        groups.dedup();
        let user = User { id: UserId(id), name: format!("u{id}"), email: None, groups };
        let licenses = vec![license(100 + id, Holder::User(UserId(id)), 1)];
        world.apply(&Change::AddUser { user, licenses });
        world.put_number(&number(100 + id, Holder::User(UserId(id)), 0));
    }
    world
}

/// Not the server.
fn any_group(at: usize) -> GroupId {
    GroupId(i64::try_from(at).unwrap() % GROUPS + 2)
}

fn any_user(at: usize) -> UserId {
    UserId(i64::try_from(at).unwrap() % USERS + 1)
}

fn any_holder(at: usize) -> Holder {
    match at % 2 {
        0 => Holder::Group(any_group(at / 2)),
        _ => Holder::User(any_user(at / 2)),
    }
}

/// Fits a move to the records; new ones get an id of their own.
fn fitted(world: &World, (kind, who, whom, flags): Move, new: i64) -> Change {
    let holder = any_holder(whom);
    let old_group = world.tree.group(any_group(who)).cloned();
    let parent = old_group.and_then(|group| group.parent).unwrap_or(SERVER);
    match kind {
        0 => {
            let holder = Holder::Group(GroupId(new));
            let group = group(new, any_group(who).0, flags);
            Change::AddGroup { group, licenses: vec![license(new, holder, flags)] }
        }
        1 => {
            let group = group(any_group(who).0, parent.0, flags);
            let licenses = vec![license(new, Holder::Group(group.id), flags)];
            let licenses = if flags & 8 == 0 { Vec::new() } else { licenses };
            Change::EditGroup { group, licenses }
        }
        2 => Change::MoveGroup { group: any_group(who), parent: any_group(whom) },
        3 => Change::RemoveGroup { group: any_group(who) },
        4 | 5 => {
            let mut groups = vec![any_group(whom)];
            groups.extend((flags & 1 != 0).then(|| any_group(flags.into())));
            groups.dedup();
            let (id, name) = (any_user(who), format!("n{new}"));
            let old = world.tree.user(id);
            match (kind, old) {
                (4, Some(old)) if flags & 2 == 0 => {
                    let mut user = old.clone();
                    user.groups.extend(groups.into_iter().filter(|id| !old.groups.contains(id)));
                    Change::EditUser { user }
                }
                (4, _) => Change::EditUser { user: User { id, name, email: None, groups } },
                _ => {
                    let user = User { id: UserId(new), name, email: None, groups };
                    Change::AddUser { user, licenses: Vec::new() }
                }
            }
        }
        6 => Change::RemoveUser { user: any_user(who) },
        7 => Change::AddLicense(license(new, holder, flags)),
        8 => Change::EditLicense(license(any_group(who).0, holder, flags)),
        9 => Change::SuspendLicense(LicenseId(any_group(who).0)),
        10 => Change::RemoveLicense(LicenseId(any_user(who).0 + 100)),
        11 => Change::AddNumbers(vec![number(new, holder, flags)]),
        12 => Change::EditNumber(number(any_group(who).0, holder, flags)),
        13 => Change::RemoveNumbers(vec![NumberId(any_user(who).0 + 100)]),
        14 => {
            let (domain, first) = ("a.example".into(), format!("{}1{}0", who % 9 + 2, new % 10));
            let rule = ClaimRule::Range { domain, last: format!("{}199", who % 9 + 2), first };
            let group = any_group(whom);
            Change::AddClaim(Claim { id: ClaimId(new), group, rule, kind: NumberKind::Phone })
        }
        _ => Change::RemoveClaim(ClaimId(any_group(who).0)),
    }
}

/// All that somebody with these roles must leave as it is. Slow and obvious.
fn kept(world: &World, own: &[GroupId], user: UserId, of: &World) -> Kept {
    let mut kept = Kept::new();
    let climbs = |from: GroupId| {
        let mut line = Vec::new();
        let mut at = Some(from);
        while let Some(group) = at.and_then(|id| world.tree.group(id)) {
            line.push(group.id);
            at = group.parent;
        }
        line
    };
    let is_theirs = |group: GroupId| climbs(group).iter().any(|one| own.contains(one));
    let is_below = |group: GroupId| climbs(group).iter().skip(1).any(|one| own.contains(one));
    let mut keep = |name: String, value: String| kept.insert(name, value);
    let licenses = |holder| format!("{:?}", of.tree.licenses_of(holder));
    let numbers = |holder| {
        let mut numbers: Vec<_> =
            of.directory.numbers_of(holder).map(|one| format!("{one:?}")).collect();
        numbers.sort();
        format!("{numbers:?}")
    };
    for group in world.tree.groups() {
        let (id, holder) = (group.id, Holder::Group(group.id));
        let now = of.tree.group(id);
        if !is_theirs(id) {
            keep(format!("group {id}"), format!("{now:?}"));
            keep(format!("numbers of {id}"), numbers(holder));
            keep(format!("claims of {id}"), format!("{:?}", of.directory.claims_of(id)));
        }
        if !is_below(id) {
            let limits = now.map(|now| (now.restricted, now.hand_out, now.parent, now.monitor));
            keep(format!("limits of {id}"), format!("{limits:?} {}", licenses(holder)));
        }
    }
    for one in world.tree.users() {
        let (id, holder) = (one.id, Holder::User(one.id));
        let now = of.tree.user(id);
        let groups = |now: &User| {
            let mut groups = now.groups.clone();
            groups.retain(|group| !is_theirs(*group) && world.tree.group(*group).is_some());
            groups
        };
        if !one.groups.iter().any(|group| is_theirs(*group)) && id != user {
            keep(format!("user {id}"), format!("{now:?}"));
        }
        // A further group is asked for by whoever administers one; no other is taken or given.
        keep(format!("other groups of {id}"), format!("{:?}", now.map(groups).unwrap_or_default()));
        if !one.groups.iter().all(|group| is_theirs(*group)) {
            keep(format!("licenses of {id}"), licenses(holder));
            keep(format!("numbers of {id}"), numbers(holder));
            if id != user {
                keep(
                    format!("name of {id}"),
                    format!("{:?}", now.map(|now| (&now.name, &now.email))),
                );
            }
        }
        if id == user && !one.groups.iter().all(|group| is_below(*group)) {
            keep(format!("own licenses of {id}"), licenses(holder));
        }
    }
    kept
}

fn roles() -> impl Strategy<Value = Vec<(usize, usize, u8)>> {
    proptest::collection::vec((0..64_usize, 0..64_usize, 0..6_u8), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_may_be_written_leaves_what_is_not_theirs(
        parents in proptest::collection::vec(0..64_usize, 9),
        places in proptest::collection::vec((0..64_usize, 0..64_usize), 6),
        (roles, own) in (roles(), proptest::collection::vec((0..64_usize, 0..4_u8), 0..3)),
        moves in proptest::collection::vec((0..16_u8, 0..64_usize, 0..64_usize, any::<u8>()), 1..40),
    ) {
        let world = world(&parents, &places);
        let me = UserId(1);
        let roles = roles.into_iter().map(|(user, group, role)| (any_user(user), group, role));
        let own = own.into_iter().map(|(group, role)| (me, group, role));
        let assigned = roles.filter(|(user, ..)| *user != me).chain(own).map(|(user, group, role)| {
            let role = match role {
                0 => Role::CompanyAdministrator,
                1 => Role::Concierge,
                2 => Role::User,
                _ => Role::SiteAdministrator,
            };
            (user, Assignment { role, group: any_group(group) })
        });
        let all: Arc<Assignments> = Arc::new(assigned.collect());
        let viewer = Viewer::of_user(me, all.clone());
        let administered: Vec<GroupId> = all
            .of(me)
            .iter()
            .filter(|one| matches!(one.role, Role::CompanyAdministrator | Role::SiteAdministrator))
            .map(|one| one.group)
            .collect();

        for (at, one) in moves.into_iter().enumerate() {
            let change = fitted(&world, one, 1000 + i64::try_from(at).unwrap());
            if viewer.may_write(&world, &change).is_err() {
                continue;
            }
            let mut after = world.clone();
            after.apply_sound(&change);
            let before = kept(&world, &administered, me, &world);
            prop_assert_eq!(before, kept(&world, &administered, me, &after), "{:?}", change);
        }
    }
}

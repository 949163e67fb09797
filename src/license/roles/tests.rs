//! The rules of the roles as tables, on one small site.

use std::sync::Arc;

use super::*;
use crate::license::distribution::Change;
use crate::license::{
    Claim, ClaimId, ClaimRule, FeatureSet, Group, HandOut, License, LicenseId, Number, NumberId,
    NumberKind, User, Validity, World,
};

use Denial::{Forbidden, Unseen};

const SMART: GroupId = GroupId(2);
const NORTH: GroupId = GroupId(3);
const SOUTH: GroupId = GroupId(4);
const A: GroupId = GroupId(5);
const FLAT: GroupId = GroupId(6);
const C: GroupId = GroupId(7);

/// Administers NORTH, and is a member of it.
const DEALER: UserId = UserId(1);
/// The other one of NORTH.
const PEER: UserId = UserId(2);
/// Administers SMART, and is a member of A.
const BOSS: UserId = UserId(3);
/// Lives in FLAT.
const ANNA: UserId = UserId(4);
/// In FLAT and in C.
const BOTH: UserId = UserId(5);
/// In C only.
const STRANGER: UserId = UserId(6);
/// Concierge of A.
const DESK: UserId = UserId(7);
/// Of the server.
const ROOT: UserId = UserId(8);

const G: fn(GroupId) -> Holder = Holder::Group;
const U: fn(UserId) -> Holder = Holder::User;

fn group(id: GroupId, parent: GroupId, name: &str) -> Group {
    Group {
        id,
        parent: Some(parent),
        name: name.into(),
        kind: "building".into(),
        restricted: true,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    }
}

fn user(id: UserId, groups: &[GroupId]) -> User {
    User { id, name: format!("u{id}"), email: None, groups: groups.to_vec() }
}

fn license(id: i64, holder: Holder) -> License {
    License {
        id: LicenseId(id),
        holder,
        license_type: "Plus".into(),
        sip_numbers: 5,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    }
}

fn number(id: i64, owner: Holder) -> Number {
    let aor = format!("sip:x{id}@a.example");
    Number { id: NumberId(id), aor, owner, kind: NumberKind::Phone, password: None }
}

fn range(id: i64, group: GroupId, first: &str, last: &str) -> Claim {
    let (domain, first, last) = ("a.example".into(), first.into(), last.into());
    let rule = ClaimRule::Range { domain, first, last };
    Claim { id: ClaimId(id), group, rule, kind: NumberKind::Phone }
}

/// SmartHome > North > A > 12, SmartHome > South > C; a license of each group has its id.
fn world() -> World {
    let mut world = World::default();
    let groups = [
        (SMART, SERVER, "SmartHome"),
        (NORTH, SMART, "North"),
        (SOUTH, SMART, "South"),
        (A, NORTH, "A Residence"),
        (FLAT, A, "12"),
        (C, SOUTH, "C"),
    ];
    for (id, parent, name) in groups {
        world.tree.upsert_group(group(id, parent, name));
        world.tree.upsert_license(license(id.0, G(id)));
    }
    let users: [(UserId, &[GroupId]); 8] = [
        (DEALER, &[NORTH]),
        (PEER, &[NORTH]),
        (BOSS, &[A]),
        (ANNA, &[FLAT]),
        (BOTH, &[FLAT, C]),
        (STRANGER, &[C]),
        (DESK, &[A]),
        (ROOT, &[FLAT]),
    ];
    for (id, groups) in users {
        world.tree.upsert_user(user(id, groups));
        world.tree.upsert_license(license(100 + id.0, U(id)));
    }
    for (id, owner) in [(1, G(A)), (2, U(ANNA)), (3, U(BOTH)), (4, G(C)), (5, G(NORTH))] {
        world.put_number(&number(id, owner));
    }
    world.directory.insert_claim(range(1, NORTH, "1000", "1999"));
    world.directory.insert_claim(range(2, A, "1100", "1199"));
    world.directory.insert_claim(range(3, C, "3000", "3999"));
    world
}

fn roles() -> Arc<Assignments> {
    let site = |user, group| (user, Assignment { role: Role::SiteAdministrator, group });
    Arc::new(Assignments::from_iter([
        (ROOT, Assignment { role: Role::ServerAdministrator, group: SERVER }),
        (BOSS, Assignment { role: Role::CompanyAdministrator, group: SMART }),
        site(DEALER, NORTH),
        site(PEER, NORTH),
        (DESK, Assignment { role: Role::Concierge, group: A }),
        (ANNA, Assignment { role: Role::User, group: FLAT }),
    ]))
}

fn viewer(user: UserId) -> Viewer {
    Viewer::of_user(user, roles())
}

fn edit(user: User, with: impl FnOnce(&mut User)) -> Change {
    let mut user = user;
    with(&mut user);
    Change::EditUser { user }
}

fn edit_group(id: GroupId, with: impl FnOnce(&mut Group)) -> Change {
    let mut group = world().tree.group(id).unwrap().clone();
    with(&mut group);
    Change::EditGroup { group, licenses: Vec::new() }
}

/// A change, and what the dealer of North and the company administrator are told.
type Row = (&'static str, Change, Result<(), Denial>, Result<(), Denial>);

fn judge(rows: Vec<Row>) {
    let world = world();
    for (what, change, dealer, boss) in rows {
        assert_eq!(viewer(DEALER).may_write(&world, &change), dealer, "dealer: {what}");
        assert_eq!(viewer(BOSS).may_write(&world, &change), boss, "boss: {what}");
        assert_eq!(viewer(ROOT).may_write(&world, &change), Ok(()), "server: {what}");
        for nobody in [DESK, ANNA] {
            assert!(viewer(nobody).may_write(&world, &change).is_err(), "{nobody}: {what}");
        }
    }
}

#[test]
fn groups_are_edited_below_and_what_limits_ones_own_from_above() {
    let add = |parent, licenses: Vec<License>| {
        let group = group(GroupId(50), parent, "new");
        Change::AddGroup { group, licenses }
    };
    let granted = vec![license(50, G(GroupId(50)))];
    judge(vec![
        ("subgroup", add(NORTH, granted.clone()), Ok(()), Ok(())),
        ("deep subgroup", add(FLAT, granted.clone()), Ok(()), Ok(())),
        ("beside", add(SOUTH, vec![]), Err(Unseen), Ok(())),
        ("under the one above", add(SMART, vec![]), Err(Unseen), Ok(())),
        ("root", add(SERVER, vec![]), Err(Unseen), Err(Unseen)),
        ("foreign license", add(A, vec![license(50, G(NORTH))]), Err(Forbidden), Err(Forbidden)),
        ("name of own", edit_group(NORTH, |one| one.name = "N".into()), Ok(()), Ok(())),
        (
            "zone of own",
            edit_group(NORTH, |one| one.time_zone = Some(chrono_tz::UTC)),
            Ok(()),
            Ok(()),
        ),
        ("off", edit_group(NORTH, |one| one.restricted = false), Err(Forbidden), Ok(())),
        ("shared", edit_group(NORTH, |one| one.hand_out = HandOut::Shared), Err(Forbidden), Ok(())),
        ("monitor", edit_group(NORTH, |one| one.monitor = true), Err(Forbidden), Ok(())),
        ("off below", edit_group(A, |one| one.restricted = false), Ok(()), Ok(())),
        (
            "moved by an edit",
            edit_group(A, |one| one.parent = Some(SMART)),
            Err(Forbidden),
            Err(Forbidden),
        ),
        ("above", edit_group(SMART, |one| one.name = "S".into()), Err(Unseen), Ok(())),
        (
            "above, off",
            edit_group(SMART, |one| one.restricted = false),
            Err(Unseen),
            Err(Forbidden),
        ),
        ("server", edit_group(SERVER, |one| one.restricted = true), Err(Unseen), Err(Unseen)),
        ("move below", Change::MoveGroup { group: FLAT, parent: NORTH }, Ok(()), Ok(())),
        ("move own", Change::MoveGroup { group: NORTH, parent: A }, Err(Forbidden), Ok(())),
        ("move out", Change::MoveGroup { group: A, parent: SOUTH }, Err(Unseen), Ok(())),
        ("move in", Change::MoveGroup { group: C, parent: A }, Err(Unseen), Ok(())),
        (
            "move to the root",
            Change::MoveGroup { group: A, parent: SERVER },
            Err(Unseen),
            Err(Unseen),
        ),
        ("remove own", Change::RemoveGroup { group: NORTH }, Err(Forbidden), Err(Forbidden)),
        ("remove beside", Change::RemoveGroup { group: C }, Err(Unseen), Ok(())),
    ]);
}

#[test]
fn a_group_that_others_who_stand_higher_live_in_is_not_removed() {
    let mut world = world();
    let remove = Change::RemoveGroup { group: FLAT };

    assert_eq!(viewer(DEALER).may_write(&world, &remove), Err(Forbidden));
    world.tree.remove_user(ROOT);
    assert_eq!(viewer(DEALER).may_write(&world, &remove), Ok(()));
}

#[test]
fn licenses_are_edited_from_above_and_never_ones_own() {
    let add = |holder| Change::AddLicense(license(50, holder));
    judge(vec![
        ("below", add(G(A)), Ok(()), Ok(())),
        ("own group", add(G(NORTH)), Err(Forbidden), Ok(())),
        ("own group of the boss", add(G(SMART)), Err(Unseen), Err(Forbidden)),
        ("beside", add(G(C)), Err(Unseen), Ok(())),
        ("user below", add(U(ANNA)), Ok(()), Ok(())),
        ("dealer", add(U(DEALER)), Err(Forbidden), Ok(())),
        ("dealer's colleague", add(U(PEER)), Err(Forbidden), Ok(())),
        ("boss", add(U(BOSS)), Ok(()), Ok(())),
        ("user in two", add(U(BOTH)), Err(Forbidden), Ok(())),
        ("stranger", add(U(STRANGER)), Err(Unseen), Ok(())),
        ("suspend below", Change::SuspendLicense(LicenseId(A.0)), Ok(()), Ok(())),
        ("resume own", Change::ResumeLicense(LicenseId(NORTH.0)), Err(Forbidden), Ok(())),
        ("remove own", Change::RemoveLicense(LicenseId(NORTH.0)), Err(Forbidden), Ok(())),
        ("remove above", Change::RemoveLicense(LicenseId(SMART.0)), Err(Unseen), Err(Forbidden)),
        ("of nobody", Change::RemoveLicense(LicenseId(99)), Err(Unseen), Err(Unseen)),
        ("hand over", Change::EditLicense(license(A.0, G(NORTH))), Err(Forbidden), Ok(())),
        ("take", Change::EditLicense(license(C.0, G(A))), Err(Unseen), Ok(())),
        ("add over", Change::AddLicense(license(C.0, G(A))), Err(Forbidden), Err(Forbidden)),
    ]);
}

#[test]
fn users_are_edited_by_whoever_administers_all_their_groups() {
    let named = |id, groups: &[GroupId]| edit(user(id, groups), |one| one.name = "new".into());
    let new = |groups: &[GroupId]| {
        let licenses = vec![license(50, U(UserId(50)))];
        Change::AddUser { user: user(UserId(50), groups), licenses }
    };
    let joined = |id, groups: &[GroupId]| Change::EditUser { user: user(id, groups) };
    judge(vec![
        ("new", new(&[NORTH, FLAT]), Ok(()), Ok(())),
        ("new beside", new(&[FLAT, C]), Err(Unseen), Ok(())),
        ("new nowhere", new(&[]), Err(Forbidden), Err(Forbidden)),
        ("name in two", named(BOTH, &[FLAT, C]), Err(Forbidden), Ok(())),
        ("name of a peer", named(PEER, &[NORTH]), Err(Forbidden), Ok(())),
        ("name of a server administrator", named(ROOT, &[FLAT]), Err(Forbidden), Err(Forbidden)),
        ("name of a stranger", named(STRANGER, &[C]), Err(Unseen), Ok(())),
        ("join", joined(ANNA, &[FLAT, A]), Ok(()), Ok(())),
        ("join of one in two", joined(BOTH, &[FLAT, C, A]), Ok(()), Ok(())),
        ("pull in", joined(STRANGER, &[C, A]), Err(Unseen), Ok(())),
        ("push out", joined(ANNA, &[FLAT, C]), Err(Unseen), Ok(())),
        ("leave here", joined(BOTH, &[C]), Err(Forbidden), Ok(())),
        ("leave there", joined(BOTH, &[FLAT]), Err(Forbidden), Ok(())),
        ("other order", joined(BOTH, &[C, FLAT]), Err(Forbidden), Ok(())),
        ("the dealer joins below", joined(DEALER, &[NORTH, A]), Ok(()), Ok(())),
        ("the dealer leaves", joined(DEALER, &[A]), Err(Forbidden), Ok(())),
        ("remove", Change::RemoveUser { user: ANNA }, Ok(()), Ok(())),
        ("remove one in two", Change::RemoveUser { user: BOTH }, Err(Forbidden), Ok(())),
        ("remove a peer", Change::RemoveUser { user: PEER }, Err(Forbidden), Ok(())),
        ("remove a stranger", Change::RemoveUser { user: STRANGER }, Err(Unseen), Ok(())),
    ]);
}

#[test]
fn everybody_edits_their_own_name_and_address_only() {
    let world = world();
    for own in [DEALER, DESK, ANNA, BOTH] {
        let old = world.tree.user(own).unwrap().clone();
        let named = edit(old.clone(), |one| one.email = Some("me@example.com".into()));
        assert_eq!(viewer(own).may_write(&world, &named), Ok(()), "{own}");
        assert_eq!(viewer(own).may_edit_credentials(&world, own), Ok(()), "{own}");
    }
    let desk = edit(user(DESK, &[A]), |one| one.name = "new".into());
    assert_eq!(viewer(DEALER).may_write(&world, &desk), Ok(()));
    let moved = Change::EditUser { user: user(ANNA, &[FLAT, A]) };
    assert_eq!(viewer(ANNA).may_write(&world, &moved), Err(Unseen));
}

#[test]
fn numbers_and_claims_stay_within_ones_own() {
    let add = |owner| Change::AddNumbers(vec![number(50, G(A)), number(51, owner)]);
    let edit = |id, owner| Change::EditNumber(number(id, owner));
    let claim = |group, first, last| Change::AddClaim(range(50, group, first, last));
    let rule = ClaimRule::Domain { domain: "b.example".into() };
    let domain = Claim { rule, ..range(50, A, "1", "2") };
    judge(vec![
        ("own group", add(G(NORTH)), Ok(()), Ok(())),
        ("user", add(U(ANNA)), Ok(()), Ok(())),
        ("user in two", add(U(BOTH)), Err(Forbidden), Ok(())),
        ("beside", add(G(C)), Err(Unseen), Ok(())),
        ("move", edit(1, U(ANNA)), Ok(()), Ok(())),
        ("move out", edit(1, G(C)), Err(Unseen), Ok(())),
        ("take", edit(4, G(A)), Err(Unseen), Ok(())),
        ("nobody's", edit(99, G(A)), Err(Unseen), Err(Unseen)),
        (
            "remove some",
            Change::RemoveNumbers(vec![NumberId(1), NumberId(3)]),
            Err(Forbidden),
            Ok(()),
        ),
        (
            "remove foreign",
            Change::RemoveNumbers(vec![NumberId(1), NumberId(4)]),
            Err(Unseen),
            Ok(()),
        ),
        ("range within", claim(A, "1200", "1299"), Ok(()), Ok(())),
        ("range anywhere", claim(A, "5000", "5999"), Err(Forbidden), Err(Forbidden)),
        ("range of others", claim(A, "3000", "3099"), Err(Forbidden), Err(Forbidden)),
        ("domain", Change::AddClaim(domain), Err(Forbidden), Err(Forbidden)),
        ("remove within", Change::RemoveClaim(ClaimId(2)), Ok(()), Ok(())),
        ("remove the given", Change::RemoveClaim(ClaimId(1)), Err(Forbidden), Err(Forbidden)),
        ("remove foreign", Change::RemoveClaim(ClaimId(3)), Err(Unseen), Err(Forbidden)),
    ]);
}

#[test]
fn each_step_is_judged_by_what_the_steps_before_left() {
    let world = world();
    let new = GroupId(50);
    let group = group(new, A, "new");
    let build = Change::All(vec![
        Change::AddGroup { group, licenses: Vec::new() },
        Change::AddLicense(license(51, G(new))),
        Change::AddUser { user: user(UserId(52), &[new]), licenses: Vec::new() },
        Change::AddNumbers(vec![number(53, U(UserId(52)))]),
    ]);
    let circle = Change::All(vec![
        Change::MoveGroup { group: A, parent: FLAT },
        Change::AddLicense(license(51, G(FLAT))),
    ]);
    let smuggled = Change::All(vec![build.clone(), Change::AddLicense(license(54, G(NORTH)))]);

    assert_eq!(viewer(DEALER).may_write(&world, &build), Ok(()));
    assert_eq!(viewer(DEALER).may_write(&world, &smuggled), Err(Forbidden));
    assert_eq!(viewer(DEALER).may_write(&world, &circle), Ok(()));
    assert!(
        crate::license::distribution::check(
            &world,
            &circle,
            crate::license::Moment(0),
            false,
            &crate::license::NoSeats
        )
        .is_err()
    );
}

#[test]
fn roles_are_given_below_ones_own() {
    let world = world();
    use Role::*;
    let rows = [
        (SiteAdministrator, A, ANNA, Ok(())),
        (SiteAdministrator, NORTH, ANNA, Err(Forbidden)),
        (SiteAdministrator, SMART, ANNA, Err(Unseen)),
        (SiteAdministrator, C, ANNA, Err(Unseen)),
        (SiteAdministrator, A, STRANGER, Err(Unseen)),
        (SiteAdministrator, A, DEALER, Err(Forbidden)),
        (Concierge, NORTH, ANNA, Ok(())),
        (User, FLAT, BOTH, Ok(())),
        (CompanyAdministrator, A, ANNA, Err(Forbidden)),
        (ServerAdministrator, A, ANNA, Err(Forbidden)),
        (ServerAdministrator, SERVER, ANNA, Err(Unseen)),
    ];
    for (role, group, user, told) in rows {
        let may = viewer(DEALER).may_assign(&world, role, group, user);
        assert_eq!(may, told, "{role} {group} {user}");
        assert!(viewer(DESK).may_assign(&world, role, group, user).is_err());
        assert_eq!(viewer(ROOT).may_assign(&world, role, group, user), Ok(()));
    }
    assert_eq!(viewer(BOSS).may_assign(&world, SiteAdministrator, NORTH, ANNA), Ok(()));
    assert_eq!(viewer(BOSS).may_assign(&world, CompanyAdministrator, SMART, ANNA), Err(Forbidden));
    assert_eq!(viewer(DEALER).may_withdraw(&world, SiteAdministrator, A), Ok(()));
    assert_eq!(viewer(DEALER).may_withdraw(&world, SiteAdministrator, NORTH), Err(Forbidden));
}

#[test]
fn credentials_are_edited_by_those_who_could_give_every_role_of_the_user() {
    let world = world();
    let rows = [
        (ANNA, Ok(())),
        (DESK, Ok(())),
        (BOTH, Err(Forbidden)),
        (PEER, Err(Forbidden)),
        (BOSS, Err(Forbidden)),
        (ROOT, Err(Forbidden)),
        (STRANGER, Err(Unseen)),
    ];
    for (user, told) in rows {
        assert_eq!(viewer(DEALER).may_edit_credentials(&world, user), told, "{user}");
        let unknowing = Viewer { others: None, ..viewer(DEALER) };
        assert!(unknowing.may_edit_credentials(&world, user).is_err(), "{user}");
    }
    assert_eq!(viewer(BOSS).may_edit_credentials(&world, DEALER), Ok(()));
    assert_eq!(viewer(ROOT).may_edit_credentials(&world, BOSS), Ok(()));
}

#[test]
fn each_role_reads_what_is_its_own() {
    use What::*;
    let tree = world().tree;
    let live: &[What] = &[Existence, Live, Records];
    let own: &[What] = &[Existence, Live, Records, Contact, Licenses, Roles];
    let all = &What::ALL[..What::ALL.len() - 1];
    let rows: &[(UserId, Holder, &[What])] = &[
        (DEALER, G(NORTH), all),
        (DEALER, G(FLAT), all),
        (DEALER, U(BOTH), all),
        (DEALER, G(SMART), &[]),
        (DEALER, G(SERVER), &[]),
        (DEALER, G(C), &[]),
        (DEALER, U(STRANGER), &[]),
        (DEALER, G(GroupId(99)), &[]),
        (BOSS, G(C), all),
        (DESK, G(A), live),
        (DESK, U(ANNA), live),
        (DESK, U(DESK), own),
        (DESK, G(NORTH), &[]),
        (ANNA, U(ANNA), own),
        (ANNA, G(FLAT), &[]),
        (ANNA, U(BOTH), &[]),
        (ROOT, G(SERVER), What::ALL),
    ];
    for (who, holder, may) in rows {
        for what in What::ALL {
            let told = viewer(*who).may_read(&tree, *what, *holder);
            let denied = if may.is_empty() { Unseen } else { Forbidden };
            let expected = if may.contains(what) { Ok(()) } else { Err(denied) };
            assert_eq!(told, expected, "{who} {what:?} {holder:?}");
        }
    }
    assert_eq!(viewer(DEALER).may_set_reminder(&tree, NORTH), Ok(()));
    assert_eq!(viewer(DEALER).may_webhook(&tree, SMART), Err(Unseen));
    assert_eq!(viewer(DESK).may_set_reminder(&tree, A), Err(Forbidden));
}

#[test]
fn a_role_on_the_server_that_is_no_server_administrators_counts_nothing() {
    let tree = world().tree;
    for role in [Role::CompanyAdministrator, Role::SiteAdministrator, Role::Concierge] {
        let assignment = Assignment { role, group: SERVER };
        let viewer = Viewer { assignments: vec![assignment], ..Viewer::default() };

        assert!(assignment.fault(&tree).is_some());
        assert!(!viewer.sees(&tree, G(SERVER)) && !viewer.sees(&tree, G(NORTH)), "{role}");
    }
    let company = Assignment { role: Role::CompanyAdministrator, group: SMART };
    assert_eq!(company.fault(&tree), None);
    assert!(Assignment { group: NORTH, ..company }.fault(&tree).is_some());
}

#[test]
fn paths_begin_at_ones_own_group_and_are_read_back() {
    let tree = world().tree;
    let rows = [
        (ROOT, FLAT, "SmartHome/North/A Residence/12"),
        (BOSS, FLAT, "SmartHome/North/A Residence/12"),
        (DEALER, FLAT, "North/A Residence/12"),
        (DEALER, NORTH, "North"),
        (DESK, FLAT, "A Residence/12"),
    ];
    for (who, group, path) in rows {
        assert_eq!(viewer(who).path_name(&tree, group), path);
        assert_eq!(viewer(who).find(&tree, path), Some(group), "{path}");
    }
    for path in ["SmartHome/North", "/", "", "South", "North/A Residence/13", "A Residence"] {
        assert_eq!(viewer(DEALER).find(&tree, path), None, "{path}");
    }
    assert_eq!(viewer(ANNA).path_name(&tree, FLAT), "12");
    assert_eq!(viewer(ANNA).find(&tree, "12"), None);
}

#[test]
fn two_own_groups_of_one_name_are_found_by_neither() {
    let mut tree = world().tree;
    tree.upsert_group(group(GroupId(50), SOUTH, "North"));
    let site = |group| Assignment { role: Role::SiteAdministrator, group };
    let viewer =
        Viewer { assignments: vec![site(NORTH), site(GroupId(50)), site(A)], ..Viewer::default() };

    assert_eq!(viewer.own_tops(&tree), [NORTH, GroupId(50)]);
    assert_eq!(viewer.find(&tree, "North"), None);
    assert_eq!(viewer.find(&tree, "North/A Residence"), Some(A));
    assert_eq!(viewer.path_name(&tree, FLAT), "North/A Residence/12");
}

#[test]
fn what_is_not_seen_has_a_place_only() {
    let tree = world().tree;
    let rows = [
        (DEALER, G(SMART), None, "a group above"),
        (DEALER, G(SERVER), Some(U(BOTH)), "a group above"),
        (DEALER, G(C), Some(U(BOTH)), "another group of this user"),
        (DEALER, G(SOUTH), Some(U(BOTH)), "another group of this user"),
        (DEALER, G(C), None, "a group elsewhere"),
        (DEALER, U(STRANGER), None, "a user elsewhere"),
        (DEALER, U(BOTH), None, "user:u5"),
        (ANNA, G(A), Some(U(ANNA)), "a group above"),
        (BOTH, G(C), Some(U(BOTH)), "C"),
        (ROOT, G(C), None, "SmartHome/South/C"),
    ];
    for (who, holder, subject, name) in rows {
        assert_eq!(viewer(who).name_of(&tree, holder, subject), name, "{who} {holder:?}");
    }
}

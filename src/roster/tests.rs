use super::*;
use crate::license::distribution::Change;
use crate::license::{
    Assignment, Claim, ClaimId, ClaimRule, FeatureSet, Group, GroupId, HandOut, Holder, License,
    LicenseId, NoSeats, Number, NumberId, NumberKind, Role, SERVER, User, UserId, Validity,
};

const SMART: GroupId = GroupId(2);
const HOUSE: GroupId = GroupId(3);
const OTHER: GroupId = GroupId(4);
const NOW: Moment = Moment(1_700_000_000);

fn group(id: GroupId, parent: GroupId, name: &str, restricted: bool) -> Group {
    Group {
        id,
        parent: Some(parent),
        name: name.into(),
        kind: String::new(),
        restricted,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    }
}

/// SmartHome[5/2] > House, beside Other, which has bob and claims 9000-9999.
fn world() -> World {
    let mut world = World::default();
    let tree = &mut world.tree;
    tree.upsert_group(group(SMART, SERVER, "SmartHome", true));
    tree.upsert_group(group(HOUSE, SMART, "House", false));
    tree.upsert_group(group(OTHER, SERVER, "Other", false));
    tree.upsert_license(License {
        id: LicenseId(1),
        holder: Holder::Group(SMART),
        license_type: "Plus".into(),
        sip_numbers: 5,
        mobile_apps: 2,
        features: FeatureSet::all(),
        validity: Validity::default(),
        suspended: false,
    });
    let bob = User { id: UserId(1), name: "bob".into(), email: None, groups: vec![OTHER] };
    tree.upsert_user(bob);
    let rule = ClaimRule::Range {
        domain: "example.com".into(),
        first: "9000".into(),
        last: "9999".into(),
    };
    let claim = Claim { id: ClaimId(1), group: OTHER, rule, kind: NumberKind::Phone };
    world.directory.insert_claim(claim);
    world.put_number(&Number {
        id: NumberId(1),
        aor: "sip:7@example.com".into(),
        owner: Holder::Group(OTHER),
        kind: NumberKind::Panel,
        password: None,
    });
    world
}

fn dealer() -> Viewer {
    let role = Role::SiteAdministrator;
    Viewer { assignments: vec![Assignment { role, group: HOUSE }], ..Viewer::default() }
}

fn read(world: &World, viewer: &Viewer, top: GroupId, text: &str) -> Result<UsersPlan, Faults> {
    let spelling = |text: &str| spell(text, &|_| None, false);
    let ground = Ground { world, viewer, spelling: &spelling, at: NOW, usage: &NoSeats };
    users(text.as_bytes(), (top, 100), &ground).map(|(plan, _)| plan)
}

fn told(faults: &Faults) -> Vec<String> {
    let row = |fault: &Fault| {
        format!("{} {}: {}", fault.line, fault.column.as_deref().unwrap_or("-"), fault.error)
    };
    faults.lines.iter().map(row).collect()
}

/// The write with ids that ascend, as the store gives them.
fn stored(plan: &UsersPlan) -> Change {
    let Change::All(mut steps) = plan.change() else { panic!() };
    let positive = |holder: &mut Holder| {
        if let Holder::User(id) = holder {
            id.0 = 100 - id.0;
        }
    };
    for step in &mut steps {
        match step {
            Change::AddUser { user, licenses } => {
                user.id.0 = 100 - user.id.0;
                for license in licenses {
                    license.id.0 = 100 - license.id.0;
                    positive(&mut license.holder);
                }
            }
            Change::AddNumbers(numbers) => {
                for number in numbers {
                    number.id.0 = 100 - number.id.0;
                    positive(&mut number.owner);
                }
            }
            _ => panic!(),
        }
    }
    Change::All(steps)
}

#[test]
fn several_lines_of_one_name_make_one_user() {
    let text = "number,name,group,email,sip_numbers,valid_until,features\n\
        1@example.com,anna,House,anna@example.com,2,2030-01-01,ukey2 web_dialer\n\
        3@example.com,carl,,,,,\n\
        2@example.com,anna,,,,,\n";

    let plan = read(&world(), &Viewer::server(), SMART, text).unwrap();

    assert_eq!((plan.users, plan.numbers, plan.licenses), (2, 3, 1));
    let mut after = world();
    after.apply(&stored(&plan));
    let anna = after.tree.user_named("anna").unwrap();
    assert_eq!(anna.groups, [HOUSE]);
    assert_eq!(after.tree.created(Holder::User(anna.id)).total(), 2);
    assert_eq!(after.tree.user_named("carl").unwrap().groups, [SMART]);
}

#[test]
fn every_fault_is_told_with_its_line_and_column() {
    let text = "name,email,group,number,kind,sip_numbers,mobile_apps,valid_from,valid_until,features\n\
        anna,no address,Nowhere,a b@,spoon,x,1,tomorrow,,flying\n\
        ,,,,,,,,,\n\
        carl,,,1@example.com,,1,2,2030-01-01,2029-01-01,\n\
        dora,,,1@example.com,,,,,,\n\
        dora,d@example.com,,,panel,,,,,\n";

    let faults = read(&world(), &Viewer::server(), SMART, text).unwrap_err();

    let places: Vec<_> = faults
        .lines
        .iter()
        .map(|fault| (fault.line, fault.column.clone().unwrap_or_default()))
        .collect();
    let expected = [
        (2, "email"),
        (2, "group"),
        (2, "sip_numbers"),
        (2, "valid_from"),
        (2, "features"),
        (2, "kind"),
        (2, "number"),
        (3, "name"),
        (4, "mobile_apps"),
        (4, "valid_until"),
        (5, "number"),
        (6, "kind"),
    ];
    assert_eq!(
        places,
        expected.map(|(line, column)| (line, column.to_owned())),
        "{:?}",
        told(&faults)
    );
}

#[test]
fn a_sum_is_told_once_with_the_line_from_which_on_it_does_not_fit() {
    let rows: String = (11..=18).map(|at| format!("user{at},{at}@example.com,House\n")).collect();
    let text = format!("name,number,group\n{rows}");

    let faults = read(&world(), &Viewer::server(), SMART, &text).unwrap_err();

    assert_eq!(told(&faults), ["7 -: SmartHome has 5 sip_numbers left, 8 asked"]);
    assert_eq!(faults.obstacles.len(), 1);
    let fits = text.lines().take(6).collect::<Vec<_>>().join("\n");
    assert!(read(&world(), &Viewer::server(), SMART, &fits).is_ok());
}

#[test]
fn whoever_has_more_numbers_than_license_is_named_beside_the_other_sums() {
    let text = "name,number,sip_numbers\n\
        anna,1@example.com,1\nanna,2@example.com,\ncarl,3@example.com,4\ndora,4@example.com,3\n";

    let faults = read(&world(), &Viewer::server(), SMART, text).unwrap_err();

    let told = told(&faults);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("3 -: user:anna has "), "{told:?}");
    assert!(told[1].starts_with("5 -: SmartHome has 5 sip_numbers left, 7 asked"), "{told:?}");
}

#[test]
fn what_is_not_seen_is_not_named() {
    let text = "name,number\nbob,\nanna,9001@example.com\ncarl,7@example.com\n";
    let rows: String = (1..=6).map(|at| format!("u{at},{at}@example.com\n")).collect();

    let faults = read(&world(), &dealer(), HOUSE, text).unwrap_err();
    let sums = read(&world(), &dealer(), HOUSE, &format!("name,number\n{rows}")).unwrap_err();

    assert_eq!(
        told(&faults),
        [
            "2 name: \"bob\" is taken",
            "3 number: sip:9001@example.com is taken",
            "4 number: sip:7@example.com is taken",
        ]
    );
    assert_eq!(told(&sums), ["7 -: a group above has 5 sip_numbers left, 6 asked"]);
    assert!(!format!("{:?}", sums.lines).contains("SmartHome"));
}

#[test]
fn what_was_exported_is_there_already_and_makes_the_same_users_elsewhere() {
    let text = "name,email,group,number,kind,sip_numbers,mobile_apps,valid_until,features,license_type\n\
        anna,anna@example.com,House,1@example.com,app,1,1,2030-01-01,ukey2,=Basic\n\
        anna,,/House,2@example.com,phone,1,0,,,\n\
        carl,,,,,,,,,\n";
    let mut filled = world();
    filled.apply(&stored(&read(&world(), &Viewer::server(), SMART, text).unwrap()));

    let file = exported_users(&filled, SMART).whole(&filled, &Viewer::server());

    let file = String::from_utf8(file).unwrap();
    assert!(file.contains(",'=Basic,"), "{file}");
    let again = read(&filled, &Viewer::server(), SMART, &file).unwrap();
    assert!(again.is_empty(), "{again:?}");
    let mut fresh = world();
    fresh.apply(&stored(&read(&world(), &Viewer::server(), SMART, &file).unwrap()));
    let again = exported_users(&fresh, SMART).whole(&fresh, &Viewer::server());
    assert_eq!(String::from_utf8(again).unwrap(), file);
}

#[test]
fn numbers_go_out_and_come_in_again() {
    let world = world();
    let spelling = |text: &str| spell(text, &|_| None, false);
    let viewer = Viewer::server();
    let ground =
        Ground { world: &world, viewer: &viewer, spelling: &spelling, at: NOW, usage: &NoSeats };

    let file = exported_numbers(&world, SERVER).whole(&world, &viewer);
    let (plan, _) = numbers(&file, 100, &ground).unwrap();
    let hidden = exported_numbers(&world, SERVER).whole(&world, &dealer());

    assert_eq!((plan.new.len(), plan.present), (0, 1));
    assert_eq!(String::from_utf8(file).unwrap().lines().count(), 2);
    assert_eq!(String::from_utf8(hidden).unwrap(), "number,group,user,kind,password\n");
}

#[test]
fn a_file_of_numbers_names_no_group_that_is_not_seen() {
    let world = world();
    let spelling = |text: &str| spell(text, &|_| None, false);
    let viewer = dealer();
    let ground =
        Ground { world: &world, viewer: &viewer, spelling: &spelling, at: NOW, usage: &NoSeats };
    let text = "number,group,user\n1@example.com,Other,\n2@example.com,,bob\n3@example.com,Nowhere,\n\
        4@example.com,House,\n";

    let faults = numbers(text.as_bytes(), 100, &ground).unwrap_err();

    assert_eq!(
        told(&faults),
        [
            "2 group: no group is called \"Other\"",
            "3 user: no user is called \"bob\"",
            "4 group: no group is called \"Nowhere\"",
        ]
    );
}

//! People who edit the same record at once, and clients that send a write twice.

#[path = "base/mod.rs"]
mod base;

use admitd::license::{
    Claim, ClaimId, ClaimRule, FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId,
    Moment, Number, NumberId, NumberKind, SERVER, User, UserId, Validity, Viewer, World,
};
use admitd::store::{AuditQuery, Error, Once, Record, Store, Terms, tag};
use base::{Base, on_both};

fn now() -> Terms<'static> {
    Terms::at(Moment(1_700_000_000))
}

async fn open(base: &Base) -> Store {
    Store::open(&base.url(), base.folder()).await.unwrap()
}

fn group(name: &str) -> Group {
    Group {
        id: GroupId(0),
        parent: Some(SERVER),
        name: name.into(),
        kind: String::new(),
        restricted: false,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    }
}

fn once(key: &str, digest: u8) -> Once {
    Once { key: key.into(), digest: vec![digest; 32] }
}

async fn world(store: &Store) -> World {
    let mut numbers = Vec::new();
    let mut all = store
        .read_all(|row| {
            numbers.push(Number {
                id: row.id,
                aor: row.aor.to_owned(),
                owner: row.owner,
                kind: row.kind,
                password: row.password.map(str::to_owned),
            });
        })
        .await
        .unwrap();
    let mut world =
        World { tree: all.tree(chrono_tz::Tz::UTC, &Default::default()), ..World::default() };
    all.claims.into_iter().for_each(|claim| world.directory.insert_claim(claim));
    world.put_numbers(&numbers);
    world
}

on_both!(
    of_two_editors_who_saw_the_same_state_one_is_told_that_it_changed,
    an_edit_or_removal_of_any_record_can_depend_on_what_was_seen,
    a_write_that_comes_twice_happens_once,
    a_key_stands_for_one_write_for_a_day,
    a_refused_write_may_be_tried_again_with_its_key,
);

async fn of_two_editors_who_saw_the_same_state_one_is_told_that_it_changed(base: Base) {
    let (one, two) = (open(&base).await, open(&base).await);
    let id = one.add_group(group("A"), now()).await.unwrap().id;

    for round in 0..20 {
        let seen = tag(Record::Group(world(&one).await.tree.group(id).unwrap()));
        let terms = Terms { expect: Some(&seen), ..now() };
        let (first, second) = tokio::join!(
            one.edit_group(id, |it| it.kind = format!("first {round}"), terms),
            two.edit_group(id, |it| it.kind = format!("second {round}"), terms),
        );

        match (first, second) {
            (Ok(_), Err(Error::Changed(_))) | (Err(Error::Changed(_)), Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn an_edit_or_removal_of_any_record_can_depend_on_what_was_seen(base: Base) {
    let store = open(&base).await;
    let group = store.add_group(group("A"), now()).await.unwrap().id;
    let user = User { id: UserId(0), name: "anna".into(), email: None, groups: vec![group] };
    let user = store.add_user(user, now()).await.unwrap().id;
    let license = License {
        id: LicenseId(0),
        holder: Holder::Group(group),
        license_type: "Plus".into(),
        sip_numbers: 5,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    };
    let license = store.add_license(license, now()).await.unwrap().id;
    let owner = Holder::Group(group);
    let kind = NumberKind::Phone;
    let aor = "sip:1@a.com".to_owned();
    let number = Number { id: NumberId(0), aor, owner, kind, password: None };
    let number = store.add_number(number, now()).await.unwrap().id;
    let rule = ClaimRule::Domain { domain: "b.com".into() };
    let claim =
        store.add_claim(Claim { id: ClaimId(0), group, rule, kind }, now()).await.unwrap().id;
    let seen = world(&store).await;
    let tags = [
        tag(Record::License(seen.tree.license(license).unwrap())),
        tag(Record::of_number(seen.directory.number(number).unwrap())),
        tag(Record::Claim(seen.directory.claim(claim).unwrap())),
        tag(Record::User(seen.tree.user(user).unwrap())),
        tag(Record::Group(seen.tree.group(group).unwrap())),
    ];
    let app = |kind: &mut NumberKind| *kind = NumberKind::App;

    let stale = Terms { expect: Some("0123456789abcdef"), ..now() };
    let refused = [
        store.edit_license(license, |it| it.sip_numbers = 6, stale).await.err(),
        store.suspend_license(license, stale).await.err(),
        store.remove_license(license, stale).await.err(),
        store.edit_number(number, |it| app(&mut it.kind), stale).await.err(),
        store.remove_number(number, stale).await.err(),
        store.edit_claim(claim, |it| app(&mut it.kind), stale).await.err(),
        store.remove_claim(claim, stale).await.err(),
        store.edit_user(user, |it| it.email = Some("a@b.c".into()), stale).await.err(),
        store.remove_user(user, stale).await.err(),
        store.edit_group(group, |it| it.kind = "x".into(), stale).await.err(),
        store.remove_group(group, stale).await.err(),
    ];

    for refused in refused {
        assert!(matches!(refused, Some(Error::Changed(_))), "{refused:?}");
    }
    let fresh = |at: usize| Terms { expect: Some(&tags[at]), ..now() };
    store.edit_license(license, |it| it.sip_numbers = 6, fresh(0)).await.unwrap();
    store.edit_number(number, |it| app(&mut it.kind), fresh(1)).await.unwrap();
    store.edit_claim(claim, |it| app(&mut it.kind), fresh(2)).await.unwrap();
    store.edit_user(user, |it| it.email = Some("a@b.c".into()), fresh(3)).await.unwrap();
    store.edit_group(group, |it| it.kind = "x".into(), fresh(4)).await.unwrap();
    let again = store.edit_group(group, |it| it.kind = "y".into(), fresh(4)).await;
    assert!(matches!(again, Err(Error::Changed(_))), "{again:?}");
}

async fn a_write_that_comes_twice_happens_once(base: Base) {
    let (one, two) = (open(&base).await, open(&base).await);
    for round in 0..20 {
        let once = once(&format!("key {round}"), 1);
        let terms = Terms { once: Some(&once), ..now() };
        let name = format!("A{round}");

        let (first, second) =
            tokio::join!(one.add_group(group(&name), terms), two.add_group(group(&name), terms));

        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!((first.id, &first.warnings), (second.id, &second.warnings));
        assert_ne!(first.replayed, second.replayed);
    }
    let query = AuditQuery { limit: 100, ..AuditQuery::default() };
    assert_eq!(one.audit(&query, &Viewer::server()).await.unwrap().len(), 20);
}

async fn a_key_stands_for_one_write_for_a_day(base: Base) {
    let store = open(&base).await;
    let (first, other) = (once("key", 1), once("key", 2));
    store.add_group(group("A"), Terms { once: Some(&first), ..now() }).await.unwrap();

    let reused = store.add_group(group("B"), Terms { once: Some(&other), ..now() }).await;
    let later = Terms::at(Moment(now().at.0 + 25 * 3600));
    let free = store.add_group(group("C"), Terms { once: Some(&other), ..later }).await;

    assert!(matches!(reused, Err(Error::Reused(_))), "{reused:?}");
    assert!(!free.unwrap().replayed);
    assert_eq!(store.forget_answers(later.at).await.unwrap(), 0);
    assert_eq!(store.forget_answers(Moment(later.at.0 + 25 * 3600)).await.unwrap(), 1);
}

async fn a_refused_write_may_be_tried_again_with_its_key(base: Base) {
    let store = open(&base).await;
    let key = once("key", 1);
    let terms = Terms { once: Some(&key), ..now() };
    let id = store.add_group(group("A"), now()).await.unwrap().id;

    let refused = store.add_group(group("A"), terms).await;
    store.remove_group(id, now()).await.unwrap();
    let written = store.add_group(group("A"), terms).await.unwrap();

    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert!(!written.replayed);
}

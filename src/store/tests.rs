//! Writes and reads together.

use super::base::{Base, on_both};
use super::*;
use crate::license::{
    Feature, FeatureSet, Group, GroupId, Holder, License, LicenseId, Moment, SERVER, User, UserId,
    Validity,
};

fn now() -> Terms<'static> {
    Terms::at(Moment(1_700_000_000))
}

fn group(name: &str, parent: GroupId) -> Group {
    Group {
        id: GroupId(0),
        parent: Some(parent),
        name: name.into(),
        kind: "building".into(),
        restricted: true,
        hand_out: Default::default(),
        time_zone: Some(chrono_tz::Europe::Madrid),
        monitor: false,
        admin_emails: vec!["a@b.c".into(), "d@e.f".into()],
    }
}

on_both!(
    records_come_back_as_they_were_written,
    nonsense_is_not_stored,
    a_removed_group_takes_its_subtree_but_not_users_who_are_elsewhere,
    ids_are_never_given_again,
    a_group_moves_by_its_parent_and_keeps_the_rest,
);

async fn records_come_back_as_they_were_written(base: Base) {
    let store = base.store().await;

    let top = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let user = User { id: UserId(0), name: "u".into(), email: None, groups: vec![top] };
    let user_id = store.add_user(user.clone(), now()).await.unwrap().id;
    let license = License {
        id: LicenseId(0),
        holder: Holder::Group(top),
        license_type: "Plus".into(),
        sip_numbers: 50,
        mobile_apps: 40,
        features: [Feature::Ukey2, Feature::SipTrunks].into_iter().collect(),
        validity: Validity { from: None, until: Some(Moment(1_800_000_000)) },
        suspended: false,
    };
    let license_id = store.add_license(license.clone(), now()).await.unwrap().id;
    let edited = store.edit_license(license_id, |it| it.suspended = true, now()).await.unwrap();

    let all = store.read_records().await.unwrap();
    assert_eq!(all.groups.last(), Some(&Group { id: top, ..group("A", SERVER) }));
    assert_eq!(all.users, [User { id: user_id, ..user }]);
    assert_eq!(edited.id, license_id);
    assert_eq!(all.licenses, [License { id: license_id, suspended: true, ..license }]);
    assert!(all.findings.0.is_empty());
    assert_eq!(store.find_group("/A/").await.unwrap(), top);
    assert!(matches!(store.find_group("A/B").await, Err(Error::NotFound(_))));
}

fn license(holder: Holder, sip_numbers: u32) -> License {
    License {
        id: LicenseId(0),
        holder,
        license_type: "Basic".into(),
        sip_numbers,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    }
}

async fn nonsense_is_not_stored(base: Base) {
    let store = base.store().await;

    let slash = store.add_group(group("a/b", SERVER), now()).await;
    let orphan = store.add_group(group("a", GroupId(77)), now()).await;
    store.add_group(group("a", SERVER), now()).await.unwrap();
    let twice = store.add_group(group("a", SERVER), now()).await;
    let apps = License { mobile_apps: 2, ..license(Holder::Group(SERVER), 1) };
    let apps = store.add_license(apps, now()).await;
    let gone = store.remove_license(LicenseId(5), now()).await;
    let endless = License { sip_numbers: u32::MAX, ..license(Holder::Group(SERVER), 1) };
    let endless = store.add_license(endless, now()).await;

    for refused in [slash.err(), orphan.err(), twice.err(), apps.err(), gone.err()] {
        assert!(matches!(refused, Some(Error::Refused(_))), "{refused:?}");
    }
    assert!(matches!(endless, Err(Error::Invalid(_))), "{endless:?}");
    assert_eq!(store.read_records().await.unwrap().groups.len(), 2);
}

async fn a_removed_group_takes_its_subtree_but_not_users_who_are_elsewhere(base: Base) {
    let store = base.store().await;
    let a = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let b = store.add_group(group("B", SERVER), now()).await.unwrap().id;
    let below = store.add_group(group("1", a), now()).await.unwrap().id;
    let user = |name: &str, groups| User { id: UserId(0), name: name.into(), email: None, groups };
    store.add_user(user("only", vec![below]), now()).await.unwrap();
    let stays = store.add_user(user("both", vec![below, b]), now()).await.unwrap().id;
    store.add_license(license(Holder::Group(a), 3), now()).await.unwrap();

    let refused = store.remove_group(a, now()).await;
    let warnings = store.remove_group(a, Terms { force: true, ..now() }).await.unwrap();

    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert!(!warnings.is_empty());
    let all = store.read_records().await.unwrap();
    assert_eq!(all.groups.iter().map(|it| it.id).collect::<Vec<_>>(), [SERVER, b]);
    assert_eq!(all.users, [User { id: stays, ..user("both", vec![b]) }]);
    assert!(all.licenses.is_empty());
}

async fn ids_are_never_given_again(base: Base) {
    let store = base.store().await;
    let first = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    store.remove_group(first, now()).await.unwrap();

    let second = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let forget = if base.is_postgres() {
        "select setval(pg_get_serial_sequence('groups', 'id'), 1)"
    } else {
        "delete from sqlite_sequence"
    };
    base.hand().await.run(forget).await;
    let third = store.add_group(group("B", SERVER), now()).await.unwrap().id;

    assert!(first < second && second < third);
}

async fn a_group_moves_by_its_parent_and_keeps_the_rest(base: Base) {
    let store = base.store().await;
    let a = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let free = Group { restricted: false, ..group("B", SERVER) };
    let b = store.add_group(free.clone(), now()).await.unwrap().id;

    let edit = |it: &mut Group| {
        it.parent = Some(b);
        it.name = "C".into();
    };
    store.edit_group(a, edit, now()).await.unwrap();
    let cycle = store.edit_group(b, |it| it.parent = Some(a), now()).await;

    assert_eq!(store.find_group("B/C").await.unwrap(), a);
    assert_eq!(store.groups(&[a]).await.unwrap(), [Group { id: a, ..group("C", b) }]);
    assert!(matches!(cycle, Err(Error::Refused(_))), "{cycle:?}");
}

impl Base {
    /// Opens it as a daemon or a command does.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.url(), self.folder()).await.unwrap()
    }
}

//! The store as its writers meet it: two processes, people with `sqlite3`, imports, a killed daemon.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use admitd::license::{
    FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId, Moment, Number, NumberId,
    NumberKind, SERVER, Validity,
};
use admitd::store::{Error, Store, Terms};

fn now() -> Terms<'static> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Terms::at(Moment(wall.as_secs().cast_signed()))
}

async fn open(folder: &Path) -> Store {
    Store::open("sqlite:admitd.db", folder).await.unwrap()
}

fn group(name: &str, parent: GroupId) -> Group {
    Group {
        id: GroupId(0),
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

fn license(holder: Holder, sip_numbers: u32) -> License {
    License {
        id: LicenseId(0),
        holder,
        license_type: "Plus".into(),
        sip_numbers,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    }
}

fn number(aor: &str, owner: Holder) -> Number {
    Number { id: NumberId(0), aor: aor.into(), owner, kind: NumberKind::Phone, password: None }
}

/// A group "A" under the server with a license.
async fn licensed(store: &Store, sip_numbers: u32) -> Holder {
    let id = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    store.add_license(license(Holder::Group(id), sip_numbers), now()).await.unwrap();
    Holder::Group(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_at_once_one_takes_the_last_license() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()).await, open(folder.path()).await);
    for round in 0..20 {
        let name = format!("G{round}");
        let top = one.add_group(group(&name, SERVER), now()).await.unwrap().id;
        one.add_license(license(Holder::Group(top), 1), now()).await.unwrap();
        let aor = |n: u8| format!("sip:{n}-{round}@example.com");

        let (first, second) = tokio::join!(
            one.add_number(number(&aor(1), Holder::Group(top)), now()),
            two.add_number(number(&aor(2), Holder::Group(top)), now()),
        );

        let refused = match (first, second) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
            other => panic!("{other:?}"),
        };
        let Error::Refused(refused) = refused else { panic!("{refused:?}") };
        assert_eq!(refused.obstacles.len(), 1);
        assert_eq!(refused.obstacles[0].gate, name);
        assert_eq!((refused.obstacles[0].granted, refused.obstacles[0].left), (1, 0));
    }
}

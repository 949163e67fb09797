//! What was there is there, and whoever comes next gets no id twice.

use super::super::base::Base;
use super::super::{Batch, BindingRow, SeatRow, SeatStore, Terms};
use super::*;
use crate::license::{GroupId, Holder, Moment, Number, NumberId, NumberKind};

const RECORDS: &str = "
    insert into groups (id, parent_id, name, restricted) values (9, 1, 'late', true);
    insert into groups (id, parent_id, name, kind, restricted, hand_out, time_zone, monitor) values
        (2, 9, 'A ''quoted'' \"name\" \\ ü', 'dealer', true, 'shared', 'Europe/Madrid', true);
    insert into group_admin_emails values (2, 'a@b'), (2, 'c@d');
    insert into users (id, name, email) values (1, 'u', 'u@v'), (4, 'v', null);
    insert into memberships values (1, 2), (1, 9), (4, 9);
    insert into licenses (id, group_id, license_type, sip_numbers, mobile_apps, features, valid_from,
        valid_until, suspended) values (3, 9, 'Plus', 5000, 4, 'ukey2', 1, 253402300799, true);
    insert into licenses (id, user_id, sip_numbers) values (7, 1, 2);
    insert into numbers (aor, group_id, kind, password)
        with recursive n (i) as (select 1 union all select i + 1 from n where i < 2500)
        select 'sip:' || i || '@e.com', 9, 'panel', 'x' || i from n;
    insert into numbers (aor, user_id) values ('sip:anna@e.com', 1);
    delete from numbers where aor = 'sip:anna@e.com';
    insert into claims (id, group_id, domain, range_first, range_last) values (1, 2, 'e.com', '10', '99');
    insert into claims (id, group_id, kind, address) values (2, 2, 'panel', '192.0.2.1');
    insert into imports (id, digest, started_at, total) values (6, 'x', 1, 2);";

/// A database with records of all kinds.
async fn furnished(base: &Base) -> Store {
    let store = base.store().await;
    // A digest is bytes, and both write them as `x'…'` in no common way.
    let bytes = if base.is_postgres() { "'\\x00ff'" } else { "x'00ff'" };
    base.careless_hand().await.run(&RECORDS.replace("'x', 1, 2", &format!("{bytes}, 1, 2"))).await;
    store.set_setting("ports", "[1, \"zwei\"]").await.unwrap();
    store.secret("digest", Moment(5)).await.unwrap();
    store.secret("tokens", Moment(5)).await.unwrap();
    store.rotate_secret("tokens", Moment(6)).await.unwrap();
    let seat = |number: &str| SeatRow {
        number: number.into(),
        since_ms: 1,
        until_ms: i64::MAX,
        node: 0,
        version: 3,
        details: "{\"calls\": [\"ü\"]}".into(),
    };
    let binding = BindingRow {
        number: "sip:1@e.com".into(),
        contact: "<sip:1@192.0.2.1>;q=\"1\"".into(),
        until_ms: 9,
        details: "{}".into(),
    };
    let batch = Batch {
        seats: vec![seat("sip:1@e.com"), seat("sip:2@e.com")],
        bindings: vec![binding],
        ..Batch::default()
    };
    SeatStore::open(&store).await.unwrap().write(&batch).await.unwrap();
    store
}

/// All that is there, in words.
async fn told(store: &Store) -> Vec<String> {
    let mut numbers = Vec::new();
    let all = store.read_all(|number| numbers.push(format!("{number:?}"))).await.unwrap();
    let seats = SeatStore::open(store).await.unwrap();
    let mut conn = store.conn().await.unwrap();
    let mut secrets = Vec::new();
    for name in ["digest", "tokens"] {
        let row: (Vec<u8>, Option<Vec<u8>>) =
            sql("select current, previous from secrets where name = ?")
                .bind(name)
                .one(&mut conn)
                .await
                .unwrap();
        secrets.push(row);
    }
    let imports: Vec<(i64, Vec<u8>)> =
        sql("select id, digest from imports").all(&mut conn).await.unwrap();
    numbers.extend([
        format!("{:?} {:?} {:?} {:?}", all.groups, all.users, all.licenses, all.claims),
        format!("{:?} {:?}", seats.seats().await.unwrap(), seats.bindings().await.unwrap()),
        format!("{secrets:?} {imports:?} {:?}", store.setting("ports").await.unwrap()),
    ]);
    numbers
}

async fn everything_moves(from: Base, to: Base) {
    let (from, to) = (furnished(&from).await, to.store().await);

    let copied = from.copy_to(&to, |_, _| {}).await.unwrap();
    let again = from.copy_to(&to, |_, _| {}).await.unwrap_err().to_string();

    let rows = |table: &str| copied.iter().find(|it| it.table == table).map(|it| it.rows);
    assert_eq!((rows("numbers"), rows("groups"), rows("seats")), (Some(2500), Some(3), Some(2)));
    assert_eq!(told(&from).await, told(&to).await);
    assert!(again.contains("not new"), "{again}");
    let number = Number {
        id: NumberId(0),
        aor: "sip:next@e.com".into(),
        owner: Holder::Group(GroupId(1)),
        kind: NumberKind::Phone,
        password: None,
    };
    let next = async |store: &Store| {
        store.add_number(number.clone(), Terms::at(Moment(1))).await.unwrap().id
    };
    assert_eq!((next(&from).await, next(&to).await), (NumberId(2502), NumberId(2502)));
}

#[tokio::test]
async fn everything_moves_between_files() {
    everything_moves(Base::sqlite(), Base::sqlite()).await;
}

#[tokio::test]
async fn a_database_with_a_daemon_is_not_moved() {
    let (from, to) = (Base::sqlite(), Base::sqlite());
    let (from, to) = (furnished(&from).await, to.store().await);
    let _daemon = from.claim().await.unwrap();

    let refused = from.copy_to(&to, |_, _| {}).await.unwrap_err().to_string();

    assert!(refused.contains("another daemon"), "{refused}");
    assert_eq!(to.read_records().await.unwrap().groups.len(), 1);
}

#[cfg(feature = "peers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_to_a_server() {
    everything_moves(Base::sqlite(), Base::postgres().await).await;
}

#[cfg(feature = "peers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_moves_back_to_a_file() {
    everything_moves(Base::postgres().await, Base::sqlite()).await;
}

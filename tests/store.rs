//! The store as its writers meet it: two processes, people with `sqlite3`, imports, a killed daemon.

#[path = "base/mod.rs"]
mod base;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use admitd::license::{
    FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId, Moment, Number, NumberId,
    NumberKind, SERVER, User, UserId, Validity,
};
use admitd::store::{Batch, Error, SeatRow, SeatStore, Store, Terms};

use base::{Base, on_both};

on_both!(
    of_two_writers_at_once_one_takes_the_last_license,
    an_import_stops_neither_the_seats_nor_a_license,
    an_import_that_does_not_fit_whole_is_not_begun,
    an_interrupted_import_goes_on_or_is_undone,
    a_killed_import_goes_on,
    a_row_by_hand_takes_no_id_of_ours,
    names_that_look_like_sql_come_back,
);

fn now() -> Terms<'static> {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Terms::at(Moment(wall.as_secs().cast_signed()))
}

async fn open(base: &Base) -> Store {
    open_at(&base.url()).await
}

async fn open_at(url: &str) -> Store {
    Store::open(url, Path::new("")).await.unwrap()
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

async fn of_two_writers_at_once_one_takes_the_last_license(base: Base) {
    let (one, two) = (open(&base).await, open(&base).await);
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
        assert_eq!((refused.obstacles[0].granted, refused.obstacles[0].left), (Some(1), 0));
    }
}

fn many(count: usize, owner: Holder) -> Vec<Number> {
    (0..count).map(|n| number(&format!("sip:{n}@example.com"), owner)).collect()
}

async fn an_import_stops_neither_the_seats_nor_a_license(base: Base) {
    let (importer, other) = (open(&base).await, open(&base).await);
    let owner = licensed(&importer, 100_000).await;
    let seats = SeatStore::open(&importer).await.unwrap();
    let done = AtomicBool::new(false);

    let import = async {
        let began = Instant::now();
        importer.import_numbers(many(100_000, owner), now(), |_| {}).await.unwrap();
        done.store(true, Ordering::Relaxed);
        began.elapsed()
    };
    let batches = async {
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while !done.load(Ordering::Relaxed) {
            let began = Instant::now();
            seats.write(&batch(1_000, count)).await.unwrap();
            slowest = slowest.max(began.elapsed());
            count += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        (count, slowest)
    };
    let licenses = async {
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while !done.load(Ordering::Relaxed) {
            let began = Instant::now();
            other.add_license(license(owner, 1), now()).await.unwrap();
            slowest = slowest.max(began.elapsed());
            count += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (count, slowest)
    };
    let (import, batches, licenses) = tokio::join!(import, batches, licenses);

    eprintln!(
        "100,000 numbers in {import:?}; {} batches of 1,000 seats, the slowest {:?}; {} licenses by another process, the slowest {:?}",
        batches.0, batches.1, licenses.0, licenses.1
    );
    assert!(batches.0 > 3 && licenses.0 > 3);
    // For a piece or two of the twenty, never for the import.
    assert!(licenses.1 < import / 3, "a license waited {:?} of {import:?}", licenses.1);
    let mut count = 0;
    importer.read_all(|_| count += 1).await.unwrap();
    assert_eq!(count, 100_000);
    assert!(importer.unfinished_imports().await.unwrap().is_empty());
}

async fn an_import_that_does_not_fit_whole_is_not_begun(base: Base) {
    let store = open(&base).await;
    let owner = licensed(&store, 11_999).await;

    let refused = store.import_numbers(many(12_000, owner), now(), |_| {}).await;

    let Err(Error::Refused(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!((refused.obstacles[0].left, refused.obstacles[0].asked), (11_999, 12_000));
    assert!(store.numbers_of(owner).await.unwrap().is_empty());
    assert!(store.unfinished_imports().await.unwrap().is_empty());
}

async fn an_interrupted_import_goes_on_or_is_undone(base: Base) {
    let store = open(&base).await;
    let owner = licensed(&store, 30_000).await;
    store.add_number(number("sip:alone@example.com", owner), now()).await.unwrap();
    let rows = many(12_000, owner);
    let interrupted = async |store: &Store| {
        let (said, heard) = tokio::sync::oneshot::channel::<()>();
        let mut said = Some(said);
        let progress = move |_| drop(said.take());
        tokio::select! {
            _ = store.import_numbers(rows.clone(), now(), progress) => panic!("not interrupted"),
            _ = heard => {}
        }
    };

    interrupted(&store).await;
    let left = store.unfinished_imports().await.unwrap();
    assert_eq!((left.len(), left[0].written, left[0].total), (1, 5_000, 12_000));
    store.undo_import(left[0].id, now()).await.unwrap();
    assert_eq!(store.numbers_of(owner).await.unwrap().len(), 1);

    interrupted(&store).await;
    drop(store);
    let store = open(&base).await;
    let mut steps = Vec::new();
    let progress = |written| steps.push(written);
    let done = store.import_numbers(rows.clone(), now(), progress).await.unwrap();
    let again = store.import_numbers(rows.clone(), now(), |_| {}).await.unwrap();

    assert_eq!(steps, [10_000, 12_000]);
    assert_eq!((done.added, done.present), (7_000, 5_000));
    assert_eq!((again.added, again.present), (0, 12_000));
    assert_eq!(store.numbers_of(owner).await.unwrap().len(), 12_001);
    assert!(store.unfinished_imports().await.unwrap().is_empty());
}

fn batch(numbers: usize, round: usize) -> Batch {
    let numbers: Vec<_> = (0..numbers).map(|n| format!("sip:{n}-{round}@example.com")).collect();
    let seat = |number: &String| SeatRow {
        number: number.clone(),
        since_ms: 1,
        until_ms: 2,
        node: 0,
        version: 1,
        details: "{}".into(),
    };
    Batch { seats: numbers.iter().map(seat).collect(), seats_of: numbers, ..Batch::default() }
}

/// Runs itself once more as the process that is killed, on whichever database it is told.
async fn a_killed_import_goes_on(base: Base) {
    const ROLE: &str = "ADMITD_TEST_IMPORT_IN";
    const ROWS: usize = 40_000;
    let owner = Holder::Group(GroupId(2));
    if let Ok(url) = std::env::var(ROLE) {
        let store = open_at(&url).await;
        store.import_numbers(many(ROWS, owner), now(), |_| {}).await.unwrap();
        return;
    }
    let store = open(&base).await;
    assert_eq!(licensed(&store, ROWS.try_into().unwrap()).await, owner);
    let mut importer = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "on_sqlite::a_killed_import_goes_on"])
        .env(ROLE, base.url())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();

    while store.unfinished_imports().await.unwrap().is_empty() {
        assert!(importer.try_wait().unwrap().is_none(), "ended before it was killed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    importer.kill().unwrap();
    importer.wait().unwrap();
    let left = store.unfinished_imports().await.unwrap();
    let written = store.numbers_of(owner).await.unwrap().len();
    store.import_numbers(many(ROWS, owner), now(), |_| {}).await.unwrap();

    assert_eq!((left[0].written, left[0].total), (written, ROWS));
    assert!(written < ROWS);
    assert_eq!(store.numbers_of(owner).await.unwrap().len(), ROWS);
}

async fn a_row_by_hand_takes_no_id_of_ours(base: Base) {
    let store = open(&base).await;
    let mut hand = base.hand().await;

    hand.run("insert into groups (id, parent_id, name) values (40, 1, 'by hand')").await;
    let after_insert = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    hand.run("update groups set id = 50 where id = 40").await;
    let after_update = store.add_group(group("B", SERVER), now()).await.unwrap().id;
    hand.run("delete from groups where id in (50, 51)").await;
    let after_delete = store.add_group(group("C", SERVER), now()).await.unwrap().id;
    hand.run("insert into groups (parent_id, name) values (1, 'without an id')").await;
    hand.run("insert into users (id, name) values (1, 'first')").await;
    let second =
        User { id: UserId(0), name: "second".into(), email: None, groups: vec![after_delete] };
    let second = store.add_user(second, now()).await.unwrap().id;

    assert_eq!((after_insert, after_update), (GroupId(41), GroupId(51)));
    assert_eq!(after_delete, GroupId(52));
    assert_eq!(store.find_group("without an id").await.unwrap(), GroupId(53));
    assert_eq!(second, UserId(2));
}

async fn names_that_look_like_sql_come_back(base: Base) {
    let store = open(&base).await;
    let name = "a'; drop table numbers; -- ? $1 %s \\ \" ü 𝄞";

    let id = store.add_group(group(name, SERVER), now()).await.unwrap().id;
    let owner = Holder::Group(id);
    store.add_license(license(owner, 5), now()).await.unwrap();
    let aor = "sip:a'?$1\\%_@example.com";
    let password = Some(name.to_owned());
    let added = Number { password, ..number(aor, owner) };
    store.add_number(added.clone(), now()).await.unwrap();
    let nul = store.add_group(group("a\0b", SERVER), now()).await;

    assert_eq!(store.find_group(name).await.unwrap(), id);
    let found = store.find_number(aor).await.unwrap();
    assert_eq!(found.password, added.password);
    assert!(nul.is_err(), "{nul:?}");
}

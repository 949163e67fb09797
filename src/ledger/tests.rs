//! Seats over restarts and over a store that is away.

use std::path::Path;

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::sync::oneshot;

use super::*;
use crate::license::{
    Claim, ClaimId, ClaimRule, Directory, FeatureSet, Group, GroupId, HandOut, Holder, License,
    LicenseId, NumberKind, SERVER, Tree, Validity,
};
use crate::quota::{Answer, Binding, Granted, Ids, Kept, Limits, Reach, Touched};
use crate::store::Store;

const GROUP: Holder = Holder::Group(GroupId(2));

/// A group with two SIP numbers and a claim on a domain.
fn quota(clock: Clock) -> Arc<Quota> {
    let mut tree = Tree::default();
    tree.upsert_group(Group {
        id: GroupId(2),
        parent: Some(SERVER),
        name: "A".into(),
        kind: String::new(),
        restricted: true,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    });
    tree.upsert_license(License {
        id: LicenseId(1),
        holder: GROUP,
        license_type: String::new(),
        sip_numbers: 2,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    });
    let mut directory = Directory::new();
    directory.insert_claim(Claim {
        id: ClaimId(1),
        group: GroupId(2),
        rule: ClaimRule::Domain { domain: "e.com".into() },
        kind: NumberKind::Phone,
    });
    let quota = Quota::new(Limits::default());
    quota.publish(&tree, directory, &Touched::Everything, clock.now());
    Arc::new(quota)
}

/// A phone of `aor` gets its 2xx for `secs`.
fn register(quota: &Quota, aor: &str, secs: u64, clock: Clock) -> Kept {
    let now = clock.now();
    let address = "192.0.2.1:5060".parse().unwrap();
    let until_mono_ms = now.mono_ms + secs * 1000;
    let contact: Box<[u8]> = aor.as_bytes().into();
    let granted = Granted {
        matcher: &|_| Some(0),
        ids: Ids { contacts: vec![contact.clone()], ..Ids::default() },
        app: false,
        push: false,
        needs: FeatureSet::NONE,
        binding: Binding {
            reg_id: None,
            contact,
            reach: Reach {
                transport: 0,
                remote: address,
                local: address,
                socket: 0,
                connection: 0,
            },
            until_mono_ms,
            upstream_until_mono_ms: until_mono_ms,
            granted_ms: secs * 1000,
        },
    };
    let answer =
        Answer { granted: &[granted], gone: &[], order: 1, listed: None, unchallenged: false };
    let owned = quota.owned(aor).unwrap();
    quota.settle(aor, &owned, None, &answer, now).kept[0]
}

async fn ledger(folder: &Path, clock: Clock) -> Arc<Ledger> {
    ledger_with(None, folder, clock).await
}

async fn ledger_with(
    bindings: Option<Arc<dyn Bindings>>,
    folder: &Path,
    clock: Clock,
) -> Arc<Ledger> {
    let store = Store::open("sqlite:a.db", folder).await.unwrap();
    let store = SeatStore::open(&store).await.unwrap();
    Arc::new(Ledger::new(store, quota(clock), bindings, clock, Duration::from_millis(200)))
}

/// So many numbers lost their bindings.
struct Unbound(AtomicU64);

impl Bindings for Unbound {
    fn dirty(&self, _: usize) -> Vec<(String, Vec<BindingRow>)> {
        Vec::new()
    }

    fn gone(&self, max: usize) -> Vec<(String, Vec<BindingRow>)> {
        let left = self.0.load(Ordering::Relaxed);
        let taken = left.min(max as u64);
        self.0.store(left - taken, Ordering::Relaxed);
        (0..taken).map(|n| (format!("sip:{n}@e.com"), Vec::new())).collect()
    }

    fn dirty_again(&self, _: Vec<String>) {}

    fn restore(&self, _: Vec<BindingRow>) {}
}

fn start(ledger: &Arc<Ledger>) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let ledger = Arc::clone(ledger);
    let run = async move { ledger.run(async { drop(stopped.await) }).await };
    (stop, tokio::spawn(run))
}

#[tokio::test]
async fn what_was_flushed_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let before = ledger(folder.path(), clock).await;
    let (_stop, task) = start(&before);
    register(&before.quota, "sip:1@e.com", 3600, clock);
    register(&before.quota, "sip:2@e.com", 3600, clock);

    before.flush().await;
    task.abort();
    let after = ledger(folder.path(), clock).await;
    let changes = after.restore().await.unwrap();

    assert!(changes.revoked.is_empty());
    assert_eq!(after.quota.gate(GROUP, clock.now()).unwrap().sip.in_use, 2);
    assert_eq!(register(&after.quota, "sip:3@e.com", 60, clock), Kept::Refused);
    assert!(matches!(register(&after.quota, "sip:1@e.com", 60, clock), Kept::Until { .. }));
}

#[tokio::test]
async fn stopping_writes_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let before = ledger(folder.path(), clock).await;
    let (stop, task) = start(&before);
    register(&before.quota, "sip:1@e.com", 3600, clock);

    stop.send(()).unwrap();
    task.await.unwrap();

    let after = ledger(folder.path(), clock).await;
    after.restore().await.unwrap();
    assert_eq!(after.quota.gate(GROUP, clock.now()).unwrap().sip.in_use, 1);
}

#[tokio::test]
async fn a_seat_that_was_freed_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let before = ledger(folder.path(), clock).await;
    let (_stop, _task) = start(&before);
    register(&before.quota, "sip:1@e.com", 3600, clock);
    before.flush().await;

    before.quota.free("sip:1@e.com", None, clock.now());
    before.flush().await;

    assert!(before.store.seats().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_renewal_is_written_when_the_record_lags_by_a_tenth() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let ledger = ledger(folder.path(), clock).await;
    let (_stop, _task) = start(&ledger);
    register(&ledger.quota, "sip:1@e.com", 1000, clock);
    ledger.flush().await;
    let written = || ledger.stats().numbers.load(Ordering::Relaxed);
    let first = written();

    register(&ledger.quota, "sip:1@e.com", 1050, clock);
    ledger.flush().await;
    assert_eq!(written(), first);

    register(&ledger.quota, "sip:1@e.com", 1200, clock);
    ledger.flush().await;
    assert_eq!(written(), first + 1);
}

#[tokio::test]
async fn seats_wait_for_a_store_that_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let ledger = ledger(folder.path(), clock).await;
    let (_stop, _task) = start(&ledger);
    let options = SqliteConnectOptions::new().filename(folder.path().join("a.seats.db"));
    let mut hand = options.connect().await.unwrap();
    sqlx::raw_sql("alter table seats rename to away").execute(&mut hand).await.unwrap();
    register(&ledger.quota, "sip:1@e.com", 3600, clock);

    let early = tokio::time::timeout(Duration::from_millis(500), ledger.flush()).await;
    assert!(early.is_err());
    assert!(ledger.stats().failures.load(Ordering::Relaxed) > 0);

    sqlx::raw_sql("alter table away rename to seats").execute(&mut hand).await.unwrap();
    ledger.flush().await;
    assert_eq!(ledger.store.seats().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_seat_is_kept_before_all_that_went_and_stopping_writes_that_too() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let unbound = Arc::new(Unbound(AtomicU64::new(GONE_AT_ONCE as u64 * 40)));
    let ledger = ledger_with(Some(Arc::clone(&unbound) as _), folder.path(), clock).await;
    let (stop, task) = start(&ledger);
    register(&ledger.quota, "sip:1@e.com", 3600, clock);

    ledger.flush().await;
    assert!(unbound.0.load(Ordering::Relaxed) > 0);
    assert_eq!(ledger.store.seats().await.unwrap().len(), 1);

    stop.send(()).unwrap();
    task.await.unwrap();
    assert_eq!(unbound.0.load(Ordering::Relaxed), 0);
}

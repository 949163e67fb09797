//! Webhooks against a receiver of their own: what arrives, in which order, how often, and to whom.

#[path = "base/mod.rs"]
mod base;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admitd::clock::Clock;
use admitd::license::{
    Assignment, Cause, Denial, FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId,
    Moment, Number, NumberId, NumberKind, Role, SERVER, Validity, Viewer, World,
};
use admitd::store::{
    AuditQuery, Author, Delivery, Due, Error, HookEvent, NewWebhook, Queued, Store, Terms, Webhook,
};
use admitd::telemetry::RefusalLine;
use admitd::webhooks::{Courier, Notice, Notices, Parts, SIGNATURE, Teller, run, signature};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header::LOCATION};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use base::{Base, on_both};

const NOW: Moment = Moment(1_700_000_000);

on_both!(
    deliveries_arrive_signed_and_in_order,
    what_was_not_taken_comes_again_and_lets_the_next_one_pass,
    where_nothing_is_taken_the_later_ones_wait,
    nothing_passes_a_delivery_that_is_under_way,
    a_delivery_is_given_up_after_a_day,
    a_redirect_is_not_followed,
    an_administrator_below_reaches_no_private_address,
    webhooks_belong_to_whoever_administers_their_group,
    the_oldest_give_way_where_too_many_wait,
    an_end_is_told_once,
    what_the_daemon_hears_arrives,
);

type Answer = (StatusCode, Option<String>);

/// A receiver that answers as it was told to, else 204.
struct Receiver {
    url: String,
    taken: mpsc::Receiver<(String, Value, String)>,
}

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    taken: mpsc::Sender<(String, Value, String)>,
}

impl Receiver {
    async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let (sender, taken) = mpsc::channel(100);
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        let app =
            Router::new().route("/hook", post(take)).with_state(Script { answers, taken: sender });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, taken }
    }

    /// What has arrived: the events' data.
    fn data(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.taken.try_recv().ok())
            .map(|(_, mut json, _)| json["data"].take())
            .collect()
    }

    async fn next(&mut self) -> Value {
        tokio::time::timeout(Duration::from_secs(20), self.taken.recv()).await.unwrap().unwrap().1
    }
}

async fn take(
    State(script): State<Script>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, HeaderMap) {
    let signed = headers[SIGNATURE].to_str().unwrap().to_owned();
    script.taken.send((signed, serde_json::from_str(&body).unwrap(), body)).await.unwrap();
    let (status, to) =
        script.answers.lock().unwrap().pop_front().unwrap_or((StatusCode::NO_CONTENT, None));
    let to = to.map(|to| (LOCATION, to.parse().unwrap()));
    (status, to.into_iter().collect())
}

async fn open(base: &Base) -> Arc<Store> {
    Arc::new(Store::open(&base.url(), base.folder()).await.unwrap())
}

async fn add_group(store: &Store, name: &str, parent: GroupId) -> GroupId {
    let group = Group {
        id: GroupId(0),
        parent: Some(parent),
        name: name.into(),
        kind: String::new(),
        restricted: false,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    };
    store.add_group(group, Terms::at(NOW)).await.unwrap().id
}

fn administrator(group: GroupId) -> Author {
    let assignments = vec![Assignment { role: Role::CompanyAdministrator, group }];
    let viewer = Viewer { assignments, ..Viewer::default() };
    Author { who: "user:anna".into(), from: "192.0.2.7".into(), viewer }
}

fn new(group: GroupId, url: &str) -> NewWebhook {
    NewWebhook {
        group,
        url: url.into(),
        events: HookEvent::ALL.to_vec(),
        days: 30,
        secret: "whsec_test".into(),
    }
}

async fn add(store: &Store, url: &str) -> i64 {
    store.add_webhook(new(SERVER, url), Terms::at(NOW)).await.unwrap().record.id
}

async fn queue(store: &Store, webhook: i64, numbers: std::ops::Range<i32>) {
    let queued: Vec<_> = numbers
        .map(|n| Queued {
            webhook,
            event: "device_refused",
            payload: json!({"data": n}).to_string(),
            subject: None,
        })
        .collect();
    store.queue_deliveries(&queued, NOW).await.unwrap();
}

async fn deliveries(store: &Store, webhook: i64) -> Vec<Delivery> {
    store.deliveries(webhook, None, 10_000, &Viewer::server()).await.unwrap()
}

fn courier() -> Courier {
    Courier::new(false).unwrap()
}

async fn deliveries_arrive_signed_and_in_order(base: Base) {
    let (store, mut receiver) = (open(&base).await, Receiver::answering([]).await);
    let hook = add(&store, &receiver.url).await;
    queue(&store, hook, 0..5).await;

    while courier().round(&store, NOW).await.unwrap() > 0 {}

    let mut data = Vec::new();
    while let Ok((signed, json, body)) = receiver.taken.try_recv() {
        assert_eq!(signed, signature("whsec_test", NOW, &body));
        data.push(json["data"].clone());
    }
    assert_eq!(data, [0, 1, 2, 3, 4].map(Value::from));
    assert!(
        deliveries(&store, hook)
            .await
            .iter()
            .all(|one| one.state == "done" && one.last_status == Some(204))
    );
}

async fn what_was_not_taken_comes_again_and_lets_the_next_one_pass(base: Base) {
    let (fails, taken) =
        ((StatusCode::INTERNAL_SERVER_ERROR, None), (StatusCode::NO_CONTENT, None));
    let mut receiver = Receiver::answering([fails.clone(), taken, fails]).await;
    let store = open(&base).await;
    let hook = add(&store, &receiver.url).await;
    queue(&store, hook, 0..2).await;
    let at = |secs: i64| Moment(NOW.0 + secs);

    let mut arrived = Vec::new();
    for secs in [0, 0, 9, 10, 29, 30, 31] {
        courier().round(&store, at(secs)).await.unwrap();
        arrived.push(receiver.data());
    }

    let told = |n: i32| vec![Value::from(n)];
    assert_eq!(arrived, [told(0), told(1), vec![], told(0), vec![], told(0), vec![]]);
    let attempts: Vec<_> = deliveries(&store, hook).await.iter().map(|one| one.attempts).collect();
    assert_eq!(attempts, [1, 3]);
}

async fn where_nothing_is_taken_the_later_ones_wait(base: Base) {
    let fails = (StatusCode::INTERNAL_SERVER_ERROR, None);
    let mut receiver = Receiver::answering(vec![fails; 10]).await;
    let store = open(&base).await;
    let hook = add(&store, &receiver.url).await;
    queue(&store, hook, 0..12).await;

    while courier().round(&store, NOW).await.unwrap() > 0 {}
    let refused = receiver.data();
    while courier().round(&store, Moment(NOW.0 + 10)).await.unwrap() > 0 {}

    assert_eq!(refused, (0..10).map(Value::from).collect::<Vec<_>>());
    assert_eq!(receiver.data(), (0..12).map(Value::from).collect::<Vec<_>>());
}

async fn nothing_passes_a_delivery_that_is_under_way(base: Base) {
    let store = open(&base).await;
    let (hook, other) =
        (add(&store, "http://a.example/").await, add(&store, "http://b.example/").await);
    queue(&store, hook, 0..2).await;
    let ids = |due: Vec<Due>| due.iter().map(|due| due.payload.clone()).collect::<Vec<_>>();

    let first = ids(store.lease_deliveries(NOW).await.unwrap());
    queue(&store, other, 7..8).await;
    let beside = ids(store.lease_deliveries(NOW).await.unwrap());
    let died = ids(store.lease_deliveries(Moment(NOW.0 + 60)).await.unwrap());

    let told = |n: i32| json!({"data": n}).to_string();
    assert_eq!((first, beside), (vec![told(0)], vec![told(7)]));
    assert_eq!(died, [told(0), told(7)]);
}

async fn a_delivery_is_given_up_after_a_day(base: Base) {
    let store = open(&base).await;
    // Nobody listens there any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let hook = add(&store, &url).await;
    queue(&store, hook, 0..1).await;

    courier().round(&store, Moment(NOW.0 + 3600)).await.unwrap();
    let tried = deliveries(&store, hook).await.remove(0);
    courier().round(&store, Moment(NOW.0 + 24 * 3600)).await.unwrap();
    let given_up = deliveries(&store, hook).await.remove(0);
    let more = courier().round(&store, Moment(NOW.0 + 48 * 3600)).await.unwrap();

    assert_eq!((&*tried.state, tried.attempts, tried.last_status), ("queued", 1, None));
    assert!(tried.last_error.is_some_and(|error| !error.contains("127.0.0.1:")));
    assert_eq!((&*given_up.state, given_up.attempts, more), ("failed", 2, 0));
    store.prune_deliveries(Moment(NOW.0 + 8 * 24 * 3600)).await.unwrap();
    assert!(deliveries(&store, hook).await.is_empty());
}

async fn a_redirect_is_not_followed(base: Base) {
    let mut elsewhere = Receiver::answering([]).await;
    let to = (StatusCode::TEMPORARY_REDIRECT, Some(elsewhere.url.clone()));
    let mut receiver = Receiver::answering([to]).await;
    let store = open(&base).await;
    let hook = add(&store, &receiver.url).await;
    queue(&store, hook, 0..1).await;

    courier().round(&store, NOW).await.unwrap();

    assert_eq!((receiver.data().len(), elsewhere.data().len()), (1, 0));
    assert_eq!(deliveries(&store, hook).await[0].last_status, Some(307));
}

async fn an_administrator_below_reaches_no_private_address(base: Base) {
    let (store, mut receiver) = (open(&base).await, Receiver::answering([]).await);
    let group = add_group(&store, "A", SERVER).await;
    let named = receiver.url.replace("127.0.0.1", "localhost");

    for url in [receiver.url.clone(), named] {
        let by = administrator(group);
        let terms = Terms { by: &by, ..Terms::at(NOW) };
        let hook = store.add_webhook(new(group, &url), terms).await.unwrap().record.id;
        queue(&store, hook, 0..1).await;
        courier().round(&store, NOW).await.unwrap();

        let one = deliveries(&store, hook).await.remove(0);
        assert!(one.last_error.is_some_and(|error| error.contains("no public address")), "{url}");
        assert!(receiver.data().is_empty());
        Courier::new(true).unwrap().round(&store, Moment(NOW.0 + 60)).await.unwrap();
        assert_eq!(receiver.data().len(), 1, "{url}");
    }
}

async fn webhooks_belong_to_whoever_administers_their_group(base: Base) {
    let store = open(&base).await;
    let (a, b) = (add_group(&store, "A", SERVER).await, add_group(&store, "B", SERVER).await);
    let below = add_group(&store, "1", a).await;
    let (of_a, of_b) = (administrator(a), administrator(b));
    let url = "https://hooks.example.com/";

    let terms = Terms { by: &of_a, ..Terms::at(NOW) };
    let hook = store.add_webhook(new(below, url), terms).await.unwrap().record.id;
    let beside = store.add_webhook(new(b, url), terms).await;
    let above = store.add_webhook(new(SERVER, url), terms).await;

    for refused in [beside, above] {
        assert!(matches!(refused, Err(Error::Denied(Denial::Unseen))), "{refused:?}");
    }
    assert_eq!(store.webhooks(&of_a.viewer).await.unwrap().len(), 1);
    assert!(store.webhooks(&of_b.viewer).await.unwrap().is_empty());
    let seen = [
        store.webhook(hook, &of_b.viewer).await.err(),
        store.deliveries(hook, None, 10, &of_b.viewer).await.err(),
        store.enable_webhook(hook, false, &of_b, NOW).await.err(),
        store.remove_webhook(hook, &of_b, NOW).await.err(),
    ];
    for seen in seen {
        assert!(matches!(seen, Some(Error::NotFound(_))), "{seen:?}");
    }
    store.enable_webhook(hook, false, &of_a, NOW).await.unwrap();
    store.remove_webhook(hook, &of_a, NOW).await.unwrap();
    let query = AuditQuery { entity: Some("webhook".into()), limit: 10, ..AuditQuery::default() };
    let told = store.audit(&query, &of_a.viewer).await.unwrap();
    let actions: Vec<_> = told.iter().rev().map(|row| &*row.action).collect();
    assert_eq!(actions, ["add", "edit", "remove"]);
    assert!(!serde_json::to_string(&told).unwrap().contains("whsec"));
}

async fn the_oldest_give_way_where_too_many_wait(base: Base) {
    let (store, mut receiver) = (open(&base).await, Receiver::answering([]).await);
    let hook = add(&store, &receiver.url).await;

    queue(&store, hook, 0..1_200).await;
    courier().round(&store, NOW).await.unwrap();

    assert_eq!(receiver.data(), [200]);
    assert_eq!(deliveries(&store, hook).await.len(), 1_000);
    assert_eq!(store.webhooks(&Viewer::server()).await.unwrap()[0].dropped, 200);
}

async fn an_end_is_told_once(base: Base) {
    let store = open(&base).await;
    let hook = add(&store, "https://hooks.example.com/").await;
    let told = |subject: &str| Queued {
        webhook: hook,
        event: "license_ending",
        payload: "{}".into(),
        subject: Some((subject.into(), Moment(NOW.0 + 10))),
    };

    store.queue_deliveries(&[told("a"), told("b")], NOW).await.unwrap();
    store.queue_deliveries(&[told("a"), told("c")], NOW).await.unwrap();

    assert_eq!(deliveries(&store, hook).await.len(), 3);
}

async fn what_the_daemon_hears_arrives(base: Base) {
    let (store, mut receiver) = (open(&base).await, Receiver::answering([]).await);
    let clock = Clock::start();
    let group = add_group(&store, "A", SERVER).await;
    let until = Some(Moment(clock.now().moment().0 + 20 * 24 * 3600));
    let license = License { validity: Validity { from: None, until }, ..license(group) };
    let mut world = world_of(&store).await;
    world.tree.upsert_license(License { id: LicenseId(7), ..license });
    let world = Arc::new(world);
    add(&store, &receiver.url).await;
    let (notices, inbox) = Notices::new();
    let parts = Parts {
        store: Arc::clone(&store),
        courier: courier(),
        clock,
        world: Box::new(move || Arc::clone(&world)),
    };
    let task = tokio::spawn(run(parts, inbox, std::future::pending()));

    let ending = receiver.next().await;
    notices.refused(&refusal("sip:9@unknown.example", Cause::UnknownNumber, None));
    let refused = receiver.next().await;
    notices.queue(HookEvent::LimitReached, group, json!({"limit": 5}), None);
    let happened = receiver.next().await;
    task.abort();

    assert_eq!(
        (&ending["event"], &ending["data"]["license"]),
        (&json!("license_ending"), &json!(7))
    );
    assert_eq!(ending["group"], json!({"id": group.0, "path": "A"}));
    assert_eq!(
        (&refused["event"], &refused["data"]["cause"]),
        (&json!("device_refused"), &json!("unknown_number"))
    );
    assert_eq!(
        (&happened["event"], &happened["data"]),
        (&json!("limit_reached"), &json!({"limit": 5}))
    );
}

fn license(group: GroupId) -> License {
    License {
        id: LicenseId(0),
        holder: Holder::Group(group),
        license_type: "Plus".into(),
        sip_numbers: 5,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    }
}

async fn world_of(store: &Store) -> World {
    let mut all = store.read_all(|_| {}).await.unwrap();
    World { tree: all.tree(chrono_tz::Tz::UTC, &Default::default()), ..World::default() }
}

fn refusal(number: &str, cause: Cause, bound_by: Option<&str>) -> RefusalLine {
    RefusalLine {
        at_ms: 0,
        method: "REGISTER",
        number: number.into(),
        source: "192.0.2.1:5060".parse().unwrap(),
        user_agent: b"Door\r\nPanel".to_vec(),
        cause,
        bound_by: bound_by.map(str::to_owned),
        id: "abcdefghij".into(),
    }
}

/// Top over Own over Below, a number in Below, and a webhook at Own.
fn scene() -> (World, Webhook) {
    let mut world = World::default();
    for (id, parent, name) in [(2, 1, "Top"), (3, 2, "Own"), (4, 3, "Below"), (5, 2, "Beside")] {
        world.tree.upsert_group(Group {
            id: GroupId(id),
            parent: Some(GroupId(parent)),
            name: name.into(),
            kind: String::new(),
            restricted: true,
            hand_out: HandOut::Split,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        });
    }
    world.put_number(&Number {
        id: NumberId(1),
        aor: "sip:1@a.com".into(),
        owner: Holder::Group(GroupId(4)),
        kind: NumberKind::Panel,
        password: None,
    });
    let hook = Webhook {
        id: 1,
        group: GroupId(3),
        url: "https://hooks.example.com/".into(),
        events: HookEvent::ALL.to_vec(),
        days: 30,
        enabled: true,
        created_by: "user:anna".into(),
        trusted: false,
        created_at: NOW,
        dropped: 0,
    };
    (world, hook)
}

fn told(queued: &[Queued], event: &str) -> Vec<Value> {
    let of_event = queued.iter().filter(|one| one.event == event);
    of_event.map(|one| serde_json::from_str(&one.payload).unwrap()).collect()
}

#[test]
fn a_gate_that_refuses_much_is_told_of_once_a_minute() {
    let (world, hook) = scene();
    let notice = Notice::Refused(refusal("sip:1@a.com", Cause::SipLimit, Some("Top/Own/Below")));
    let mut teller = Teller::default();
    let mut tell =
        |secs: i64| teller.tell(&notice, std::slice::from_ref(&hook), &world, Moment(NOW.0 + secs));

    let flood: Vec<Queued> = (0..1_000).flat_map(|n| tell(n * 59 / 1_000)).collect();
    let (later, next_minute) = (tell(60), tell(120));

    let first = told(&flood, "limit_reached");
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["data"]["refused"], 1);
    assert_eq!(first[0]["group"], json!({"id": 4, "path": "Own/Below"}));
    assert_eq!(told(&later, "limit_reached")[0]["data"]["refused"], 1_000);
    let devices = told(&flood, "device_refused").len();
    assert!((60..=180).contains(&devices), "{devices}");
    let held_back = told(&next_minute, "device_refused")[0]["data"]["held_back"].as_u64().unwrap();
    assert!(held_back > 0);
}

#[test]
fn nothing_above_or_beside_is_told() {
    let (world, hook) = scene();
    let mut teller = Teller::default();
    let mut tell =
        |line| teller.tell(&Notice::Refused(line), std::slice::from_ref(&hook), &world, NOW);

    let above = tell(refusal("sip:1@a.com", Cause::SipLimit, Some("Top")));
    let beside = tell(refusal("sip:1@beside.com", Cause::SipLimit, Some("Top/Beside")));

    assert!(beside.is_empty());
    assert!(told(&above, "limit_reached").is_empty());
    let [refused] = &told(&above, "device_refused")[..] else { panic!("{above:?}") };
    assert_eq!(refused["data"]["bound_by"], "a group above");
    assert_eq!(refused["data"]["user_agent"], "Door\\r\\nPanel");
    assert!(!above[0].payload.contains("Top"), "{}", above[0].payload);
}

//! The API alone, on a store of its own, with callers of the test's choice: nothing of SIP runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use admitd::admin::control::Unanswered;
use admitd::admin::http::{self, Api, Credentials, Entrance, Later, Live, Proof, Turned};
use admitd::clock::Clock;
use admitd::license::{Assignment, GroupId, Holder, Moment, Role, SERVER, Viewer, World};
use admitd::quota::{Limits, Quota, Seat};
use admitd::refresh::{Refresh, Shared};
use admitd::store::{Author, Mark, Store};
use admitd::telemetry::Recent;
use admitd::view::{Freed, InUse, Occupancy};
use chrono_tz::Tz;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use super::http::Client;

/// An API that runs; its end ends it.
pub struct Office {
    pub address: std::net::SocketAddr,
    doors: Arc<Doors>,
    // In this order: the server goes before what it stands on.
    _serving: http::Serving,
    _stop: oneshot::Sender<()>,
    _runtime: Runtime,
    _folder: TempDir,
}

#[derive(Default)]
struct Doors {
    keys: Mutex<HashMap<String, Viewer>>,
    made: AtomicI64,
}

struct Clerk {
    shared: Arc<Shared>,
    quota: Arc<Quota>,
    clock: Clock,
}

impl Office {
    /// An empty server.
    pub fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = Runtime::new().expect("a runtime");
        let (store, clerk) = runtime.block_on(async {
            let store = Store::open("sqlite:admitd.db", folder.path()).await.expect("a store");
            let (store, clock) = (Arc::new(store), Clock::start());
            let quota = Arc::new(Quota::new(Limits::default()));
            let (changes, mut changed) = mpsc::channel(64);
            let refresh =
                Refresh::start(store.clone(), quota.clone(), clock, Tz::UTC, changes).await;
            let refresh = refresh.expect("a refresh");
            let clerk = Clerk { shared: refresh.shared(), quota, clock };
            tokio::spawn(refresh.run(std::future::pending()));
            tokio::spawn(async move { while changed.recv().await.is_some() {} });
            (store, clerk)
        });
        let doors = Arc::new(Doors::default());
        let api = Api { store, live: Arc::new(clerk), entrance: Arc::clone(&doors) as _ };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let serving = http::serve(listener, Arc::new(api), stopped).expect("a server");
        Self {
            address: serving.address,
            doors,
            _serving: serving,
            _stop: stop,
            _runtime: runtime,
            _folder: folder,
        }
    }

    /// A server administrator.
    pub fn server(&self) -> Client {
        self.with_role(Role::ServerAdministrator, SERVER.0)
    }

    /// Somebody with a role in a group.
    pub fn with_role(&self, role: Role, group: i64) -> Client {
        let token = format!("key-{}", self.doors.made.fetch_add(1, Ordering::Relaxed));
        let assignments = vec![Assignment { role, group: GroupId(group) }];
        let viewer = Viewer { user: None, assignments, others: None };
        self.doors.keys.lock().insert(token.clone(), viewer);
        Client::new(self.address, &token)
    }
}

impl Entrance for Doors {
    fn admit<'a>(&'a self, shown: &'a Credentials) -> Later<'a, Result<Author, Turned>> {
        let Proof::Token(token) = &shown.proof else {
            return Box::pin(std::future::ready(Err(Turned::Unknown)));
        };
        let viewer = self.keys.lock().get(token).cloned().ok_or(Turned::Unknown);
        let author = |viewer| Author { who: format!("token:{token}"), from: "test".into(), viewer };
        Box::pin(std::future::ready(viewer.map(author)))
    }
}

impl Live for Clerk {
    fn world(&self) -> Arc<World> {
        self.shared.world()
    }

    fn now(&self) -> Moment {
        self.clock.now().moment()
    }

    fn occupancy(&self, world: &World, holder: Holder) -> Occupancy {
        Occupancy::count(&self.quota, &world.tree, holder)
    }

    fn in_use<'a>(&'a self, world: &'a World) -> InUse<'a> {
        InUse::new(&self.quota, &world.tree, self.clock.now())
    }

    fn seats(&self) -> Vec<Seat> {
        self.quota.list(&|_| true, self.clock.now())
    }

    fn number(&self, text: &str) -> Result<String, String> {
        admitd::roster::spell(text, &|_| None, false)
    }

    fn free(&self, number: &str, _: Option<&str>) -> Result<Freed, Unanswered> {
        Ok(Freed { number: number.to_owned(), freed: 0 })
    }

    fn followed(&self, mark: Mark) -> Later<'_, ()> {
        Box::pin(self.shared.followed(mark))
    }

    fn refusals(&self) -> Arc<Recent> {
        Arc::default()
    }
}

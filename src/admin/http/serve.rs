//! The server itself: a thread and a runtime of its own, so that nothing asked here stalls the wire;
//! bounded connections, bodies and times; and what every answer has.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::Api;
use super::body::BODY_MAX;
use super::describe::{DOCS, described, page};
use super::pages;
use super::problem::{PROBLEM_JSON, Problem};
use super::writes::keyed;

mod listener;

use listener::Bounded;
pub(super) use listener::Peer;

/// A request that takes longer is given up; a write then was not made.
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests under way at the end get so long.
const DRAIN: Duration = Duration::from_secs(5);
const WORKERS: usize = 2;

/// What every answer says to a browser. Styles may stand in the page: the page to try it has some.
const HEADERS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
];

/// A server that runs.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    done: oneshot::Receiver<()>,
    /// Dropped at the end: connections of the store may live on the server's runtime until then.
    _runtime: oneshot::Sender<()>,
}

/// Every route, dressed.
pub fn router(api: Arc<Api>) -> Router {
    let (routes, description) = described().split_for_parts();
    routes
        .with_state(api)
        .merge(page(description))
        .merge(pages::routes())
        .route("/", get(|| async { Redirect::temporary(DOCS) }))
        .layer(middleware::from_fn(keyed))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, PATIENCE))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(dress))
}

/// Whatever the framework refuses by itself is a problem too, and every answer has its headers.
async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON);
    if (status.is_client_error() || status.is_server_error()) && !is_problem {
        let allow = response.headers().get(ALLOW).cloned();
        response = Problem::of_status(status).into_response();
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Serves on a thread of its own until `stop`.
pub fn serve(
    listener: std::net::TcpListener,
    api: Arc<Api>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Serving> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("admin")
        .enable_all()
        .build()?;
    let (tell, done) = oneshot::channel();
    let (keep, kept) = oneshot::channel::<()>();
    std::thread::Builder::new().name("admin".into()).spawn(move || {
        let served = runtime.block_on(attend(listener, router(api), stop));
        if let Err(error) = served {
            tracing::error!(%error, "the API ended");
        }
        // Nobody may wait for it, and who keeps the runtime may be gone: both mean the end.
        let _ = tell.send(());
        let _ = runtime.block_on(kept);
    })?;
    Ok(Serving { address, done, _runtime: keep })
}

async fn attend(
    listener: std::net::TcpListener,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = Bounded::new(TcpListener::from_std(listener)?);
    let service = routes.into_make_service_with_connect_info::<Peer>();
    let (told, stopping) = oneshot::channel();
    let stop = async move {
        stop.await;
        let _ = told.send(());
    };
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop);
    tokio::select! {
        served = serving => served,
        () = async { let _ = stopping.await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

impl Serving {
    /// Waits until the last answer is out, once it was told to stop.
    pub async fn done(&mut self) {
        let _ = (&mut self.done).await;
    }
}

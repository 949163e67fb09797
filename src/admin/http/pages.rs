//! The pages that people without a console need: the first administrator, and signing in. Their script
//! is a file of its own, as the content policy wants it.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use axum::routing::get;

const SETUP: &str = include_str!("pages/setup.html");
const SIGN_IN: &str = include_str!("pages/signin.html");
const SCRIPT: &str = include_str!("pages/access.js");
const STYLE: &str = include_str!("pages/access.css");

/// The pages and what they need.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/setup", get(|| async { Html(SETUP) }))
        .route("/signin", get(|| async { Html(SIGN_IN) }))
        .route("/access.js", get(|| async { file("text/javascript", SCRIPT) }))
        .route("/access.css", get(|| async { file("text/css", STYLE) }))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text)
}

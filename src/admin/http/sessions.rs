//! Signing in and out: a session in a cookie, and the word that changes in it take.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Assignment, Tree, Viewer};
use crate::people::{Turned, csrf_of};

use super::Api;
use super::body::Body;
use super::caller::{Caller, From, SESSION_COOKIE, session};
use super::fields::{GivenSecret, RoleWord};
use super::problem::{Problem, Problems};

/// Seconds after which a browser forgets the cookie by itself: the longest session.
const COOKIE_SECS: u32 = 7 * 24 * 3600;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name.
    user: GivenSecret,
    password: GivenSecret,
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionRow {
    /// `user:anna`, `token:ci`.
    pub who: String,
    /// The user, where it is one.
    pub user: Option<SessionUser>,
    pub roles: Vec<HeldRole>,
    /// What changes in the session take in `X-CSRF-Token`; null with a token.
    pub csrf_token: Option<String>,
}

/// A user by id and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionUser {
    pub id: i64,
    pub name: String,
}

/// A role that somebody has in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldRole {
    pub role: RoleWord,
    pub group: i64,
    /// The group's path.
    pub path: String,
}

/// The routes of sessions.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(sign_in, show, sign_out))
}

/// Sign in
#[utoipa::path(post, path = "/session", tag = "access", operation_id = "sign_in", security(()),
    request_body = SignIn,
    responses((status = 200, description = "Signed in; the cookie is set", body = SessionRow,
        headers(("Set-Cookie" = String, description = "The session"))), Problems))]
async fn sign_in(
    State(api): State<Arc<Api>>,
    From(from): From,
    headers: HeaderMap,
    Body(sent): Body<SignIn>,
) -> Result<impl IntoResponse, Problem> {
    let signed = api.people.sign_in(&sent.user.0, &sent.password.0, from).await;
    let signed = signed.map_err(|why| match why {
        Turned::Unknown => Problem::wrong_password(),
        other => other.into(),
    })?;
    let roles = api.store.roles_of(signed.user).await?;
    let viewer = Viewer { user: Some(signed.user), assignments: roles, ..Viewer::default() };
    let row = SessionRow {
        who: format!("user:{}", signed.name),
        user: Some(SessionUser { id: signed.user.0, name: signed.name }),
        roles: held(&api.live.world().tree, &viewer),
        csrf_token: Some(signed.csrf),
    };
    let cookie = cookie(signed.session.reveal(), COOKIE_SECS, &headers);
    Ok(([(SET_COOKIE, cookie)], Json(row)))
}

/// Say who one is
#[utoipa::path(get, path = "/session", tag = "access", operation_id = "show_session",
    responses((status = 200, description = "Whoever asks", body = SessionRow), Problems))]
async fn show(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    headers: HeaderMap,
) -> Json<SessionRow> {
    let world = api.live.world();
    let user = by.viewer.user.and_then(|id| world.tree.user(id));
    Json(SessionRow {
        user: user.map(|user| SessionUser { id: user.id.0, name: user.name.clone() }),
        roles: held(&world.tree, &by.viewer),
        who: by.who,
        csrf_token: session(&headers).map(csrf_of),
    })
}

/// Sign out
#[utoipa::path(delete, path = "/session", tag = "access", operation_id = "sign_out",
    responses((status = 204, description = "The session is over"), Problems))]
async fn sign_out(
    State(api): State<Arc<Api>>,
    _by: Caller,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    // Whoever came by a token has no session to end.
    let secret = session(&headers).ok_or_else(Problem::not_found)?;
    api.people.sign_out(secret).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie("", 0, &headers))]))
}

fn held(tree: &Tree, viewer: &Viewer) -> Vec<HeldRole> {
    let row = |one: &Assignment| HeldRole {
        role: RoleWord(one.role),
        group: one.group.0,
        path: viewer.path_name(tree, one.group),
    };
    viewer.assignments.iter().map(row).collect()
}

/// A proxy in front of us says whether it was asked by https. Whoever else says so only binds their own
/// cookie to it.
fn cookie(value: &str, max_age: u32, headers: &HeaderMap) -> String {
    let is_https = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
    let secure = if is_https { "; Secure" } else { "" };
    format!(
        "{SESSION_COOKIE}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_stays_away_from_scripts_and_other_sites() {
        let mut headers = HeaderMap::new();
        let plain = cookie("abc", 60, &headers);
        headers.insert("x-forwarded-proto", "https".parse().unwrap());

        assert_eq!(plain, "admitd_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
        assert!(cookie("", 0, &headers).ends_with("SameSite=Strict; Secure"));
    }
}

//! API tokens: made, listed without their secrets, revoked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{GroupId, Moment, NoSeats, Role, SERVER, Tree, UserId, Viewer};
use crate::people::{Refused, Secret};
use crate::store::{Author, Issued, NewToken, Terms, Token};

use super::body::Body;
use super::caller::Caller;
use super::fields::{Instant, RoleWord, TokenName};
use super::paging::{Page, Paging};
use super::params::Path;
use super::problem::{Problem, Problems};
use super::writes::{Asked, Removed};
use super::{Api, names};

/// A token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenRow {
    pub id: i64,
    pub name: String,
    pub role: RoleWord,
    /// Where it has the role.
    pub group: Option<i64>,
    /// The group's path.
    pub path: Option<String>,
    /// Whose own things it sees.
    pub user: Option<i64>,
    pub read_only: bool,
    pub created_at: String,
    /// `cli:root`, `user:anna`, `token:ci`.
    pub created_by: String,
    /// Null: until it is revoked.
    pub expires_at: Option<String>,
    pub last_used_at: Option<String>,
}

/// A new token: the only time that its secret is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MadeToken {
    /// `Authorization: Bearer` this. Null in the answer to a call that is repeated with its
    /// `Idempotency-Key`: the secret was shown the first time and is not kept.
    pub token: Option<String>,
    #[serde(flatten)]
    pub row: TokenRow,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    name: TokenName,
    role: RoleWord,
    /// Where it has the role; a server administrator's is the server.
    #[serde(default)]
    group: Option<i64>,
    /// Whose own things a token of the role user sees.
    #[serde(default)]
    user: Option<i64>,
    #[serde(default)]
    read_only: bool,
    /// Exclusive; null: until it is revoked.
    #[serde(default)]
    expires_at: Option<Instant>,
}

/// The routes of tokens.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list, add)).routes(routes!(revoke))
}

/// List tokens
#[utoipa::path(get, path = "/tokens", tag = "access", operation_id = "list_tokens", params(Paging),
    responses((status = 200, description = "A page of tokens", body = Page<TokenRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    paging: Paging,
) -> Result<Json<Page<TokenRow>>, Problem> {
    let after: i64 = paging.after()?.unwrap_or(0);
    let tokens = api.store.tokens().await?;
    let world = api.live.world();
    let theirs = tokens.into_iter().filter(|token| {
        let may = by.viewer.may_make_token(&world, token.assignment(), token.user);
        token.id > after && may.is_ok()
    });
    let found = theirs.map(|token| (token.id, token));
    Ok(Json(paging.page(found, |token| row(&world.tree, &by.viewer, token))))
}

/// Make a token
#[utoipa::path(post, path = "/tokens", tag = "access", operation_id = "add_token",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = TokenBody,
    responses((status = 201, description = "Made; the secret is shown this once", body = MadeToken),
        Problems))]
async fn add(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    asked: Asked,
    Body(sent): Body<TokenBody>,
) -> Result<impl IntoResponse, Problem> {
    let world = api.live.world();
    let secret = Secret::token().map_err(Refused::from)?;
    let new = token_of(&world.tree, &by, sent, secret.hash(), api.live.now())?;
    let terms = asked.terms(&by, false, (api.live.now(), &NoSeats));
    let Issued { record, replayed } = api.store.add_token(new, terms).await?;
    let row = row(&world.tree, &by.viewer, record);
    let made = MadeToken { token: (!replayed).then(|| secret.reveal().to_owned()), row };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revoke a token
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", operation_id = "revoke_token",
    params(("id" = i64, Path)),
    responses((status = 200, description = "It is nothing any more", body = Removed), Problems))]
async fn revoke(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<Removed>, Problem> {
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    let revoked = api.store.revoke_token(id, terms).await;
    api.people.forget();
    match revoked {
        Ok(token) => Ok(Json(Removed { removed: token.id, warnings: Vec::new() })),
        // Whoever may not revoke it may not know of it.
        Err(crate::store::Error::Denied(_)) => Err(Problem::not_found()),
        Err(fault) => Err(fault.into()),
    }
}

/// What the fields say together.
fn token_of(
    tree: &Tree,
    by: &Author,
    sent: TokenBody,
    hash: crate::store::SecretHash,
    now: Moment,
) -> Result<NewToken, Problem> {
    let role = sent.role.0;
    let group = match (sent.group, role) {
        (Some(id), _) => Some(names::group(tree, &by.viewer, id)?.id),
        (None, Role::ServerAdministrator) => Some(SERVER),
        (None, Role::User) => None,
        (None, _) => return Err(Problem::field("group", "this role is for a group")),
    };
    let user = match sent.user {
        Some(_) if role != Role::User => {
            return Err(Problem::field("user", "only a token of the role user is for a user"));
        }
        Some(id) => Some(names::user(tree, &by.viewer, id)?.id),
        None if group.is_none() => {
            return Err(Problem::field("user", "the role user is for a user or a group"));
        }
        None => None,
    };
    let zone = tree.zone_of(group.unwrap_or(SERVER));
    let expires_at = sent.expires_at.map(|end| end.resolve(zone, now)).transpose();
    let expires_at = expires_at.map_err(|fault| Problem::field("expires_at", fault))?;
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::field("expires_at", "it has passed already"));
    }
    let (name, read_only) = (sent.name.0, sent.read_only);
    Ok(NewToken { name, hash, role, group, user, read_only, expires_at })
}

fn row(tree: &Tree, viewer: &Viewer, token: Token) -> TokenRow {
    TokenRow {
        id: token.id,
        name: token.name,
        role: RoleWord(token.role),
        group: token.group.map(|GroupId(id)| id),
        path: token.group.map(|group| viewer.path_name(tree, group)),
        user: token.user.map(|UserId(id)| id),
        read_only: token.read_only,
        created_at: token.created_at.rfc3339(),
        created_by: token.created_by,
        expires_at: token.expires_at.map(Moment::rfc3339),
        last_used_at: token.last_used_at.map(Moment::rfc3339),
    }
}

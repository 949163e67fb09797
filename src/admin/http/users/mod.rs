//! Users: people in groups, with numbers and licenses of their own.

mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{GroupId, Holder, Tree, User, UserId, Viewer, What};
use crate::store::{Record, tag};

use super::caller::Caller;
use super::fields::Needle;
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::writes::Tagged;
use super::{Api, names};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserRow {
    pub id: i64,
    pub name: String,
    /// Null where there is none, or where it is not yours to see.
    pub email: Option<String>,
    /// The groups of the user that you may know of.
    pub groups: Vec<Membership>,
    /// Whether the user is in other groups too.
    pub elsewhere: bool,
    /// Numbers that somebody created for the user.
    pub numbers: u64,
    /// Whether the user holds licenses, and so is a gate.
    pub restricted: bool,
}

/// A group that a user is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Membership {
    pub id: i64,
    pub path: String,
}

/// Which users.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserFilter {
    /// Members of this group.
    group: Option<i64>,
    /// And of all groups below it.
    #[serde(default)]
    #[param(required = false)]
    below: bool,
    /// A part of the name, in any case.
    #[param(inline)]
    name: Option<Needle>,
}

/// The routes of users.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list, write::add)).routes(routes!(
        one,
        write::edit,
        write::remove
    ))
}

/// List users
#[utoipa::path(get, path = "/users", tag = "users", operation_id = "list_users",
    params(UserFilter, Paging),
    responses((status = 200, description = "A page of users", body = Page<UserRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<UserFilter>,
    paging: Paging,
) -> Result<Json<Page<UserRow>>, Problem> {
    let world = api.live.world();
    let (tree, viewer) = (&world.tree, &by.viewer);
    let after: i64 = paging.after()?.unwrap_or(0);
    let part = filter.name.as_ref().map(|Needle(name)| name.to_lowercase());
    let found = filter.among(tree, viewer)?.into_iter().filter(|id| id.0 > after);
    let found = found.filter_map(|id| Some((id, tree.user(id)?))).filter(|(_, user)| {
        part.as_ref().is_none_or(|part| user.name.to_lowercase().contains(part))
    });
    Ok(Json(paging.page(found, |user| UserRow::of(tree, viewer, user))))
}

/// Show a user
#[utoipa::path(get, path = "/users/{id}", tag = "users", operation_id = "show_user",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The user", body = UserRow,
        headers(("ETag" = String, description = "For If-Match"))), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Tagged<UserRow>, Problem> {
    let world = api.live.world();
    let user = names::user(&world.tree, &by.viewer, id)?;
    Ok(Tagged(tag(Record::User(user)), UserRow::of(&world.tree, &by.viewer, user)))
}

impl UserFilter {
    /// The users that are asked for and seen, by id.
    fn among(&self, tree: &Tree, viewer: &Viewer) -> Result<BTreeSet<UserId>, Problem> {
        let members = |groups: Vec<GroupId>| -> BTreeSet<UserId> {
            groups.into_iter().flat_map(|group| tree.members(group)).collect()
        };
        let below = |group: GroupId| tree.subtree(group);
        Ok(match self.group {
            Some(id) => {
                let group = names::group(tree, viewer, id)?.id;
                members(if self.below { below(group) } else { vec![group] })
            }
            None if self.below => return Err(Problem::parameter("below", "name the group")),
            None if viewer.is_server() => tree.users().map(|user| user.id).collect(),
            None => {
                let mut seen = members(viewer.own_tops(tree).into_iter().flat_map(below).collect());
                seen.extend(viewer.user.filter(|own| tree.contains(Holder::User(*own))));
                seen
            }
        })
    }
}

impl UserRow {
    /// A user as their reader may know them.
    pub fn of(tree: &Tree, viewer: &Viewer, user: &User) -> Self {
        let holder = Holder::User(user.id);
        let seen: Vec<GroupId> = user
            .groups
            .iter()
            .copied()
            .filter(|group| viewer.sees(tree, Holder::Group(*group)))
            .collect();
        let knows = viewer.may_read(tree, What::Contact, holder).is_ok();
        Self {
            id: user.id.0,
            name: user.name.clone(),
            email: user.email.clone().filter(|_| knows),
            elsewhere: seen.len() < user.groups.len(),
            groups: seen
                .into_iter()
                .map(|group| Membership { id: group.0, path: viewer.path_name(tree, group) })
                .collect(),
            numbers: tree.created(holder).total(),
            restricted: tree.is_gate(holder),
        }
    }
}

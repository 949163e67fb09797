//! Users are made, with numbers and licenses in one write, changed and removed.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::license::distribution::Change;
use crate::license::{
    GroupId, Holder, License, LicenseId, Moment, Number, NumberId, Tree, User, UserId, Viewer,
};
use crate::store::{self, Record, tag};

use super::super::body::{Body, Object, Patch};
use super::super::caller::Caller;
use super::super::fields::{Email, KindWord, NumberText, SipPassword, UserName};
use super::super::licenses::LicenseBody;
use super::super::params::{Path, Query};
use super::super::problem::{Problem, Problems};
use super::super::writes::{
    Asked, Done, DryRun, Flags, Preview, Recorded, RemovedOrPreview, Tagged,
};
use super::super::{Api, names};
use super::UserRow;

/// Groups, licenses and numbers of one write, at most.
const MOST: usize = 100;
/// The user of this write, to whom the numbers in it refer.
const NEW: UserId = UserId(-1);

/// A new user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserBody {
    name: UserName,
    #[serde(default)]
    email: Option<Email>,
    /// The groups that the user is in.
    #[schema(min_items = 1, max_items = 100)]
    groups: Vec<i64>,
    /// Licenses of the user's own.
    #[serde(default)]
    #[schema(required = false, value_type = Vec<LicenseBody>, max_items = 100)]
    licenses: Vec<Object<LicenseBody>>,
    /// Numbers that are created for the user.
    #[serde(default)]
    #[schema(required = false, value_type = Vec<OwnNumber>, max_items = 100)]
    numbers: Vec<Object<OwnNumber>>,
}

/// A number of a new user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnNumber {
    number: NumberText,
    #[serde(default)]
    kind: Option<KindWord>,
    /// For the built-in registrar; never shown.
    #[serde(default)]
    password: Option<SipPassword>,
}

/// What changes of a user; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPatch {
    #[serde(default)]
    name: Option<UserName>,
    /// Null: none.
    #[serde(default)]
    #[schema(required = false, value_type = Option<Email>)]
    email: Patch<Email>,
    /// The groups that the user is in, of those that you see; others stay.
    #[serde(default)]
    #[schema(max_items = 100)]
    groups: Option<Vec<i64>>,
}

/// A user, or what would come of the write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape of the description alone")]
#[serde(untagged)]
pub(super) enum UserOrPreview {
    User(Recorded<UserRow>),
    Preview(Preview),
}

/// Add a user
///
/// With numbers and licenses in the same write, where there are any: all of it, or nothing.
#[utoipa::path(post, path = "/users", tag = "users", operation_id = "add_user",
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = UserBody,
    responses((status = 201, description = "The user", body = Recorded<UserRow>,
        headers(("ETag" = String), ("Location" = String))),
        (status = 200, description = "What would come of it", body = Preview), Problems))]
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<UserBody>,
) -> Result<Response, Problem> {
    let change = body.change(&api, &by.viewer)?;
    let record = |id, done| recorded(&by.viewer, id, done);
    api.add(&by, &asked, dry_run, change, ("/users", record)).await
}

/// Change a user
///
/// Groups of the user that are not yours to see stay as they are.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", operation_id = "edit_user",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    request_body = UserPatch,
    responses((status = 200, description = "The user, or what would come of it",
        body = inline(UserOrPreview), headers(("ETag" = String))), Problems))]
pub(super) async fn edit(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(Flags { force, dry_run }): Query<Flags>,
    asked: Asked,
    Body(patch): Body<UserPatch>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let user = names::user(&world.tree, &by.viewer, id)?;
    let groups = patch.groups.as_ref();
    let groups = groups.map(|ids| places(&world.tree, &by.viewer, ids)).transpose()?;
    if dry_run {
        let mut user = user.clone();
        patch.apply(groups, &world.tree, &by.viewer, &mut user);
        let change = Change::EditUser { user };
        return Ok(Preview::of(api.preview(&by, &asked, force, change).await?));
    }
    let make = |tree: &Tree| {
        let gone = || store::Error::NotFound(format!("there is no user {id}"));
        let mut user = tree.user(UserId(id)).cloned().ok_or_else(gone)?;
        patch.apply(groups, tree, &by.viewer, &mut user);
        Ok(Change::EditUser { user })
    };
    let done = api.compose(&by, &asked, force, make).await?;
    let (tag, user) = recorded(&by.viewer, id, done)?;
    Ok(Tagged(tag, user).into_response())
}

/// Remove a user
///
/// Refused while the user has numbers or seats; forced, they go too. Licenses always do.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", operation_id = "remove_user",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    responses((status = 200, description = "What went, or would go",
        body = inline(RemovedOrPreview)), Problems))]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(flags): Query<Flags>,
    asked: Asked,
) -> Result<Response, Problem> {
    let user = names::user(&api.live.world().tree, &by.viewer, id)?.id;
    let change = Change::RemoveUser { user };
    api.remove(&by, &asked, flags, id, change).await
}

fn recorded(
    viewer: &Viewer,
    id: i64,
    Done { warnings, world, .. }: Done,
) -> Result<(String, Recorded<UserRow>), Problem> {
    let user = names::user(&world.tree, viewer, id)?;
    let record = UserRow::of(&world.tree, viewer, user);
    Ok((tag(Record::User(user)), Recorded { record, warnings }))
}

/// Groups by their ids, each once; one that is not seen is as if it were not there.
fn places(tree: &Tree, viewer: &Viewer, ids: &[i64]) -> Result<Vec<GroupId>, Problem> {
    if ids.len() > MOST {
        return Err(Problem::field("groups", format!("there are more than {MOST}")));
    }
    let mut once = BTreeSet::new();
    let mut found = Vec::new();
    for (at, id) in ids.iter().enumerate() {
        let group = names::group_in(tree, viewer, *id, &format!("groups[{at}]"))?;
        if once.insert(group.id) {
            found.push(group.id);
        }
    }
    Ok(found)
}

impl UserBody {
    /// The one write that it is.
    fn change(self, api: &Api, viewer: &Viewer) -> Result<Change, Problem> {
        let world = api.live.world();
        let groups = places(&world.tree, viewer, &self.groups)?;
        let Some(first) = groups.first() else {
            return Err(Problem::field("groups", "a user is in at least one group"));
        };
        let (zone, now) = (world.tree.zone_of(*first), api.live.now());
        let licenses = licenses(self.licenses, zone, now)?;
        let numbers = numbers(self.numbers, api)?;
        let email = self.email.map(|Email(email)| email);
        let user = User { id: NEW, name: self.name.0, email, groups };
        let user = Change::AddUser { user, licenses };
        Ok(match numbers.is_empty() {
            true => user,
            false => Change::All(vec![user, Change::AddNumbers(numbers)]),
        })
    }
}

fn licenses(
    bodies: Vec<Object<LicenseBody>>,
    zone: chrono_tz::Tz,
    now: Moment,
) -> Result<Vec<License>, Problem> {
    if bodies.len() > MOST {
        return Err(Problem::field("licenses", format!("there are more than {MOST}")));
    }
    let numbered = bodies.into_iter().enumerate();
    let made = numbered.map(|(at, Object(body))| {
        body.license(LicenseId(0), Holder::User(NEW), (zone, now), &format!("licenses[{at}]."))
    });
    made.collect()
}

fn numbers(bodies: Vec<Object<OwnNumber>>, api: &Api) -> Result<Vec<Number>, Problem> {
    if bodies.len() > MOST {
        return Err(Problem::field("numbers", format!("there are more than {MOST}")));
    }
    let numbered = bodies.into_iter().enumerate();
    let made = numbered.map(|(at, Object(body))| {
        let field = format!("numbers[{at}].number");
        let aor = super::super::numbers::spelled(api, &body.number, &field)?;
        Ok(Number {
            id: NumberId(0),
            aor,
            owner: Holder::User(NEW),
            kind: body.kind.map(|KindWord(kind)| kind).unwrap_or_default(),
            password: body.password.map(|SipPassword(password)| password),
        })
    });
    made.collect()
}

impl UserPatch {
    /// Of the groups, those that the editor does not see stay where they are.
    fn apply(self, groups: Option<Vec<GroupId>>, tree: &Tree, viewer: &Viewer, user: &mut User) {
        user.name = self.name.map_or(std::mem::take(&mut user.name), |UserName(name)| name);
        if let Some(email) = self.email.named() {
            user.email = email.map(|Email(email)| email);
        }
        let Some(groups) = groups else { return };
        let keeps =
            |group: &GroupId| groups.contains(group) || !viewer.sees(tree, Holder::Group(*group));
        user.groups.retain(keeps);
        let new: Vec<GroupId> =
            groups.into_iter().filter(|group| !user.groups.contains(group)).collect();
        user.groups.extend(new);
    }
}

//! Numbers that somebody created. A million of them are paged from memory.

mod write;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{
    Entry, GroupId, Holder, NumberId, NumberKind, SERVER, Tree, UserId, Viewer, World, wording,
};
use crate::store::{Record, tag};

use super::caller::Caller;
use super::fields::{KindWord, Needle, NumberText};
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::writes::Tagged;
use super::{Api, names};

/// A number that somebody created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NumberRow {
    pub id: i64,
    /// `sip:101@example.com`
    pub number: String,
    pub kind: KindWord,
    /// A group's path, or `user:NAME`.
    pub owner: String,
    /// The group that owns it.
    pub group: Option<i64>,
    /// The user who owns it.
    pub user: Option<i64>,
    /// Whether it has a password; never which.
    pub password: bool,
}

/// Which numbers.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumberFilter {
    /// Those that this group owns itself.
    group: Option<i64>,
    /// Those of this user.
    user: Option<i64>,
    /// With those of all groups below the group, and of the users in them.
    #[serde(default)]
    #[param(required = false)]
    below: bool,
    /// The number, or a part of it.
    #[param(inline)]
    number: Option<Needle>,
    #[param(inline)]
    kind: Option<KindWord>,
}

/// The routes of numbers.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list, write::add))
        .routes(routes!(write::add_many))
        .routes(routes!(one, write::edit, write::remove))
}

/// List numbers
#[utoipa::path(get, path = "/numbers", tag = "numbers", operation_id = "list_numbers",
    params(NumberFilter, Paging),
    responses((status = 200, description = "A page of numbers", body = Page<NumberRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<NumberFilter>,
    paging: Paging,
) -> Result<Json<Page<NumberRow>>, Problem> {
    let world = api.live.world();
    let after = NumberId(paging.after()?.unwrap_or(0));
    let exact = filter.number.as_ref().and_then(|Needle(text)| api.live.number(text).ok());
    // One more tells whether there is another page.
    let found = filter.among(&world, &by.viewer, exact.as_deref(), (after, paging.limit() + 1))?;
    let found = found.into_iter().map(|(aor, entry)| (entry.id, (aor, entry)));
    Ok(Json(paging.page(found, |(aor, entry)| NumberRow::of(&world.tree, &by.viewer, aor, entry))))
}

/// Show a number
#[utoipa::path(get, path = "/numbers/{id}", tag = "numbers", operation_id = "show_number",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The number", body = NumberRow,
        headers(("ETag" = String, description = "For If-Match"))), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Tagged<NumberRow>, Problem> {
    let world = api.live.world();
    let (aor, entry) = seen(&world, &by.viewer, id)?;
    let tag = tag(Record::of_number((aor, entry)));
    Ok(Tagged(tag, NumberRow::of(&world.tree, &by.viewer, aor, entry)))
}

/// A number that the viewer may know of.
fn seen<'w>(world: &'w World, viewer: &Viewer, id: i64) -> Result<(&'w str, Entry), Problem> {
    let found = world.directory.number(NumberId(id));
    let found = found.filter(|(_, entry)| viewer.sees(&world.tree, entry.owner));
    found.ok_or_else(Problem::not_found)
}

/// A number in its stored form; a fault names the field.
pub(super) fn spelled(api: &Api, text: &NumberText, field: &str) -> Result<String, Problem> {
    let aor = api.live.number(&text.0).map_err(|fault| Problem::field(field, fault))?;
    match wording::number_fault(&aor) {
        Some(fault) => Err(Problem::field(field, fault)),
        None => Ok(aor),
    }
}

impl NumberFilter {
    /// The first so many that are asked for and seen, by id, after one.
    fn among<'w>(
        &self,
        world: &'w World,
        viewer: &Viewer,
        exact: Option<&str>,
        (after, most): (NumberId, usize),
    ) -> Result<Vec<(&'w str, Entry)>, Problem> {
        let (tree, directory) = (&world.tree, &world.directory);
        let top = self.top(tree, viewer)?;
        let mut stands = Stands { tree, viewer, top, known: HashMap::new() };
        let kind = self.kind.map(|KindWord(kind)| kind);
        let fits = |entry: &Entry| entry.id > after && kind.is_none_or(|kind| kind == entry.kind);
        if let Some((aor, _)) = exact.and_then(|aor| directory.entry(aor).map(|entry| (aor, entry)))
        {
            let found = directory.entry(aor).and_then(|entry| directory.number(entry.id));
            return Ok(found
                .into_iter()
                .filter(|(_, entry)| fits(entry) && stands.holds(entry.owner))
                .collect());
        }
        let part = self.number.as_ref().map(|Needle(text)| text.as_str());
        let has_part = |aor: &str| part.is_none_or(|part| aor.contains(part));
        if let Under::Only(owner) = top {
            let own =
                directory.numbers_of(owner).filter(|(aor, entry)| fits(entry) && has_part(aor));
            return Ok(own.take(most).collect());
        }
        let everything = top == Under::Everything && kind.is_none() && part.is_none();
        if everything && viewer.is_server() {
            return Ok(directory.numbers_after(after, most));
        }
        let wanted = directory
            .numbers()
            .filter(|(aor, entry)| fits(entry) && has_part(aor) && stands.holds(entry.owner));
        let mut found = Vec::new();
        for number in wanted {
            found.push(number);
            // Only the first so many are of use: now and then the others go.
            if found.len() >= most.saturating_mul(64).max(4_096) {
                first(&mut found, most);
            }
        }
        first(&mut found, most);
        Ok(found)
    }

    fn top(&self, tree: &Tree, viewer: &Viewer) -> Result<Under, Problem> {
        match (self.group, self.user) {
            (Some(_), Some(_)) => Err(Problem::parameter("user", "name either group or user")),
            (Some(id), None) => {
                let group = names::group(tree, viewer, id)?.id;
                let only = Under::Only(Holder::Group(group));
                Ok(if self.below { Under::Group(group) } else { only })
            }
            (None, Some(id)) => Ok(Under::Only(Holder::User(names::user(tree, viewer, id)?.id))),
            (None, None) if self.below => Err(Problem::parameter("below", "name the group")),
            (None, None) => Ok(Under::Everything),
        }
    }
}

fn first(found: &mut Vec<(&str, Entry)>, most: usize) {
    found.sort_unstable_by_key(|(_, entry)| entry.id);
    found.truncate(most);
}

/// Whose numbers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    Everything,
    /// Of this group and of all below it.
    Group(GroupId),
    Only(Holder),
}

/// Which owners are asked for and seen; each is looked up once.
struct Stands<'a> {
    tree: &'a Tree,
    viewer: &'a Viewer,
    top: Under,
    known: HashMap<Holder, bool>,
}

impl Stands<'_> {
    fn holds(&mut self, owner: Holder) -> bool {
        let Self { tree, viewer, top, known } = self;
        *known.entry(owner).or_insert_with(|| {
            let below = |top| tree.places(owner).iter().any(|place| tree.stands_under(*place, top));
            let asked = match *top {
                Under::Everything => true,
                Under::Group(SERVER) => true,
                Under::Group(top) => below(top),
                Under::Only(holder) => owner == holder,
            };
            asked && viewer.sees(tree, owner)
        })
    }
}

impl NumberRow {
    /// A number as its reader may know it.
    pub fn of(tree: &Tree, viewer: &Viewer, aor: &str, entry: Entry) -> Self {
        let Entry { id, owner, kind, has_password } = entry;
        Self {
            id: id.0,
            number: aor.to_owned(),
            kind: KindWord(kind),
            owner: viewer.name_of(tree, owner, None),
            group: if let Holder::Group(GroupId(id)) = owner { Some(id) } else { None },
            user: if let Holder::User(UserId(id)) = owner { Some(id) } else { None },
            password: has_password,
        }
    }
}

/// The kind that is meant where none is named.
fn kind_or_default(kind: Option<KindWord>) -> NumberKind {
    kind.map(|KindWord(kind)| kind).unwrap_or_default()
}

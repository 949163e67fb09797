//! Reading the record of changes: newest first, under a group, with what is not the reader's masked.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::license::{Denial, GroupId, Moment, SERVER, Tree, Viewer};

use super::super::sql::{Sql, sql};
use super::super::{Result, Store, tree};
use super::mask::Eyes;

/// Entries that are read at once, however many are asked for.
const PAGE: usize = 1_000;

/// Which entries are asked for; newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// What happened under this group.
    pub under: Option<GroupId>,
    pub who: Option<String>,
    pub entity: Option<String>,
    pub entity_id: Option<i64>,
    /// From then on.
    pub since: Option<Moment>,
    /// Before then.
    pub until: Option<Moment>,
    /// Older than this entry: where the page before ended.
    pub before_id: Option<i64>,
    /// At most so many; at most a thousand come at once.
    pub limit: usize,
}

/// One thing that changed, as its reader may see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditRow {
    pub id: i64,
    #[serde(serialize_with = "rfc3339")]
    pub at: Moment,
    pub who: String,
    pub from: String,
    pub action: String,
    pub entity: String,
    pub entity_id: Option<i64>,
    pub name: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub forced: bool,
}

/// Page after page of what a query asks for.
pub struct AuditPages<'s> {
    store: &'s Store,
    query: AuditQuery,
    viewer: Viewer,
}

/// The columns of an entry.
const COLUMNS: &str =
    "audit.id, at, who, from_where, action, entity, entity_id, name, before, after, forced";

type Columns = (
    i64,
    i64,
    String,
    String,
    String,
    String,
    Option<i64>,
    String,
    Option<String>,
    Option<String>,
    bool,
);

impl Store {
    /// The newest entries that a query asks for and `viewer` may see.
    pub async fn audit(&self, query: &AuditQuery, viewer: &Viewer) -> Result<Vec<AuditRow>> {
        let mut conn = self.reading().await?;
        let eyes = match viewer.is_server() {
            true => Eyes::All,
            false => Eyes::Groups(viewer.administered_groups()?),
        };
        let scopes = match (query.under, &eyes) {
            (None, Eyes::All) => None,
            (None, Eyes::Groups(own)) => Some(own.clone()),
            // All happened under the server, even where nobody says so.
            (Some(SERVER), Eyes::All) => None,
            (Some(under), Eyes::All) => Some(vec![under]),
            (Some(under), Eyes::Groups(own)) => {
                let tree = tree::current(self, &mut conn).await?;
                Some(vec![within(&tree, under, own)?])
            }
        };
        let found: Vec<Columns> = asked(query, scopes.as_deref()).all(&mut conn).await?;
        Ok(found.into_iter().map(|found| row(found, &eyes)).collect())
    }

    /// The same page by page, for exports.
    pub fn audit_pages(&self, query: AuditQuery, viewer: Viewer) -> AuditPages<'_> {
        AuditPages { store: self, query, viewer }
    }
}

impl AuditPages<'_> {
    /// The next page; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<AuditRow>> {
        let rows = self.store.audit(&self.query, &self.viewer).await?;
        if let Some(last) = rows.last() {
            self.query.before_id = Some(last.id);
        }
        self.query.limit = self.query.limit.saturating_sub(rows.len());
        Ok(rows)
    }
}

/// The group, if it is one of `own` or stands under one.
fn within(tree: &Tree, group: GroupId, own: &[GroupId]) -> Result<GroupId> {
    let mut own = own.iter();
    if own.any(|own| tree.stands_under(group, *own)) {
        Ok(group)
    } else {
        Err(Denial::Unseen.into())
    }
}

fn asked(query: &AuditQuery, scopes: Option<&[GroupId]>) -> Sql {
    let mut asked = sql(format!("select {COLUMNS} from "));
    match scopes {
        None => asked.push("audit where true"),
        // One range of the scopes, backwards.
        Some([scope]) => {
            asked.push("audit_scopes join audit on audit.id = audit_id where group_id = ");
            asked.push_bind(scope.0)
        }
        Some(scopes) => {
            asked.push("audit where audit.id in (");
            asked.push("select audit_id from audit_scopes where group_id in ");
            asked.push_list(scopes.iter().map(|scope| scope.0)).push(")")
        }
    };
    if let Some(who) = &query.who {
        asked.push(" and who = ").push_bind(&**who);
    }
    if let Some(entity) = &query.entity {
        asked.push(" and entity = ").push_bind(&**entity);
    }
    if let Some(id) = query.entity_id {
        asked.push(" and entity_id = ").push_bind(id);
    }
    if let Some(since) = query.since {
        asked.push(" and at >= ").push_bind(since.0);
    }
    if let Some(until) = query.until {
        asked.push(" and at < ").push_bind(until.0);
    }
    if let Some(id) = query.before_id {
        let id_is =
            if matches!(scopes, Some([_])) { " and audit_id < " } else { " and audit.id < " };
        asked.push(id_is).push_bind(id);
    }
    let order = if matches!(scopes, Some([_])) { "audit_id" } else { "audit.id" };
    let limit = i64::try_from(query.limit.min(PAGE)).unwrap_or_default();
    asked.push(&format!(" order by {order} desc limit ")).push_bind(limit);
    asked.once()
}

fn row(found: Columns, eyes: &Eyes) -> AuditRow {
    let (id, at, who, from, action, entity, entity_id, name, before, after, forced) = found;
    let side = |text: Option<String>| {
        let json = serde_json::from_str(&text?).ok()?;
        eyes.side(&entity, entity_id, json)
    };
    let (before, after) = (side(before), side(after));
    // What moved in or out has the name by which its reader knows it.
    let known = after.as_ref().or(before.as_ref()).and_then(own_name);
    let name = known.unwrap_or(name);
    AuditRow {
        id,
        at: Moment(at),
        who,
        from,
        action,
        entity,
        entity_id,
        name,
        before,
        after,
        forced,
    }
}

fn own_name(side: &Value) -> Option<String> {
    let mut fields = ["name", "number", "rule"].iter();
    fields.find_map(|field| side.get(*field)?.as_str()).map(str::to_owned)
}

fn rfc3339<S: Serializer>(at: &Moment, out: S) -> std::result::Result<S::Ok, S::Error> {
    out.serialize_str(&at.rfc3339())
}

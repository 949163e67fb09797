//! The record of changes: what each write changed, by whom, from where, before and after. It is
//! written in the transaction of the write and only ever added to; whoever administers a group reads
//! what happened under it, and nothing above or beside it.

mod entries;
mod export;
mod gone;
mod mask;
mod read;
mod shapes;
mod write;

use serde_json::Value;

use crate::license::GroupId;

pub(super) use entries::entries;
pub use export::{Export, Form};
pub(super) use gone::Gone;
pub use read::{AuditPages, AuditQuery, AuditRow};
pub(super) use shapes::reference;
pub(super) use write::{Made, record, renewed_passwords};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// `add`, `edit`, `move`, `remove`, `suspend`, `resume`, or what another room calls it.
    action: &'static str,
    /// `group`, `user`, `license`, `number`, `claim`, or what another room calls it.
    entity: &'static str,
    id: Option<i64>,
    /// The thing's own name, never a path: a reader may not know the groups above.
    name: String,
    before: Option<Value>,
    after: Option<Value>,
    /// Under which groups, themselves included, it stood before or stands after.
    scopes: Vec<GroupId>,
}

impl Entry {
    /// An entry; groups and users in `before` and `after` are to be [`reference`]s, so that each
    /// reader sees of them what is theirs to see.
    pub(super) fn new(
        action: &'static str,
        entity: &'static str,
        id: impl Into<Option<i64>>,
        name: impl Into<String>,
        (before, after): (Option<Value>, Option<Value>),
        mut scopes: Vec<GroupId>,
    ) -> Self {
        scopes.sort_unstable();
        scopes.dedup();
        Self { action, entity, id: id.into(), name: name.into(), before, after, scopes }
    }
}

#[cfg(test)]
mod tests;

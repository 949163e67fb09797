//! What a reader may see of an entry: references to groups above or beside become `null`, paths begin
//! at the reader's own group, and a record that stood elsewhere was nothing as far as they know.

use serde_json::{Map, Value};

use crate::license::GroupId;

/// Whose eyes: the groups that somebody administers, or everything.
pub enum Eyes {
    All,
    Groups(Vec<GroupId>),
}

/// The fields that say where a record stands.
const PLACES: &[&str] = &["parent", "owner", "holder", "group", "groups"];

impl Eyes {
    /// One side of an entry about the record `id` of `entity`.
    pub fn side(&self, entity: &str, id: Option<i64>, side: Value) -> Option<Value> {
        let Value::Object(fields) = side else { return Some(side) };
        if !self.stands_below(entity, id, &fields) {
            return None;
        }
        Some(self.masked(Value::Object(fields)))
    }

    /// Whether the record stood under a group of the reader's. One that says no place was noted under
    /// its groups as a whole.
    fn stands_below(&self, entity: &str, id: Option<i64>, fields: &Map<String, Value>) -> bool {
        let Self::Groups(own) = self else { return true };
        if entity == "group" && id.is_some_and(|id| own.contains(&GroupId(id))) {
            return true;
        }
        let mut places = PLACES.iter().filter_map(|name| fields.get(*name)).peekable();
        if places.peek().is_none() {
            return true;
        }
        places.any(|place| match place {
            Value::Array(list) => list.iter().any(|place| self.first_seen(place).is_some()),
            place => self.first_seen(place).is_some(),
        })
    }

    /// Where in the line of a reference the reader's view begins.
    fn first_seen(&self, reference: &Value) -> Option<usize> {
        let line = reference.get("line")?.as_array()?;
        match self {
            Self::All => Some(0),
            Self::Groups(own) => {
                line.iter().position(|id| id.as_i64().is_some_and(|id| own.contains(&GroupId(id))))
            }
        }
    }

    fn masked(&self, value: Value) -> Value {
        match value {
            Value::Object(fields) if fields.contains_key("line") => self.reference(fields),
            Value::Object(fields) => {
                Value::Object(fields.into_iter().map(|(k, v)| (k, self.masked(v))).collect())
            }
            Value::Array(list) => {
                let seen =
                    |place: &Value| place.get("line").is_none() || self.first_seen(place).is_some();
                Value::Array(list.into_iter().filter(seen).map(|v| self.masked(v)).collect())
            }
            plain => plain,
        }
    }

    fn reference(&self, mut fields: Map<String, Value>) -> Value {
        let reference = Value::Object(fields.clone());
        let Some(first) = self.first_seen(&reference) else { return Value::Null };
        fields.shift_remove("line");
        if let Some(Value::String(path)) = fields.get_mut("path") {
            // The server has no name in a path: the group at place 1 of the line is its first word.
            let hidden = first.saturating_sub(1);
            *path = path.split('/').skip(hidden).collect::<Vec<_>>().join("/");
            if path.is_empty() {
                *path = "/".into();
            }
        }
        Value::Object(fields)
    }
}

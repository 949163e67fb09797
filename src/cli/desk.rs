//! What a command works with: the config, the database, the time; opened when first needed.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::license::distribution::Warning;
use crate::license::{Holder, Moment, Number, Tree, Usage, Viewer, World};
use crate::roster;
use crate::store::{Author, Store, Terms};
use crate::view::{self, Tally};

use super::failure::Failure;
use super::offline::Offline;
use super::paint::Paint;

/// What a command gives back: for programs, and for people.
pub struct Shown {
    pub json: Value,
    pub text: String,
    /// For stderr, whatever the form.
    pub note: Option<String>,
}

/// The config, the open database and the time.
pub struct Desk {
    pub config: Config,
    pub store: Store,
    pub now: Moment,
    pub paint: Paint,
    /// `--force`.
    pub force: bool,
    /// Whoever runs the command: a server administrator.
    pub author: Author,
}

impl Shown {
    /// An answer whose text says the same as its JSON.
    pub fn new(json: impl Serialize, text: impl Into<String>) -> Result<Self, Failure> {
        let json = serde_json::to_value(json).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self { json, text: text.into(), note: None })
    }

    /// Adds what is to be known beside the answer.
    pub fn with_note(self, note: Option<String>) -> Self {
        Self { note, ..self }
    }

    /// Adds what is easily a mistake to both forms, after the warnings of the write.
    pub fn with_remark(mut self, remark: Option<String>) -> Self {
        let Some(remark) = remark else { return self };
        let rows = self.json.get_mut("warnings").and_then(Value::as_array_mut);
        let row = serde_json::json!(
            {"gate": null, "resource": null, "by": null, "at": null, "text": remark}
        );
        rows.into_iter().for_each(|rows| rows.push(row.clone()));
        self.text.push_str(&format!("\nnote: {remark}"));
        self
    }

    /// Adds the warnings of a write to both forms.
    pub fn with_warnings(mut self, warnings: &[Warning]) -> Self {
        if let Value::Object(fields) = &mut self.json {
            let rows = warnings.iter().map(warning_row).collect();
            fields.insert("warnings".to_owned(), Value::Array(rows));
        }
        for warning in warnings {
            self.text.push_str(&format!("\nwarning: {warning}"));
        }
        self
    }
}

fn warning_row(warning: &Warning) -> Value {
    serde_json::json!({
        "gate": warning.gate,
        "resource": warning.resource,
        "by": warning.by,
        "at": warning.at.rfc3339(),
        "text": warning.text,
    })
}

impl Desk {
    /// Opens the database that the config names; it is created where there is none.
    pub async fn open(config: Config, paint: Paint, force: bool) -> Result<Self, Failure> {
        let new_file = match &config.database {
            Database::Sqlite(path) => Some(path).filter(|path| !path.exists()),
            Database::Postgres(_) => None,
        };
        let store = Store::open(&config.database.url(), Path::new("")).await?;
        let store = store.with_zone(config.time_zone);
        if let Some(path) = new_file {
            give_to_folders_owner(path);
        }
        let now = Clock::start().now().moment();
        Ok(Self { config, store, now, paint, force, author: author() })
    }

    /// The tree and the directory as they stand in the database.
    pub async fn world(&self) -> Result<World, Failure> {
        let mut world = World::default();
        let mut numbers = Vec::new();
        let mut all = self
            .store
            .read_all(|row| {
                numbers.push(Number {
                    id: row.id,
                    aor: row.aor.to_owned(),
                    owner: row.owner,
                    kind: row.kind,
                    // Only whether there is one is asked for.
                    password: row.password.map(|_| String::new()),
                });
            })
            .await?;
        world.tree = all.tree(self.config.time_zone, &Default::default());
        for claim in all.claims {
            world.directory.insert_claim(claim);
        }
        for number in &numbers {
            world.put_number(number);
        }
        Ok(world)
    }

    /// The tree alone, with created numbers counted.
    pub async fn tree(&self) -> Result<Tree, Failure> {
        Ok(self.store.tree(self.config.time_zone).await?.0)
    }

    /// What the wire holds, as far as the disk knows: seats are written behind by a fraction of a
    /// second.
    pub async fn usage(&self) -> Result<Tally, Failure> {
        if !self.store.has_seats() {
            return Ok(Tally::default());
        }
        Ok(Offline::load(self).await?.usage())
    }

    /// Under what terms a write is checked.
    pub fn terms<'u>(&'u self, usage: &'u (dyn Usage + Sync)) -> Terms<'u> {
        Terms { force: self.force, usage, by: &self.author, ..Terms::at(self.now) }
    }

    /// A group's path, `/`, or `user:NAME`.
    pub fn find(&self, world: &World, name: &str) -> Result<Holder, Failure> {
        Ok(view::find(&world.tree, name)?)
    }

    /// A number as it is stored, however it was written: `101@Example.com` is `sip:101@example.com`.
    pub fn number(&self, text: &str) -> Result<String, Failure> {
        number(&self.config, text)
    }
}

/// The one who runs the command, by the name that the system has for them.
fn author() -> Author {
    let uid = nix::unistd::getuid();
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    let name = name.unwrap_or_else(|| uid.to_string());
    Author { who: format!("cli:{name}"), from: "cli".into(), viewer: Viewer::server() }
}

/// A number in the one spelling under which it is known.
pub fn number(config: &Config, text: &str) -> Result<String, Failure> {
    let alias = |host: &str| config.domain_of(host).map(|domain| domain.name.as_str());
    Ok(roster::spell(text, &alias, !config.admission.case_sensitive_users)?)
}

/// A database that root creates in a service's folder must be the service's. Where that cannot be done
/// nothing is lost: whoever creates it otherwise is its owner already.
fn give_to_folders_owner(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(folder) = std::fs::metadata(folder.unwrap_or(Path::new("."))) else { return };
    let Ok(file) = std::fs::metadata(path) else { return };
    if file.uid() == folder.uid() {
        return;
    }
    for file in [path.to_owned(), path.with_extension("db-wal"), path.with_extension("db-shm")] {
        if file.exists() {
            let _ = chown(file, Some(folder.uid()), Some(folder.gid()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_read_in_any_case() {
        let config = Config::default();

        for text in ["SIP:9@example.com", "Sip:9@Example.com", "9@example.com"] {
            assert_eq!(number(&config, text).unwrap(), "sip:9@example.com", "{text}");
        }
    }

    #[test]
    fn a_password_in_a_number_is_refused_and_not_repeated() {
        for text in ["sip:anna:secret@example.com", "anna:secret@example.com", "SIP:a:secret@b"] {
            let fault = number(&Config::default(), text).unwrap_err();
            assert!(!fault.error.contains("secret"), "{}", fault.error);
        }
    }
}

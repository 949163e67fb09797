//! The records as the daemon keeps them: a tree and a directory that follow the store key by key.
//! What does not fit by keys alone (edits by hand that tore the tree) is read again whole.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;
use dashmap::DashMap;

use crate::license::World;
use crate::quota::Touched;
use crate::store::{CreatedByOwner, Key, Known, Position, Records, Result, Step, Store};

/// The passwords of created numbers, for the built-in registrar's digest. Shared with it.
#[derive(Clone, Default)]
pub struct Passwords(Arc<DashMap<Box<str>, Box<str>>>);

/// All records of the store but the passwords, and how far they are.
pub(super) struct Mirror {
    pub world: World,
    pub zone: Tz,
    /// The last change of the feed that is in it.
    pub position: Position,
    /// What was left out of the tree, so that a change may bring it back.
    pub findings: Vec<String>,
    passwords: Passwords,
}

impl Passwords {
    /// The password of a created number, if it has one.
    pub fn get(&self, aor: &str) -> Option<Box<str>> {
        self.0.get(aor).map(|password| password.clone())
    }

    fn set(&self, aor: &str, password: Option<&str>) {
        match password {
            Some(password) => {
                self.0.insert(aor.into(), password.into());
            }
            None => {
                self.0.remove(aor);
            }
        }
    }

    /// Whether `password` is what is kept for the number.
    pub(super) fn is(&self, aor: &str, password: Option<&str>) -> bool {
        self.0.get(aor).as_deref().map(|kept| &**kept) == password
    }
}

impl Mirror {
    /// Reads everything.
    pub async fn load(store: &Store, zone: Tz, passwords: Passwords) -> Result<Self> {
        let mut world = World::default();
        let mut created = CreatedByOwner::default();
        let mut secret = HashSet::new();
        let mut all = store
            .read_all(|row| {
                let count = created.entry(row.owner).or_default();
                *count = count.with(row.kind, 1);
                if row.password.is_some() {
                    passwords.set(row.aor, row.password);
                    secret.insert(row.aor.to_owned());
                }
                world.directory.insert_entry(row.aor, row.entry());
            })
            .await?;
        passwords.0.retain(|aor, _| secret.contains(&**aor));
        all.claims.iter().for_each(|claim| world.directory.insert_claim(claim.clone()));
        world.tree = all.tree(zone, &created);
        Ok(Self { world, zone, position: all.position, findings: all.findings.0, passwords })
    }

    /// For writers to begin from.
    pub fn known(&self) -> Known {
        Known {
            world: Arc::new(self.world.clone()),
            position: self.position.clone(),
            whole: self.findings.is_empty(),
        }
    }

    /// Reads `keys` again and takes over what stands there now. When reading fails nothing changes.
    pub async fn apply(&mut self, store: &Store, keys: &BTreeSet<Key>) -> Result<Touched> {
        let records = store.read_keys(keys).await?;
        let structural = keys.iter().any(|key| matches!(key, Key::Group(_) | Key::User(_)));
        // What was left out of the tree may belong into it now.
        if !structural || self.findings.is_empty() {
            let mut step = Step::new(self.world.clone());
            if step.take(keys, &records) {
                self.passwords_of(keys, &records);
                let touched;
                (self.world, touched) = step.touched();
                return Ok(touched);
            }
        }
        self.reload(store, keys, &records).await?;
        Ok(Touched::Everything)
    }

    /// Reads all records but the numbers again; of these only `keys`.
    async fn reload(
        &mut self,
        store: &Store,
        keys: &BTreeSet<Key>,
        records: &Records,
    ) -> Result<()> {
        let mut all = store.read_records().await?;
        let mut step = Step::new(self.world.clone());
        step.take_numbers(keys, records);
        let mut created = CreatedByOwner::default();
        for (_, entry) in step.world.directory.numbers() {
            let count = created.entry(entry.owner).or_default();
            *count = count.with(entry.kind, 1);
        }
        let kept: Vec<_> = step.world.directory.claims().map(|claim| claim.id).collect();
        for id in kept {
            step.world.directory.remove_claim(id);
        }
        all.claims.iter().for_each(|claim| step.world.directory.insert_claim(claim.clone()));
        step.world.tree = all.tree(self.zone, &created);
        self.passwords_of(keys, records);
        self.world = step.world;
        self.findings = all.findings.0;
        Ok(())
    }

    fn passwords_of(&self, keys: &BTreeSet<Key>, records: &Records) {
        let there: HashSet<&str> = records.numbers.iter().map(|number| &*number.aor).collect();
        for key in keys {
            if let Key::Number(aor) = key
                && !there.contains(&**aor)
            {
                self.passwords.set(aor, None);
            }
        }
        for number in &records.numbers {
            self.passwords.set(&number.aor, number.password.as_deref());
        }
    }
}

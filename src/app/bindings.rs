//! The built-in registrar's bindings as the ledger keeps them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Clock;
use crate::ledger::Bindings;
use crate::registrar::{Registrar, Saved};
use crate::store::BindingRow;

/// Bindings that survive a restart beside the seats.
pub struct KeptBindings {
    pub registrar: Arc<Registrar>,
    pub clock: Clock,
}

impl Bindings for KeptBindings {
    fn dirty(&self, max: usize) -> Vec<(String, Vec<BindingRow>)> {
        rows(self.registrar.drain(max, self.clock.now()))
    }

    fn gone(&self, max: usize) -> Vec<(String, Vec<BindingRow>)> {
        rows(self.registrar.drain_gone(max, self.clock.now()))
    }

    fn dirty_again(&self, numbers: Vec<String>) {
        for number in numbers {
            self.registrar.mark_dirty(&number);
        }
    }

    fn restore(&self, rows: Vec<BindingRow>) {
        let mut numbers: BTreeMap<String, Vec<Saved>> = BTreeMap::new();
        for row in rows {
            let saved = Saved { key: row.contact, until_ms: row.until_ms, details: row.details };
            numbers.entry(row.number).or_default().push(saved);
        }
        let now = self.clock.now();
        for (number, saved) in numbers {
            self.registrar.restore(&number, &saved, now);
        }
    }
}

fn rows(drained: Vec<(String, Vec<Saved>)>) -> Vec<(String, Vec<BindingRow>)> {
    let row = |number: &str, saved: Saved| BindingRow {
        number: number.to_owned(),
        contact: saved.key,
        until_ms: saved.until_ms,
        details: saved.details,
    };
    drained
        .into_iter()
        .map(|(number, saved)| {
            let rows = saved.into_iter().map(|one| row(&number, one)).collect();
            (number, rows)
        })
        .collect()
}

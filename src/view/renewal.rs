//! What a renewal of many licenses does to each.

use crate::license::distribution::Change;
use crate::license::{License, Moment, Tree, Viewer};

use super::RenewedRow;

/// Each license that a change edits, with its old and its new end; `tree` is as it was before.
pub fn renewal(tree: &Tree, viewer: &Viewer, change: &Change) -> Vec<RenewedRow> {
    let Change::All(steps) = change else { return Vec::new() };
    let edited = steps.iter().filter_map(|step| match step {
        Change::EditLicense(license) => Some(license),
        _ => None,
    });
    let row = |license: &License| RenewedRow {
        id: license.id.0,
        holder: viewer.name_of(tree, license.holder, None),
        old_until: tree.license(license.id).and_then(|old| old.validity.until).map(Moment::rfc3339),
        new_until: license.validity.until.map(Moment::rfc3339),
    };
    edited.map(row).collect()
}

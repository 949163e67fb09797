//! Licenses as they are listed.

use crate::license::{Holder, License, Moment, Tree, Viewer, What};

use super::LicenseRow;
use super::state::names;

/// One license.
pub fn license(tree: &Tree, license: &License, at: Moment) -> LicenseRow {
    row(&Viewer::server(), tree, license, at)
}

/// One license as `viewer` may read it, if at all.
pub fn license_for(
    viewer: &Viewer,
    tree: &Tree,
    license: &License,
    at: Moment,
) -> Option<LicenseRow> {
    viewer.may_read(tree, What::Licenses, license.holder).ok()?;
    Some(row(viewer, tree, license, at))
}

fn row(viewer: &Viewer, tree: &Tree, license: &License, at: Moment) -> LicenseRow {
    LicenseRow {
        id: license.id.0,
        holder: viewer.name_of(tree, license.holder, None),
        license_type: license.license_type.clone(),
        sip_numbers: license.sip_numbers,
        mobile_apps: license.mobile_apps,
        features: names(license.features),
        valid_from: license.validity.from.map(Moment::rfc3339),
        valid_until: license.validity.until.map(Moment::rfc3339),
        status: license_status(tree, license, at).to_owned(),
    }
}

/// The licenses of `under` and all that stands under it, or of everybody; by id.
pub fn licenses(tree: &Tree, under: Option<Holder>, at: Moment) -> Vec<LicenseRow> {
    let stands = |holder| match under {
        None => true,
        Some(Holder::Group(top)) => tree.ancestry(holder).contains(&top),
        Some(user) => holder == user,
    };
    let mut found: Vec<_> = tree.licenses().filter(|license| stands(license.holder)).collect();
    found.sort_unstable_by_key(|license| license.id);
    found.into_iter().map(|found| license(tree, found, at)).collect()
}

/// active, upcoming, ended, suspended or resting.
pub fn license_status(tree: &Tree, license: &License, at: Moment) -> &'static str {
    let above = tree.path(license.holder);
    let mut above = above.iter().filter(|gate| **gate != license.holder);
    if license.validity.ended_by(at) {
        "ended"
    } else if license.suspended {
        "suspended"
    } else if license.validity.starts_after(at) {
        "upcoming"
    } else if !tree.is_gate(license.holder) || above.any(|gate| !tree.is_licensed(*gate, at)) {
        "resting"
    } else {
        "active"
    }
}

//! A license as cells of a line, and back.

use chrono_tz::Tz;

use crate::license::{
    Feature, FeatureSet, Holder, License, LicenseId, Moment, UserId, Validity, wording,
};

use super::sheet::Row;

/// What one license grants at most.
const MOST: u32 = 1_000_000_000;
/// The columns of a license.
pub const COLUMNS: [&str; 7] = [
    "sip_numbers",
    "mobile_apps",
    "valid_from",
    "valid_until",
    "features",
    "license_type",
    "suspended",
];

/// A column and what is wrong with its cell.
pub type CellFault = (&'static str, String);

/// The license that a line grants, if it grants one; the holder is not known yet. Every cell that is
/// wrong is told.
pub fn read(row: &Row<'_>, zone: Tz, now: Moment) -> Result<Option<License>, Vec<CellFault>> {
    if COLUMNS.iter().all(|column| row.cell(column).is_none()) {
        return Ok(None);
    }
    let mut faults = Vec::new();
    let mut note = |column, error: String| faults.push((column, error));
    let sip_numbers = count(row, "sip_numbers").unwrap_or_else(|error| {
        note("sip_numbers", error);
        None
    });
    let mobile_apps = count(row, "mobile_apps").unwrap_or_else(|error| {
        note("mobile_apps", error);
        None
    });
    let from = instant(row, "valid_from", zone, now).unwrap_or_else(|error| {
        note("valid_from", error);
        None
    });
    let until = instant(row, "valid_until", zone, now).unwrap_or_else(|error| {
        note("valid_until", error);
        None
    });
    let features = features(row).unwrap_or_else(|error| {
        note("features", error);
        FeatureSet::NONE
    });
    let license_type = row.cell("license_type").unwrap_or_default();
    if let Some(fault) = wording::label_fault(license_type) {
        note("license_type", fault.to_owned());
    }
    let suspended = flag(row, "suspended").unwrap_or_else(|error| {
        note("suspended", error);
        false
    });
    if row.cell("sip_numbers").is_none() {
        note("sip_numbers", "a license says how many; it is empty".to_owned());
    }
    let apps = mobile_apps.unwrap_or_default();
    if sip_numbers.is_some_and(|sip| apps > sip) {
        note("mobile_apps", format!("{apps} mobile apps need as many SIP numbers"));
    }
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        note("valid_until", "a license ends after it starts".to_owned());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Some(License {
        id: LicenseId(0),
        holder: Holder::User(UserId(0)),
        license_type: license_type.to_owned(),
        sip_numbers: sip_numbers.unwrap_or_default(),
        mobile_apps: apps,
        features,
        validity: Validity { from, until },
        suspended,
    }))
}

/// The cells of a license, in the order of [`COLUMNS`].
pub fn cells(license: Option<&License>) -> [String; COLUMNS.len()] {
    let Some(license) = license else { return Default::default() };
    let instant = |at: Option<Moment>| at.map(Moment::rfc3339).unwrap_or_default();
    let features: Vec<_> = license.features.iter().map(Feature::name).collect();
    [
        license.sip_numbers.to_string(),
        license.mobile_apps.to_string(),
        instant(license.validity.from),
        instant(license.validity.until),
        features.join(" "),
        license.license_type.clone(),
        if license.suspended { "yes".to_owned() } else { String::new() },
    ]
}

fn count(row: &Row<'_>, column: &str) -> Result<Option<u32>, String> {
    let Some(text) = row.cell(column) else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse().ok().filter(|count| digits && *count <= MOST);
    count.map(Some).ok_or_else(|| format!("{text:?} is no count from 0 to {MOST}"))
}

fn instant(row: &Row<'_>, column: &str, zone: Tz, now: Moment) -> Result<Option<Moment>, String> {
    let Some(text) = row.cell(column) else { return Ok(None) };
    let at = Moment::parse(text, zone, now)?;
    if at < Moment(0) { Err("a license has no time before 1970".to_owned()) } else { Ok(Some(at)) }
}

fn features(row: &Row<'_>) -> Result<FeatureSet, String> {
    let text = row.cell("features").unwrap_or_default();
    let names = text.split([' ', ',', ';']).filter(|name| !name.is_empty());
    names.map(str::parse::<Feature>).collect()
}

fn flag(row: &Row<'_>, column: &str) -> Result<bool, String> {
    match row.cell(column) {
        None | Some("no" | "false" | "0") => Ok(false),
        Some("yes" | "true" | "1") => Ok(true),
        Some(other) => Err(format!("{other:?}: write yes or no")),
    }
}

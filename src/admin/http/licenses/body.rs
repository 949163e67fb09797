//! Licenses as they are sent: new ones, and what changes of one.

use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::license::{Holder, License, LicenseId, Moment, Validity};

use super::super::body::Patch;
use super::super::fields::{Count, Features, Instant, Label};
use super::super::problem::Problem;

/// A new license of whoever it is written with.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LicenseBody {
    #[serde(default, rename = "type")]
    #[schema(required = false)]
    pub license_type: Label,
    pub sip_numbers: Count,
    /// At most `sip_numbers`.
    #[serde(default)]
    #[schema(required = false)]
    pub mobile_apps: Count,
    #[serde(default)]
    #[schema(required = false)]
    pub features: Features,
    #[serde(default)]
    pub valid_from: Option<Instant>,
    /// Exclusive.
    #[serde(default)]
    pub valid_until: Option<Instant>,
}

/// A new license, and whose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLicense {
    /// The group that gets it; this or `user`.
    #[serde(default)]
    pub group: Option<i64>,
    /// The user who gets it; this or `group`.
    #[serde(default)]
    pub user: Option<i64>,
    #[serde(default, rename = "type")]
    #[schema(required = false)]
    license_type: Label,
    sip_numbers: Count,
    /// At most `sip_numbers`.
    #[serde(default)]
    #[schema(required = false)]
    mobile_apps: Count,
    #[serde(default)]
    #[schema(required = false)]
    features: Features,
    #[serde(default)]
    valid_from: Option<Instant>,
    /// Exclusive.
    #[serde(default)]
    valid_until: Option<Instant>,
}

/// What changes of a license; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LicensePatch {
    #[serde(default, rename = "type")]
    license_type: Option<Label>,
    #[serde(default)]
    sip_numbers: Option<Count>,
    #[serde(default)]
    mobile_apps: Option<Count>,
    #[serde(default)]
    features: Option<Features>,
    /// Null: always.
    #[serde(default)]
    #[schema(required = false, value_type = Option<Instant>)]
    valid_from: Patch<Instant>,
    /// Null: no time limit.
    #[serde(default)]
    #[schema(required = false, value_type = Option<Instant>)]
    valid_until: Patch<Instant>,
}

/// What changes, with instants resolved.
pub(super) struct Edit {
    patch: LicensePatch,
    from: Option<Option<Moment>>,
    until: Option<Option<Moment>>,
}

impl LicenseBody {
    /// The license; `place` is where its fields stand in the body.
    pub fn license(
        self,
        id: LicenseId,
        holder: Holder,
        (zone, now): (Tz, Moment),
        place: &str,
    ) -> Result<License, Problem> {
        let instant = |field: &str, instant: Option<Instant>| {
            let read = instant.map(|instant| instant.resolve(zone, now)).transpose();
            read.map_err(|fault| Problem::field(format!("{place}{field}"), fault))
        };
        let from = instant("valid_from", self.valid_from)?;
        let until = instant("valid_until", self.valid_until)?;
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            let field = format!("{place}valid_until");
            return Err(Problem::field(field, "a license ends after it starts"));
        }
        Ok(License {
            id,
            holder,
            license_type: self.license_type.0,
            sip_numbers: self.sip_numbers.0,
            mobile_apps: self.mobile_apps.0,
            features: self.features.0,
            validity: Validity { from, until },
            suspended: false,
        })
    }
}

impl NewLicense {
    /// The license, without its holder.
    pub fn body(self) -> LicenseBody {
        let Self { license_type, sip_numbers, mobile_apps, features, .. } = self;
        let Self { valid_from, valid_until, .. } = self;
        LicenseBody { license_type, sip_numbers, mobile_apps, features, valid_from, valid_until }
    }
}

impl LicensePatch {
    /// The same with instants resolved.
    pub fn resolve(mut self, zone: Tz, now: Moment) -> Result<Edit, Problem> {
        let instant = |field: &str, patch: Patch<Instant>| {
            let named = patch.named().map(|value| value.map(|at| at.resolve(zone, now)));
            let read = named.map(Option::transpose).transpose();
            read.map_err(|fault| Problem::field(field, fault))
        };
        let from = instant("valid_from", std::mem::take(&mut self.valid_from))?;
        let until = instant("valid_until", std::mem::take(&mut self.valid_until))?;
        Ok(Edit { patch: self, from, until })
    }
}

impl Edit {
    /// Changes a license.
    pub fn apply(self, license: &mut License) {
        let Self { patch, from, until } = self;
        if let Some(Label(label)) = patch.license_type {
            license.license_type = label;
        }
        license.sip_numbers = patch.sip_numbers.map_or(license.sip_numbers, |Count(count)| count);
        license.mobile_apps = patch.mobile_apps.map_or(license.mobile_apps, |Count(count)| count);
        license.features = patch.features.map_or(license.features, |Features(set)| set);
        license.validity.from = from.unwrap_or(license.validity.from);
        license.validity.until = until.unwrap_or(license.validity.until);
    }
}

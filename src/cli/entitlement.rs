//! `entitlement`: asked of the running daemon, else of the database.

use crate::admin::control::Request;
use crate::license::{Action, Feature};
use crate::view::{self, Entitlement};

use super::desk::{Desk, Shown};
use super::draw;
use super::failure::Failure;
use super::live::{Answer, answered, shown};

/// Whether somebody may use or configure a feature, or each of them.
pub async fn run(
    desk: &Desk,
    name: &str,
    feature: Option<Feature>,
    configure: bool,
) -> Result<Shown, Failure> {
    let subject = if name.starts_with("user:") { name.to_owned() } else { desk.number(name)? };
    let action = if configure { Action::Configure } else { Action::Use };
    let features = feature.map_or(Feature::ALL.to_vec(), |feature| vec![feature]);
    let names = features.iter().map(|feature| feature.name().to_owned()).collect();
    let request = Request::Entitlements {
        subject: subject.clone(),
        features: names,
        action: action.name().to_owned(),
    };
    let found: Answer<Vec<Entitlement>> = answered(desk, request, async |offline| {
        let viewer = &desk.author.viewer;
        let found = view::subject(&offline.world, viewer, &subject)?;
        let asked = (subject.as_str(), &found);
        Ok(view::entitlements(&offline.world, viewer, asked, &features, (action, &[]), desk.now))
    })
    .await?;
    let zone = desk.config.time_zone.name();
    shown(&found, draw::entitlements(desk.paint, &found.answer, zone))
}

//! `entitlement`: what may be used is asked of the running daemon, else of the database; who may configure
//! is asked of the database, which knows who is what.

use crate::admin::control::Request;
use crate::license::{Action, Assignment, Feature, Holder, World};
use crate::view::{self, Entitlement, Subject};

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
    let name = if name.starts_with("user:") { name.to_owned() } else { desk.number(name)? };
    let features = feature.map_or(Feature::ALL.to_vec(), |feature| vec![feature]);
    let zone = desk.config.time_zone.name();
    if configure {
        let world = desk.world().await?;
        let subject = view::subject(&world, &desk.author.viewer, &name)?;
        let roles = match subject {
            Subject::Holder(Holder::User(user)) => desk.store.roles_of(user).await?,
            Subject::Holder(Holder::Group(_)) | Subject::Nobody => Vec::new(),
        };
        let how = (Action::Configure, roles.as_slice());
        let answers = answers(desk, &world, (&name, &subject), &features, how);
        let text = draw::entitlements(desk.paint, &answers, zone);
        return Shown::new(&answers, text);
    }
    let names = features.iter().map(|feature| feature.name().to_owned()).collect();
    let request = Request::Entitlements { subject: name.clone(), features: names };
    let found: Answer<Vec<Entitlement>> = answered(desk, request, async |offline| {
        let subject = view::subject(&offline.world, &desk.author.viewer, &name)?;
        let how = (Action::Use, &[][..]);
        Ok(answers(desk, &offline.world, (&name, &subject), &features, how))
    })
    .await?;
    shown(&found, draw::entitlements(desk.paint, &found.answer, zone))
}

fn answers(
    desk: &Desk,
    world: &World,
    subject: (&str, &Subject),
    features: &[Feature],
    how: (Action, &[Assignment]),
) -> Vec<Entitlement> {
    view::entitlements(world, &desk.author.viewer, subject, features, how, desk.now)
}

//! `license renew`: one license, or all of a subtree that end before a date, get a new end together.

use serde_json::json;

use crate::license::distribution::{Change, Warning};
use crate::license::{GroupId, License, LicenseId, Moment, Tree, Validity};
use crate::store;
use crate::view::{self, RenewedRow};

use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::table;
use super::time::When;

/// Which licenses get which end, as it was written.
pub struct Which {
    pub id: Option<i64>,
    pub below: Option<String>,
    pub ending_before: Option<When>,
    pub until: When,
}

/// The same with everything resolved.
#[derive(Clone, Copy)]
enum Renewal {
    One(LicenseId, Moment),
    Below { top: GroupId, before: Moment, until: Moment },
}

/// Does it, or shows what would come of it.
pub async fn run(desk: &Desk, which: Which, dry_run: bool) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let renewal = which.resolve(&tree, desk.now)?;
    let usage = desk.usage().await?;
    if dry_run {
        let change = renewal.change(&tree)?;
        let rows = view::renewal(&tree, &desk.author.viewer, &change);
        let warnings = desk.store.preview(change, desk.terms(&usage)).await;
        return preview(desk, &tree, &rows, warnings);
    }
    let mut rows = Vec::new();
    let make = |tree: &Tree| {
        let change = renewal.change(tree)?;
        rows = view::renewal(tree, &desk.author.viewer, &change);
        Ok(change)
    };
    let written = desk.store.compose(make, desk.terms(&usage)).await?;
    let shown = shown(desk, &tree, &rows, (false, None))?;
    Ok(shown.with_warnings(&written.warnings))
}

fn preview(
    desk: &Desk,
    tree: &Tree,
    rows: &[RenewedRow],
    outcome: store::Result<Vec<Warning>>,
) -> Result<Shown, Failure> {
    match outcome {
        Ok(warnings) => Ok(shown(desk, tree, rows, (true, None))?.with_warnings(&warnings)),
        Err(store::Error::Refused(refused)) => {
            let refused = Failure::from(store::Error::Refused(refused));
            Ok(shown(desk, tree, rows, (true, Some(&refused)))?.with_warnings(&[]))
        }
        Err(fault) => Err(fault.into()),
    }
}

fn shown(
    desk: &Desk,
    tree: &Tree,
    rows: &[RenewedRow],
    (dry_run, refused): (bool, Option<&Failure>),
) -> Result<Shown, Failure> {
    let mut drawn = table(["ID", "Holder", "Ends", "New end"]);
    for row in rows {
        let zone = tree.license(LicenseId(row.id)).map(|one| tree.zone_of_holder(one.holder));
        let zone = zone.unwrap_or(desk.config.time_zone);
        let end = |text: &Option<String>| {
            let at = text.as_ref().and_then(|text| Moment::parse(text, zone, desk.now).ok());
            at.map_or("no time limit".to_owned(), |at| at.in_zone(zone))
        };
        drawn.add_row([
            row.id.to_string(),
            row.holder.clone(),
            end(&row.old_until),
            end(&row.new_until),
        ]);
    }
    let licenses = match rows.len() {
        1 => "1 license".to_owned(),
        more => format!("{more} licenses"),
    };
    let done = match (dry_run, refused) {
        (false, _) => format!("{licenses} renewed"),
        (true, None) => format!("{licenses} would be renewed"),
        (true, Some(refused)) => format!("this would be refused: {}", refused.error),
    };
    let text = if rows.is_empty() {
        "no license ends before that".into()
    } else {
        format!("{drawn}\n{done}")
    };
    let obstacles = refused.map(|refused| &refused.obstacles);
    let json = json!({
        "dry_run": dry_run,
        "licenses": rows,
        "obstacles": obstacles.map_or(json!([]), |obstacles| json!(obstacles)),
        "refused": refused.map(|refused| &refused.error),
    });
    Shown::new(json, text)
}

impl Which {
    fn resolve(self, tree: &Tree, now: Moment) -> Result<Renewal, Failure> {
        let instant = |when: &When, zone| {
            let at = when.resolve(zone, now)?;
            at.ok_or_else(|| Failure::new("a renewal needs an end; none is no end"))
        };
        match (self.id, self.below, self.ending_before) {
            (Some(id), ..) => {
                let id = LicenseId(id);
                let license = tree.license(id);
                let license =
                    license.ok_or_else(|| Failure::new(format!("there is no license {id}")))?;
                Ok(Renewal::One(id, instant(&self.until, tree.zone_of_holder(license.holder))?))
            }
            (None, Some(below), Some(before)) => {
                let top = group_at(tree, &below)?;
                let zone = tree.zone_of(top);
                let (before, until) = (instant(&before, zone)?, instant(&self.until, zone)?);
                Ok(Renewal::Below { top, before, until })
            }
            _ => Err(Failure::new("name a license, or --below with --ending-before")),
        }
    }
}

impl Renewal {
    fn change(self, tree: &Tree) -> store::Result<Change> {
        match self {
            Self::One(id, until) => {
                let gone = || store::Error::NotFound(format!("there is no license {id}"));
                let license = tree.license(id).cloned().ok_or_else(gone)?;
                let validity = Validity { until: Some(until), ..license.validity };
                Ok(Change::All(vec![Change::EditLicense(License { validity, ..license })]))
            }
            Self::Below { top, before, until } => Ok(Change::renewal(tree, top, before, until)),
        }
    }
}

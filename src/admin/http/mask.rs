//! Refusals and warnings as their reader may know them: of a gate that is not theirs to see only where it
//! stands and how much may still be asked for, never its name or its limit.

use crate::license::distribution::{Obstacle, Refused, Warning, WarningKind};
use crate::license::{Moment, SERVER, Tree, Viewer, What};

use super::problem::{ObstacleRow, Problem};
use super::writes::WarningRow;

/// Obstacles that are told in words too.
const TOLD: usize = 3;

/// A refusal.
pub fn refused(tree: &Tree, viewer: &Viewer, refused: Refused) -> Problem {
    if viewer.is_server() {
        return Problem::refused(refused.error, refused.obstacles.iter().map(row).collect());
    }
    if refused.obstacles.is_empty() {
        return Problem::refused(text(tree, viewer, &refused.error), Vec::new());
    }
    let masked = refused.obstacles.iter().map(|obstacle| obstacle_for(tree, viewer, obstacle));
    let (rows, mut told): (Vec<_>, Vec<_>) = masked.unzip();
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    Problem::refused(told.join("; "), rows)
}

/// A warning.
pub fn warning(tree: &Tree, viewer: &Viewer, warning: &Warning) -> WarningRow {
    let kind = match warning.kind {
        WarningKind::Over => "over",
        WarningKind::Revokes => "revokes",
        WarningKind::Removes => "removes",
    };
    let gate = match tree.contains(warning.holder) {
        true => viewer.name_of(tree, warning.holder, None),
        // What was removed was theirs to see.
        false => text(tree, viewer, &warning.gate),
    };
    WarningRow {
        kind: kind.to_owned(),
        text: warning.text.replacen(&warning.gate, &gate, 1),
        gate,
        resource: warning.resource.clone(),
        by: warning.by,
        at: warning.at.rfc3339(),
    }
}

/// An obstacle with all it says.
pub fn row(obstacle: &Obstacle) -> ObstacleRow {
    ObstacleRow {
        gate: obstacle.gate.clone(),
        resource: obstacle.resource.clone(),
        granted: Some(obstacle.granted),
        left: obstacle.left.max(0),
        asked: obstacle.asked,
        last_date_that_fits: obstacle.last_date_that_fits.map(Moment::rfc3339),
    }
}

fn obstacle_for(tree: &Tree, viewer: &Viewer, obstacle: &Obstacle) -> (ObstacleRow, String) {
    // A holder that is only to be written has the name that the writer gave it.
    let is_new = !tree.contains(obstacle.holder);
    let gate = match is_new {
        true => text(tree, viewer, &obstacle.gate),
        false => viewer.name_of(tree, obstacle.holder, None),
    };
    let known = is_new || viewer.may_read(tree, What::Licenses, obstacle.holder).is_ok();
    let obstacle = Obstacle { gate, ..obstacle.clone() };
    if known {
        return (row(&obstacle), obstacle.to_string());
    }
    (ObstacleRow { granted: None, ..row(&obstacle) }, obstacle.without_allowance())
}

/// A text of the rules, in which paths begin where the reader's own groups do.
fn text(tree: &Tree, viewer: &Viewer, text: &str) -> String {
    if viewer.is_server() {
        return text.to_owned();
    }
    let above = viewer.own_tops(tree).into_iter().filter_map(|top| tree.group(top)?.parent);
    let above = above.filter(|above| *above != SERVER);
    above.fold(text.to_owned(), |text, above| {
        text.replace(&format!("{}/", tree.path_name(above)), "")
    })
}

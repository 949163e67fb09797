//! The license state with names in place of ids.

use crate::license::{self, FeatureSet, FeatureStatus, Holder, Moment, Tree, Usage, Viewer};

use super::mask::Eye;
use super::{Allowance, Feature, Figures, NextChange, State};

/// The license state of a holder.
pub fn state(tree: &Tree, holder: Holder, at: Moment, usage: &dyn Usage) -> State {
    state_for(&Viewer::server(), tree, holder, at, usage)
}

/// The license state of a holder as `viewer` may read it: of a gate that is not seen only its place,
/// until when, and how much may still be asked for.
pub fn state_for(
    viewer: &Viewer,
    tree: &Tree,
    holder: Holder,
    at: Moment,
    usage: &dyn Usage,
) -> State {
    let eye = Eye { viewer, tree, subject: holder };
    let state = tree.state(holder, at, usage);
    let path = tree.path(holder);
    let seen: Vec<Holder> = path.iter().copied().filter(|gate| eye.sees(*gate)).collect();
    let next_change = match seen.len() == path.len() {
        true => state.next_change,
        false => tree.next_change(&seen, at),
    };
    State {
        group: eye.name(holder),
        restricted: state.restricted,
        sip_numbers: figures(eye, state.sip_numbers),
        mobile_apps: figures(eye, state.mobile_apps),
        features: state.features.into_iter().map(feature).collect(),
        valid_until: state.valid_until.map(Moment::rfc3339),
        next_change: next_change.map(shown_change),
        status: state.status.name().to_owned(),
        stopped_by: state.stopped_by.map(|gate| eye.name(gate)),
        ends_with: state.ends_with.map(|gate| eye.name(gate)),
        time_zone: tree.zone_of_holder(holder).name().to_owned(),
    }
}

fn figures(eye: Eye<'_>, figures: license::Figures) -> Figures {
    let seen = figures.limit_of.is_none_or(|gate| eye.sees(gate));
    let over = figures.left.filter(|_| seen).map_or(0, |left| (-left).max(0));
    Figures {
        limit: figures.limit.filter(|_| seen),
        used: figures.used,
        in_use: figures.in_use,
        handed_out: figures.handed_out,
        left: figures.left.map(|left| left.max(0)),
        available: figures.available,
        bound_by: figures.bound_by.map(|gate| eye.name(gate)),
        limit_of: figures.limit_of.map(|gate| eye.name(gate)),
        over_by: figures.over_by,
        left_over_by: over,
    }
}

fn feature(state: license::FeatureState) -> (String, Feature) {
    let from = match state.status {
        FeatureStatus::From(at) => Some(at.rfc3339()),
        _ => None,
    };
    let feature = Feature {
        enabled: state.status == FeatureStatus::Enabled,
        until: state.until.map(Moment::rfc3339),
        status: state.status.name().to_owned(),
        from,
    };
    (state.feature.name().to_owned(), feature)
}

fn shown_change(change: license::NextChange) -> NextChange {
    NextChange { at: change.at.rfc3339(), from: allowance(change.from), to: allowance(change.to) }
}

fn allowance(effective: license::Effective) -> Allowance {
    Allowance {
        sip_numbers: effective.sip_numbers,
        mobile_apps: effective.mobile_apps,
        features: names(effective.features),
    }
}

/// The names of features, in the order in which they are listed.
pub(super) fn names(features: FeatureSet) -> Vec<String> {
    features.iter().map(|feature| feature.name().to_owned()).collect()
}

//! The license state with names in place of ids.

use crate::license::{self, FeatureSet, FeatureStatus, Holder, Moment, Tree, Usage};

use super::{Allowance, Feature, Figures, NextChange, State};

/// The license state of a holder.
pub fn state(tree: &Tree, holder: Holder, at: Moment, usage: &dyn Usage) -> State {
    let state = tree.state(holder, at, usage);
    let name = |holder: Option<Holder>| holder.map(|holder| tree.name_of(holder));
    State {
        group: tree.name_of(holder),
        restricted: state.restricted,
        sip_numbers: figures(tree, state.sip_numbers),
        mobile_apps: figures(tree, state.mobile_apps),
        features: state.features.into_iter().map(feature).collect(),
        valid_until: state.valid_until.map(Moment::rfc3339),
        next_change: state.next_change.map(next_change),
        status: state.status.name().to_owned(),
        stopped_by: name(state.stopped_by),
        ends_with: name(state.ends_with),
        time_zone: tree.zone_of_holder(holder).name().to_owned(),
    }
}

fn figures(tree: &Tree, figures: license::Figures) -> Figures {
    Figures {
        limit: figures.limit,
        used: figures.used,
        in_use: figures.in_use,
        handed_out: figures.handed_out,
        left: figures.left.map(|left| left.max(0)),
        available: figures.available,
        bound_by: figures.bound_by.map(|gate| tree.name_of(gate)),
        limit_of: figures.limit_of.map(|gate| tree.name_of(gate)),
        over_by: figures.over_by,
        left_over_by: figures.left.map_or(0, |left| (-left).max(0)),
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

fn next_change(change: license::NextChange) -> NextChange {
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

//! The license state with names in place of ids.

use crate::license::{self, FeatureSet, FeatureStatus, Holder, Moment, Tree, Usage, Viewer};

use super::{Allowance, Feature, Figures, NextChange, State};

/// The license state of a holder.
pub fn state(tree: &Tree, holder: Holder, at: Moment, usage: &dyn Usage) -> State {
    state_for(tree, &Viewer::server(), holder, at, usage)
}

/// The same as its reader may know it: of a gate that they don't see only where it stands.
pub fn state_for(
    tree: &Tree,
    viewer: &Viewer,
    holder: Holder,
    at: Moment,
    usage: &dyn Usage,
) -> State {
    let state = tree.state(holder, at, usage);
    let name_of = |gate: Holder| viewer.name_of(tree, gate, Some(holder));
    let name = |holder: Option<Holder>| holder.map(name_of);
    let figures = |of: license::Figures| {
        let seen = of.limit_of.is_none_or(|gate| viewer.sees(tree, gate));
        figures(&name_of, license::Figures { limit: of.limit.filter(|_| seen), ..of })
    };
    State {
        group: name_of(holder),
        restricted: state.restricted,
        sip_numbers: figures(state.sip_numbers),
        mobile_apps: figures(state.mobile_apps),
        features: state.features.into_iter().map(feature).collect(),
        valid_until: state.valid_until.map(Moment::rfc3339),
        next_change: state
            .next_change
            .map(|change| next_change(as_seen(tree, viewer, holder, at, change))),
        status: state.status.name().to_owned(),
        stopped_by: name(state.stopped_by),
        ends_with: name(state.ends_with),
        time_zone: tree.zone_of_holder(holder).name().to_owned(),
    }
}

fn figures(name_of: &dyn Fn(Holder) -> String, figures: license::Figures) -> Figures {
    Figures {
        limit: figures.limit,
        used: figures.used,
        in_use: figures.in_use,
        handed_out: figures.handed_out,
        left: figures.left.map(|left| left.max(0)),
        available: figures.available,
        bound_by: figures.bound_by.map(name_of),
        limit_of: figures.limit_of.map(name_of),
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

/// A change of allowance without what gates that are not the reader's to see allow.
fn as_seen(
    tree: &Tree,
    viewer: &Viewer,
    holder: Holder,
    now: Moment,
    change: license::NextChange,
) -> license::NextChange {
    let mut path = tree.path(holder);
    let all = path.len();
    path.retain(|gate| viewer.sees(tree, *gate));
    if path.len() == all {
        return change;
    }
    let seen = |at, of: license::Effective| license::Effective {
        features: of.features,
        ..tree.effective(&path, at)
    };
    let license::NextChange { at, from, to } = change;
    license::NextChange { at, from: seen(now, from), to: seen(at, to) }
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

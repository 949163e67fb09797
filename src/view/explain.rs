//! Would a number be admitted now, and which gate binds? Figures and rules are the wire's own.

use crate::license::{
    Cause, Directory, Holder, Moment, NumberKind, Owned, Tree, Usage, Viewer, World,
};

use super::mask::Eye;
use super::{Explain, Gate, NumberUse, Seating, Verdict, valid_until};

/// What each gate above a number says. What the number holds already it need not take.
pub fn explain(
    tree: &Tree,
    directory: &Directory,
    number: &str,
    at: Moment,
    usage: &dyn Seating,
) -> Explain {
    explain_to(&Viewer::server(), (tree, directory), number, at, usage)
}

/// The same as `viewer` may read it: a number that is not theirs to see is unknown, and of a gate that
/// they don't see only its place, its status, until when, and what it refuses for.
pub fn explain_for(
    viewer: &Viewer,
    world: &World,
    number: &str,
    at: Moment,
    usage: &dyn Seating,
) -> Explain {
    explain_to(viewer, (&world.tree, &world.directory), number, at, usage)
}

fn explain_to(
    viewer: &Viewer,
    (tree, directory): (&Tree, &Directory),
    number: &str,
    at: Moment,
    usage: &dyn Seating,
) -> Explain {
    let holds = (usage.has_sip(number), usage.has_app(number));
    // A claim that was left without its group by hand owns nothing.
    let owned = directory.owner_of(number).filter(|owned| tree.contains(owned.holder));
    let owned = owned.filter(|owned| viewer.sees(tree, owned.holder));
    let Some(owned) = owned else { return unknown(number) };
    let eye = Eye { viewer, tree, subject: owned.holder };
    let path = tree.path(owned.holder);
    let judged: Vec<(Holder, Option<Cause>)> =
        path.iter().map(|gate| (*gate, refusal(tree, owned, *gate, at, usage, holds))).collect();
    let lifted = |gate: &Holder| tree.is_monitored(*gate);
    let refusals = judged.iter().filter(|(gate, _)| !lifted(gate));
    let bound = Cause::bound(refusals.filter_map(|(gate, cause)| Some((*gate, (*cause)?))));
    let gates = judged.iter().map(|(gate, cause)| gate_row(eye, owned, *gate, *cause, at, usage));
    Explain {
        number: number.to_owned(),
        verdict: if bound.is_none() { Verdict::Admit } else { Verdict::Refuse },
        cause: bound.map(|(_, cause)| cause.name().to_owned()),
        bound_by: bound.map(|(gate, _)| eye.name(gate)),
        owner: Some(eye.name(owned.holder)),
        kind: Some(owned.kind.name().to_owned()),
        source: Some(source(directory, owned)),
        live: holds.0,
        gates: gates.collect(),
        refusal: None,
    }
}

fn unknown(number: &str) -> Explain {
    Explain {
        number: number.to_owned(),
        verdict: Verdict::Refuse,
        cause: Some(Cause::UnknownNumber.name().to_owned()),
        bound_by: None,
        owner: None,
        kind: None,
        source: None,
        live: false,
        gates: Vec::new(),
        refusal: None,
    }
}

fn source(directory: &Directory, owned: Owned) -> String {
    match owned.claim.and_then(|claim| directory.claim(claim)) {
        Some(claim) => format!("claim {} ({})", claim.id, claim.rule),
        None => "created".to_owned(),
    }
}

/// What one gate alone would refuse for.
fn refusal(
    tree: &Tree,
    owned: Owned,
    gate: Holder,
    at: Moment,
    usage: &dyn Usage,
    (has_sip, has_app): (bool, bool),
) -> Option<Cause> {
    if let Some(cause) = Cause::of_status(tree.gate_status(gate, at)) {
        return Some(cause);
    }
    let allowance = tree.allowance(gate, at);
    let promise = claimed(tree, owned, gate, at, usage);
    let sip_full = usage.sip_seats(gate) >= u64::from(allowance.sip_numbers)
        || promise.is_some_and(|(budget, held)| held >= budget);
    let wants_app = owned.kind == NumberKind::App && !has_app;
    let app_full = usage.app_seats(gate) >= u64::from(allowance.mobile_apps);
    if !has_sip && sip_full {
        Some(Cause::SipLimit)
    } else if wants_app && app_full {
        Some(Cause::AppLimit)
    } else {
        None
    }
}

/// Budget and use of claimed numbers at a gate whose promise binds this number.
fn claimed(
    tree: &Tree,
    owned: Owned,
    gate: Holder,
    at: Moment,
    usage: &dyn Usage,
) -> Option<(u64, u64)> {
    let Holder::Group(group) = owned.holder else { return None };
    if owned.is_created() || !tree.promises(group).contains(&gate) {
        return None;
    }
    Some((u64::from(tree.step_at(gate, at).claimed), usage.promised_seats(gate)))
}

fn gate_row(
    eye: Eye<'_>,
    owned: Owned,
    gate: Holder,
    cause: Option<Cause>,
    at: Moment,
    usage: &dyn Usage,
) -> Gate {
    let tree = eye.tree;
    let seen = eye.sees(gate);
    let (sip_numbers, mobile_apps) = seen.then(|| uses(tree, gate, at, usage)).unzip();
    let claimed = seen.then(|| claimed(tree, owned, gate, at, usage)).flatten();
    let monitor = tree.is_monitored(gate);
    // What an unseen gate lets pass all the same is use of it.
    let cause = cause.filter(|_| seen || !monitor);
    Gate {
        gate: eye.name(gate),
        sip_numbers,
        mobile_apps,
        status: tree.gate_status(gate, at).name().to_owned(),
        valid_until: valid_until(tree, gate, at).map(Moment::rfc3339),
        cause: cause.map(|cause| cause.name().to_owned()),
        claimed: claimed
            .map(|(budget, held)| NumberUse { limit: Some(signed(budget)), in_use: signed(held) }),
        monitor: monitor && seen,
    }
}

/// Limit and use of a holder; one that is no gate has no limit of its own.
pub(super) fn uses(
    tree: &Tree,
    holder: Holder,
    at: Moment,
    usage: &dyn Usage,
) -> (NumberUse, NumberUse) {
    let allowance = tree.is_gate(holder).then(|| tree.allowance(holder, at));
    let sip = NumberUse {
        limit: allowance.map(|allowance| allowance.sip_numbers.into()),
        in_use: signed(usage.sip_seats(holder)),
    };
    let apps = NumberUse {
        limit: allowance.map(|allowance| allowance.mobile_apps.into()),
        in_use: signed(usage.app_seats(holder)),
    };
    (sip, apps)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

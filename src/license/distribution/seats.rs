//! What is in use against what a write leaves: a gate just switched on has to hold it, any other
//! write says how many seats it costs.

use super::check::Comparison;
use super::sums::Finding;
use super::{Obstacle, Warning};
use crate::license::{Allowance, Holder, Resource, Usage};

/// Restriction was switched on: what is in use has to fit.
pub(super) fn in_use(both: &Comparison<'_>, gate: Holder, usage: &dyn Usage) -> Vec<Finding> {
    let Holder::Group(_) = gate else { return Vec::new() };
    if both.before.is_gate(gate) || !both.before.contains(gate) {
        return Vec::new();
    }
    // With an upcoming license only, it is judged at its start.
    let licensed = both.after.is_licensed(gate, both.at);
    let start = both.after.next_start(gate, both.at).filter(|_| !licensed);
    let at = start.unwrap_or(both.at);
    let allowance = both.after.granted_allowance(gate, at);
    let mut findings = Vec::new();
    for resource in [Resource::SipNumbers, Resource::MobileApps] {
        let (granted, asked) = (allowance.of(resource), seats(usage, gate, resource));
        if asked > granted {
            let obstacle = Obstacle {
                gate: both.after.name_of(gate),
                holder: gate,
                resource: resource.name().into(),
                granted: Some(granted),
                left: granted,
                asked,
                last_date_that_fits: None,
            };
            findings.push(Finding::Down { obstacle, over: None, at });
        }
    }
    findings
}

/// How many seats an accepted write costs at one gate.
pub(super) fn revoked(both: &Comparison<'_>, gate: Holder, usage: &dyn Usage) -> Vec<Warning> {
    let was_gate = both.before.is_gate(gate);
    let new = both.after.allowance(gate, both.at);
    let old = if was_gate { both.before.allowance(gate, both.at) } else { UNLIMITED };
    let moved = both.moved.iter().copied();
    let arriving: Vec<Holder> = moved
        .filter(|holder| !both.stood_under(*holder, gate))
        .filter(|holder| both.after.path(*holder).contains(&gate))
        .collect();
    let mut warnings = Vec::new();
    for (resource, what) in
        [(Resource::SipNumbers, "SIP seats"), (Resource::MobileApps, "app seats")]
    {
        let held = seats(usage, gate, resource);
        let coming: i64 = arriving.iter().map(|holder| seats(usage, *holder, resource)).sum();
        let over = (held + coming - new.of(resource)).max(0);
        let was_over = (held - old.of(resource)).max(0);
        if over > was_over {
            warnings.push(Warning::revokes(both.after, gate, what, over, both.at));
        }
    }
    warnings.extend(promise_broken(both, gate, usage));
    warnings
}

/// Claimed numbers hold more than is left to them.
fn promise_broken(both: &Comparison<'_>, gate: Holder, usage: &dyn Usage) -> Option<Warning> {
    let held = signed(usage.promised_seats(gate));
    if held == 0 || !both.before.is_gate(gate) {
        return None;
    }
    let left = |tree: &crate::license::Tree| {
        tree.schedule(gate, both.at).first().map_or(0, |step| i64::from(step.claimed))
    };
    let over = (held - left(both.after)).max(0);
    let was_over = (held - left(both.before)).max(0);
    let what = "SIP seats of claimed numbers";
    (over > was_over).then(|| Warning::revokes(both.after, gate, what, over, both.at))
}

/// What stands in for the allowance of a group without restriction.
const UNLIMITED: Allowance = Allowance {
    sip_numbers: u32::MAX,
    mobile_apps: u32::MAX,
    features: crate::license::FeatureSet::NONE,
};

fn seats(usage: &dyn Usage, holder: Holder, resource: Resource) -> i64 {
    signed(match resource {
        Resource::SipNumbers => usage.sip_seats(holder),
        Resource::MobileApps => usage.app_seats(holder),
    })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

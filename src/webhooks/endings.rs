//! Licenses that come to their end: each webhook is told of each end once, as many days before as it
//! asked for.

use serde_json::json;

use crate::license::{License, Moment, World};
use crate::store::{HookEvent, Queued, Webhook};

use super::{queued, sight};

const DAY_SECS: i64 = 24 * 3600;

/// What the webhooks are to be told of ends, as of `now`; who was told before is sorted out when it
/// is queued.
pub fn endings(hooks: &[Webhook], world: &World, now: Moment) -> Vec<Queued> {
    let mut told = Vec::new();
    for hook in hooks {
        if !hook.enabled || !hook.events.contains(&HookEvent::LicenseEnding) {
            continue;
        }
        let horizon = Moment(now.0.saturating_add(i64::from(hook.days) * DAY_SECS));
        let due = world.tree.licenses().filter(|license| {
            license.validity.until.is_some_and(|until| now < until && until <= horizon)
        });
        let mut due: Vec<&License> = due.collect();
        due.sort_by_key(|license| (license.validity.until, license.id));
        told.extend(due.into_iter().filter_map(|license| ending(hook, license, world, now)));
    }
    told
}

fn ending(hook: &Webhook, license: &License, world: &World, now: Moment) -> Option<Queued> {
    let until = license.validity.until?;
    let group = sight::group_of(&world.tree, hook.group, license.holder)?;
    let data = json!({
        "license": license.id.0,
        "holder": sight::name(&world.tree, hook.group, license.holder),
        "type": license.license_type,
        "sip_numbers": license.sip_numbers,
        "mobile_apps": license.mobile_apps,
        "valid_until": until.rfc3339(),
        "suspended": license.suspended,
    });
    let queued = queued(&world.tree, hook, HookEvent::LicenseEnding, now, (group, data))?;
    let subject = Some((format!("license {} ends {}", license.id, until.0), until));
    Some(Queued { subject, ..queued })
}

//! From what happened to what each webhook is told of it. A flood of refusals becomes one event a
//! minute for a gate, and a bounded number for a webhook; the rest is counted in the next event.

use std::collections::HashMap;

use serde_json::json;

use crate::license::{Cause, Holder, Moment, Resource, SERVER, World};
use crate::store::{HookEvent, Queued, Webhook};
use crate::telemetry::{RefusalLine, escaped};
use crate::view;

use super::{Notice, queued, sight};

/// A gate whose limit is reached is told of once in this time.
const GATE_PAUSE_SECS: i64 = 60;
/// Refused devices that one webhook is told of in a minute.
const DEVICES_A_MINUTE: u32 = 60;
/// Gates and webhooks that are remembered; beyond it those go whose time is over.
const REMEMBERED: usize = 10_000;

/// Turns notices into deliveries.
#[derive(Debug, Default)]
pub struct Teller {
    gates: HashMap<(Holder, Resource), Gate>,
    devices: HashMap<i64, Devices>,
}

/// A gate that refuses.
#[derive(Debug)]
struct Gate {
    told_at: Moment,
    /// Refusals since then.
    refused: u64,
}

/// What a webhook was told of devices in this minute.
#[derive(Debug, Default)]
struct Devices {
    minute: i64,
    told: u32,
    held_back: u64,
}

impl Teller {
    /// What the webhooks are told of a notice.
    pub fn tell(
        &mut self,
        notice: &Notice,
        hooks: &[Webhook],
        world: &World,
        now: Moment,
    ) -> Vec<Queued> {
        match notice {
            Notice::Refused(line) => {
                let mut told = self.limit(line, hooks, world, now);
                told.extend(self.device(line, hooks, world, now));
                told
            }
            Notice::Happened { event, group, data, subject } => {
                let asked = asking(hooks, *event);
                let asked = asked.filter(|hook| world.tree.stands_under(*group, hook.group));
                asked
                    .filter_map(|hook| {
                        let about = (*group, data.clone());
                        let queued = queued(&world.tree, hook, *event, now, about)?;
                        Some(Queued { subject: subject.clone(), ..queued })
                    })
                    .collect()
            }
        }
    }

    /// A gate that refused because its limit is reached: for webhooks at the gate and above it.
    fn limit(
        &mut self,
        line: &RefusalLine,
        hooks: &[Webhook],
        world: &World,
        now: Moment,
    ) -> Vec<Queued> {
        let resource = match line.cause {
            Cause::SipLimit => Resource::SipNumbers,
            Cause::AppLimit => Resource::MobileApps,
            _ => return Vec::new(),
        };
        let gate = line.bound_by.as_deref().and_then(|name| view::find(&world.tree, name).ok());
        let Some(gate) = gate else { return Vec::new() };
        let asked: Vec<_> = asking(hooks, HookEvent::LimitReached)
            .filter_map(|hook| Some((hook, sight::group_of(&world.tree, hook.group, gate)?)))
            .collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let Some(refused) = self.counted(gate, resource, now) else { return Vec::new() };
        let limit = world.tree.allowance(gate, now).of(resource);
        let told = asked.into_iter().filter_map(|(hook, group)| {
            let data = json!({
                "gate": sight::name(&world.tree, hook.group, gate),
                "resource": resource.name(),
                "limit": limit,
                "refused": refused,
            });
            queued(&world.tree, hook, HookEvent::LimitReached, now, (group, data))
        });
        told.collect()
    }

    /// How many refusals a gate is told of now; `None`: it was told of within a minute.
    fn counted(&mut self, gate: Holder, resource: Resource, now: Moment) -> Option<u64> {
        if self.gates.len() >= REMEMBERED {
            self.gates.retain(|_, gate| now.0 - gate.told_at.0 < GATE_PAUSE_SECS);
        }
        match self.gates.get_mut(&(gate, resource)) {
            Some(gate) if now.0 - gate.told_at.0 < GATE_PAUSE_SECS => {
                gate.refused += 1;
                None
            }
            Some(gate) => {
                gate.told_at = now;
                Some(std::mem::take(&mut gate.refused) + 1)
            }
            None => {
                self.gates.insert((gate, resource), Gate { told_at: now, refused: 0 });
                Some(1)
            }
        }
    }

    /// A device that was refused: for webhooks over its number; over one that nobody owns stands the
    /// server alone.
    fn device(
        &mut self,
        line: &RefusalLine,
        hooks: &[Webhook],
        world: &World,
        now: Moment,
    ) -> Vec<Queued> {
        let number = String::from_utf8_lossy(&line.number);
        let owned = world.directory.owner_of(&number);
        let owner = owned.map_or(Holder::Group(SERVER), |owned| owned.holder);
        let gate = line.bound_by.as_deref().and_then(|name| view::find(&world.tree, name).ok());
        let mut told = Vec::new();
        for hook in asking(hooks, HookEvent::DeviceRefused) {
            let Some(group) = sight::group_of(&world.tree, hook.group, owner) else { continue };
            let Some(held_back) = self.room(hook.id, now) else { continue };
            let data = json!({
                "number": escaped(&line.number),
                "kind": owned.map(|owned| owned.kind.name()),
                "cause": line.cause.name(),
                "bound_by": gate.map(|gate| sight::name(&world.tree, hook.group, gate)),
                "method": line.method,
                "source": line.source.to_string(),
                "user_agent": escaped(&line.user_agent),
                "refusal": line.id,
                "held_back": held_back,
            });
            told.extend(queued(&world.tree, hook, HookEvent::DeviceRefused, now, (group, data)));
        }
        told
    }

    /// Whether a webhook may be told of one more device, and how many it was not told of before.
    fn room(&mut self, hook: i64, now: Moment) -> Option<u64> {
        let minute = now.0.div_euclid(60);
        if self.devices.len() >= REMEMBERED {
            self.devices.retain(|_, devices| devices.minute == minute);
        }
        let devices = self.devices.entry(hook).or_default();
        if devices.minute != minute {
            (devices.minute, devices.told) = (minute, 0);
        }
        if devices.told >= DEVICES_A_MINUTE {
            devices.held_back += 1;
            return None;
        }
        devices.told += 1;
        Some(std::mem::take(&mut devices.held_back))
    }
}

/// The webhooks that asked for an event.
fn asking(hooks: &[Webhook], event: HookEvent) -> impl Iterator<Item = &Webhook> {
    hooks.iter().filter(move |hook| hook.enabled && hook.events.contains(&event))
}

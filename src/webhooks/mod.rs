//! Webhooks: what happens under a group is told to whoever asked for it, signed, in order as long as it
//! is taken, and again until it arrives. It takes what it hears through a bounded queue and never slows whoever tells;
//! nothing about groups above or beside the one that is told leaves the house.

mod courier;
mod endings;
mod inbox;
mod notices;
mod reach;
mod run;
mod sight;
mod sign;

pub use courier::{Courier, Fault};
pub use inbox::{Inbox, Notice, Notices};
pub use notices::Teller;
pub use reach::{checked_url, is_public};
pub use run::{Parts, run};
pub use sign::{SIGNATURE, signature};

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::license::{GroupId, Moment, Tree};
use crate::store::{HookEvent, Queued, Webhook};

/// A new key for the signatures of a webhook.
pub fn new_secret() -> Result<String, String> {
    Ok(format!("whsec_{}", random_hex::<32>()?))
}

/// A delivery that only says that deliveries arrive.
pub fn test_payload(tree: &Tree, hook: &Webhook, at: Moment) -> Result<String, String> {
    let data = json!({"webhook": hook.id});
    payload(tree, hook, HookEvent::Test, at, (hook.group, data))
}

/// The body of a delivery: an event in a group, told to a webhook that may know of it.
fn payload(
    tree: &Tree,
    hook: &Webhook,
    event: HookEvent,
    at: Moment,
    (group, data): (GroupId, Value),
) -> Result<String, String> {
    let id = format!("evt_{}", random_hex::<16>()?);
    let path = sight::path(tree, hook.group, group);
    let group = json!({"id": group.0, "path": path});
    let json = json!({
        "id": id, "event": event.name(), "at": at.rfc3339(), "group": group, "data": data,
    });
    Ok(json.to_string())
}

/// The same as it waits for its turn; what cannot be made is left out and logged.
fn queued(
    tree: &Tree,
    hook: &Webhook,
    event: HookEvent,
    at: Moment,
    about: (GroupId, Value),
) -> Option<Queued> {
    match payload(tree, hook, event, at, about) {
        Ok(payload) => {
            Some(Queued { webhook: hook.id, event: event.name(), payload, subject: None })
        }
        Err(fault) => {
            tracing::error!(%fault, webhook = hook.id, "an event could not be told");
            None
        }
    }
}

fn random_hex<const N: usize>() -> Result<String, String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|fault| format!("no random bytes: {fault}"))?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

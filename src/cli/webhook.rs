//! `webhook …`

use serde_json::{Value, json};

use crate::license::{NoSeats, Tree};
use crate::store::{Delivery, Due, HookEvent, NewWebhook, Webhook};
use crate::webhooks::{Courier, new_secret, test_payload};

use super::args::WebhookCommand;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::{or_dash, table};

/// Deliveries that are listed.
const LISTED: usize = 100;

/// Does what was asked.
pub async fn run(desk: &Desk, command: WebhookCommand) -> Result<Shown, Failure> {
    match command {
        WebhookCommand::Add { url, group, events, days } => {
            add(desk, url, &group, (events, days)).await
        }
        WebhookCommand::List => list(desk).await,
        WebhookCommand::Enable { id } => switch(desk, id, true).await,
        WebhookCommand::Disable { id } => switch(desk, id, false).await,
        WebhookCommand::Remove { id } => {
            desk.store.remove_webhook(id, &desk.author, desk.now).await?;
            Shown::new(json!({"id": id}), format!("webhook {id} removed"))
        }
        WebhookCommand::Test { id } => test(desk, id).await,
        WebhookCommand::Deliveries { id } => deliveries(desk, id).await,
    }
}

async fn add(
    desk: &Desk,
    url: String,
    group: &str,
    (mut events, days): (Vec<HookEvent>, u32),
) -> Result<Shown, Failure> {
    let trusted = desk.author.viewer.is_server();
    courier(desk)?.accepts(&url, trusted)?;
    let group = group_at(&desk.tree().await?, group)?;
    events.sort_unstable();
    events.dedup();
    let secret = new_secret()?;
    let new = NewWebhook { group, url, events, days, secret: secret.clone() };
    let hook = desk.store.add_webhook(new, desk.terms(&NoSeats)).await?.record;
    let id = hook.id;
    let mut json = row(&desk.tree().await?, &hook);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("secret".into(), Value::String(secret.clone()));
    }
    let text = format!("webhook {id} added; its secret, shown only now:\n{secret}");
    Shown::new(json, text)
}

async fn switch(desk: &Desk, id: i64, enabled: bool) -> Result<Shown, Failure> {
    desk.store.enable_webhook(id, enabled, &desk.author, desk.now).await?;
    let (hook, _) = desk.store.webhook(id, &desk.author.viewer).await?;
    let done = if enabled { "enabled" } else { "disabled" };
    Shown::new(row(&desk.tree().await?, &hook), format!("webhook {id} {done}"))
}

async fn list(desk: &Desk) -> Result<Shown, Failure> {
    let hooks = desk.store.webhooks(&desk.author.viewer).await?;
    let tree = desk.tree().await?;
    let mut drawn = table(["ID", "Group", "URL", "Events", "Days", "Status", "Dropped"]);
    for hook in &hooks {
        drawn.add_row([
            hook.id.to_string(),
            tree.path_name(hook.group),
            hook.url.clone(),
            names(hook).join(", "),
            hook.days.to_string(),
            desk.paint.status(if hook.enabled { "enabled" } else { "off" }),
            hook.dropped.to_string(),
        ]);
    }
    let text = if hooks.is_empty() { "no webhooks".to_owned() } else { drawn.to_string() };
    Shown::new(hooks.iter().map(|hook| row(&tree, hook)).collect::<Vec<_>>(), text)
}

/// The delivery does not wait for those that are queued, and is not tried again.
async fn test(desk: &Desk, id: i64) -> Result<Shown, Failure> {
    let (hook, secret) = desk.store.webhook(id, &desk.author.viewer).await?;
    let payload = test_payload(&desk.tree().await?, &hook, desk.now)?;
    let due = Due { id: 0, url: hook.url, secret, trusted: hook.trusted, payload };
    let attempt = courier(desk)?.send(&due, desk.now).await;
    match attempt.error {
        None => {
            let status = attempt.status.unwrap_or_default();
            Shown::new(
                json!({"id": id, "status": status}),
                format!("webhook {id} answered {status}"),
            )
        }
        Some(error) => Err(Failure::new(format!("webhook {id}: {error}"))),
    }
}

async fn deliveries(desk: &Desk, id: i64) -> Result<Shown, Failure> {
    let found = desk.store.deliveries(id, None, LISTED, &desk.author.viewer).await?;
    let mut drawn = table(["ID", "Time", "Event", "State", "Attempts", "Answer"]);
    for one in &found {
        let answer = one.last_error.clone().or(one.last_status.map(|status| status.to_string()));
        drawn.add_row([
            one.id.to_string(),
            one.created_at.in_zone(desk.config.time_zone),
            one.event.clone(),
            one.state.clone(),
            one.attempts.to_string(),
            or_dash(answer.as_deref()),
        ]);
    }
    let text = if found.is_empty() { "no deliveries".to_owned() } else { drawn.to_string() };
    Shown::new(found.iter().map(delivery_row).collect::<Vec<_>>(), text)
}

fn courier(desk: &Desk) -> Result<Courier, Failure> {
    Courier::new(desk.config.webhooks.allow_private)
        .map_err(|fault| Failure::new(fault.to_string()))
}

fn names(hook: &Webhook) -> Vec<&'static str> {
    hook.events.iter().map(|event| event.name()).collect()
}

fn row(tree: &Tree, hook: &Webhook) -> Value {
    json!({
        "id": hook.id,
        "group": tree.path_name(hook.group),
        "url": hook.url,
        "events": names(hook),
        "days": hook.days,
        "enabled": hook.enabled,
        "created_by": hook.created_by,
        "created_at": hook.created_at.rfc3339(),
        "dropped": hook.dropped,
    })
}

fn delivery_row(one: &Delivery) -> Value {
    json!({
        "id": one.id,
        "event": one.event,
        "state": one.state,
        "attempts": one.attempts,
        "created_at": one.created_at.rfc3339(),
        "next_attempt_at": (one.state == "queued").then(|| one.next_attempt_at.rfc3339()),
        "last_status": one.last_status,
        "last_error": one.last_error,
        "payload": serde_json::from_str::<Value>(&one.payload).unwrap_or_default(),
    })
}

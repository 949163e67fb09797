//! Webhooks as records: who is told of what happens under a group. Administrators have those of their
//! own groups and below; each write of one is in the record of changes, its secret never.

mod deliveries;

use serde_json::{Value, json};

use crate::license::{GroupId, Holder, Moment, Tree, Viewer};

use super::audit::{self, Entry, Made};
use super::sql::{Conn, sql};
use super::write::{answered, keep};
use super::{Author, Error, Issued, Result, Store, Terms, tree};

pub use deliveries::{Attempt, Delivery, Due, Queued};

/// Webhooks of one group: more are a mistake, or an attack.
const MOST: i64 = 50;
/// The longest notice of an end, in days.
pub const LONGEST_NOTICE: u32 = 3650;

/// What a webhook is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookEvent {
    /// A gate refused because its limit is reached.
    LimitReached,
    /// A license comes to its end.
    LicenseEnding,
    /// A device of a number was refused, whatever for.
    DeviceRefused,
    /// Somebody tries whether deliveries arrive.
    Test,
}

/// A webhook without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: i64,
    pub group: GroupId,
    pub url: String,
    pub events: Vec<HookEvent>,
    /// How many days before its end a license is told of.
    pub days: u32,
    pub enabled: bool,
    pub created_by: String,
    /// Made by a server administrator: it may lead to addresses that are not public.
    pub trusted: bool,
    pub created_at: Moment,
    /// Deliveries that gave way to newer ones.
    pub dropped: i64,
}

/// A webhook to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    pub group: GroupId,
    pub url: String,
    pub events: Vec<HookEvent>,
    pub days: u32,
    /// The key of the signature.
    pub secret: String,
}

/// What changes of a webhook; the rest stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookEdit {
    /// While it is off nothing is queued for it.
    pub enabled: Option<bool>,
    pub events: Option<Vec<HookEvent>>,
    pub days: Option<u32>,
}

impl HookEvent {
    /// Those that can be asked for.
    pub const ALL: &'static [Self] =
        &[Self::LimitReached, Self::LicenseEnding, Self::DeviceRefused];

    /// The word for it in JSON, SQL and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::LimitReached => "limit_reached",
            Self::LicenseEnding => "license_ending",
            Self::DeviceRefused => "device_refused",
            Self::Test => "test",
        }
    }
}

impl std::str::FromStr for HookEvent {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.iter().find(|event| event.name() == text).copied();
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|event| event.name()).collect();
            format!("no event is called {text:?}; there are {}", names.join(", "))
        })
    }
}

impl Store {
    /// Adds a webhook. Added a second time under the same key, it is the one that was added, whose
    /// secret is not the new one.
    pub async fn add_webhook(&self, new: NewWebhook, terms: Terms<'_>) -> Result<Issued<Webhook>> {
        let by = terms.by;
        fault(&new.events, new.days).map_or(Ok(()), |fault| Err(Error::Invalid(fault)))?;
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let tree = tree::current(self, conn).await?;
        if let Some((ids, _)) = answered(conn, terms).await? {
            let id = ids.first().copied().unwrap_or_default();
            let record = own(conn, &tree, id, &by.viewer).await?;
            return Ok(Issued { record, replayed: true });
        }
        by.viewer.may_webhook(&tree, new.group)?;
        let (held,): (i64,) = sql("select count(*) from webhooks where group_id = ?")
            .bind(new.group.0)
            .one(conn)
            .await?;
        if held >= MOST {
            return Err(Error::Invalid(format!("a group has at most {MOST} webhooks")));
        }
        let (id,): (i64,) =
            sql("insert into webhooks (group_id, url, secret, events, days, created_by,
                trusted, created_at) values (?, ?, ?, ?, ?, ?, ?, ?) returning id")
            .bind(new.group.0)
            .bind(&*new.url)
            .bind(&*new.secret)
            .bind(names(&new.events))
            .bind(i64::from(new.days))
            .bind(&*by.who)
            .bind(by.viewer.is_server())
            .bind(terms.at.0)
            .one(conn)
            .await?;
        let after = one(conn, id).await?;
        note(conn, &tree, terms.made(), "add", (None, Some(&after))).await?;
        keep(conn, terms, (&[id], &[])).await?;
        writing.commit().await?;
        Ok(Issued { record: after, replayed: false })
    }

    /// Removes a webhook and what it was still to be told.
    pub async fn remove_webhook(&self, id: i64, by: &Author, at: Moment) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let tree = tree::current(self, conn).await?;
        let before = own(conn, &tree, id, &by.viewer).await?;
        sql("delete from webhooks where id = ?").bind(id).execute(conn).await?;
        note(conn, &tree, Made { by, at, forced: false }, "remove", (Some(&before), None)).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Changes a webhook; where it leads and whose it is stay.
    pub async fn edit_webhook(
        &self,
        id: i64,
        edit: WebhookEdit,
        by: &Author,
        at: Moment,
    ) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let tree = tree::current(self, conn).await?;
        let before = own(conn, &tree, id, &by.viewer).await?;
        let after = edit.of(&before);
        fault(&after.events, after.days).map_or(Ok(()), |fault| Err(Error::Invalid(fault)))?;
        if before != after {
            sql("update webhooks set enabled = ?, events = ?, days = ? where id = ?")
                .bind(after.enabled)
                .bind(names(&after.events))
                .bind(i64::from(after.days))
                .bind(id)
                .execute(conn)
                .await?;
            let sides = (Some(&before), Some(&after));
            note(conn, &tree, Made { by, at, forced: false }, "edit", sides).await?;
        }
        writing.commit().await?;
        Ok(())
    }

    /// Switches a webhook on or off; while it is off nothing is queued for it.
    pub async fn enable_webhook(
        &self,
        id: i64,
        enabled: bool,
        by: &Author,
        at: Moment,
    ) -> Result<()> {
        let edit = WebhookEdit { enabled: Some(enabled), ..WebhookEdit::default() };
        self.edit_webhook(id, edit, by, at).await
    }

    /// The webhooks that `viewer` administers, by id.
    pub async fn webhooks(&self, viewer: &Viewer) -> Result<Vec<Webhook>> {
        let own = viewer.administered_groups()?;
        let mut conn = self.reading().await?;
        let mut found = all(&mut conn, None).await?;
        if !viewer.is_server() {
            let tree = tree::current(self, &mut conn).await?;
            found.retain(|hook| own.iter().any(|own| tree.stands_under(hook.group, *own)));
        }
        Ok(found)
    }

    /// A webhook and the key of its signature, for whoever administers it.
    pub async fn webhook(&self, id: i64, viewer: &Viewer) -> Result<(Webhook, String)> {
        let mut conn = self.reading().await?;
        let tree = tree::current(self, &mut conn).await?;
        let hook = own(&mut conn, &tree, id, viewer).await?;
        let (secret,) =
            sql("select secret from webhooks where id = ?").bind(id).one(&mut conn).await?;
        Ok((hook, secret))
    }

    /// The last deliveries of a webhook, newest first; those below the id `before`.
    pub async fn deliveries(
        &self,
        id: i64,
        before: Option<i64>,
        limit: usize,
        viewer: &Viewer,
    ) -> Result<Vec<Delivery>> {
        let mut conn = self.reading().await?;
        let tree = tree::current(self, &mut conn).await?;
        own(&mut conn, &tree, id, viewer).await?;
        deliveries::of(&mut conn, id, before, limit).await
    }
}

impl WebhookEdit {
    fn of(self, hook: &Webhook) -> Webhook {
        Webhook {
            enabled: self.enabled.unwrap_or(hook.enabled),
            events: self.events.unwrap_or_else(|| hook.events.clone()),
            days: self.days.unwrap_or(hook.days),
            ..hook.clone()
        }
    }
}

/// A webhook that `viewer` administers.
async fn own(conn: &mut Conn, tree: &Tree, id: i64, viewer: &Viewer) -> Result<Webhook> {
    let hook = one(conn, id).await?;
    // Whoever may not have it does not learn whether it is there.
    match viewer.may_webhook(tree, hook.group) {
        Ok(()) => Ok(hook),
        Err(_) => Err(Error::not_found("webhook", id)),
    }
}

async fn one(conn: &mut Conn, id: i64) -> Result<Webhook> {
    all(conn, Some(id)).await?.pop().ok_or_else(|| Error::not_found("webhook", id))
}

type Columns = (i64, i64, String, String, i64, bool, String, bool, i64, i64);

async fn all(conn: &mut Conn, id: Option<i64>) -> Result<Vec<Webhook>> {
    let mut select = sql("select id, group_id, url, events, days, enabled, created_by, trusted, \
         created_at, dropped from webhooks");
    if let Some(id) = id {
        select.push(" where id = ").push_bind(id);
    }
    select.push(" order by id");
    let found: Vec<Columns> = select.all(conn).await?;
    Ok(found.into_iter().map(webhook).collect())
}

fn webhook(columns: Columns) -> Webhook {
    let (id, group, url, events, days, enabled, created_by, trusted, created_at, dropped) = columns;
    Webhook {
        id,
        group: GroupId(group),
        url,
        events: events.split(',').filter_map(|name| name.parse().ok()).collect(),
        days: u32::try_from(days).unwrap_or_default(),
        enabled,
        created_by,
        trusted,
        created_at: Moment(created_at),
        dropped,
    }
}

fn names(events: &[HookEvent]) -> String {
    events.iter().map(|event| event.name()).collect::<Vec<_>>().join(",")
}

/// What the columns cannot hold. Where the URL leads is for whoever delivers to judge.
fn fault(events: &[HookEvent], days: u32) -> Option<String> {
    if events.is_empty() || events.contains(&HookEvent::Test) {
        return Some("a webhook needs an event".into());
    }
    if !(1..=LONGEST_NOTICE).contains(&days) {
        return Some(format!("the days before an end are 1 to {LONGEST_NOTICE}"));
    }
    None
}

async fn note(
    conn: &mut Conn,
    tree: &Tree,
    made: Made<'_>,
    action: &'static str,
    (before, after): (Option<&Webhook>, Option<&Webhook>),
) -> Result<()> {
    let Some(hook) = after.or(before) else { return Ok(()) };
    let holder = Holder::Group(hook.group);
    let json = |hook: &Webhook| -> Value {
        json!({
            "group": audit::reference(tree, holder),
            "url": hook.url,
            "events": hook.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
            "days": hook.days,
            "enabled": hook.enabled,
        })
    };
    let sides = (before.map(json), after.map(json));
    let scopes = tree.ancestry(holder);
    let entry = Entry::new(action, "webhook", hook.id, hook.url.clone(), sides, scopes);
    audit::record(conn, made, &[entry]).await
}

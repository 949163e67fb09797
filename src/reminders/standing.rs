//! How a group's reminder stands, for people and programs: as it is set, whom it tells, which mails
//! come. A viewer learns of no address that belongs to a group they may not see.

use chrono::NaiveTime;
use serde::Serialize;

use super::plan::plan;
use super::recipients::{Sees, recipients};
use crate::license::{GroupId, Holder, Moment, Reminder, Tree, Viewer};
use crate::store::{MailRow, NewMails, Result, Store};

/// Mails that are listed, at most.
const MOST_LISTED: usize = 100;

/// A reminder and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub group_id: i64,
    pub group: String,
    pub enabled: bool,
    pub days: u32,
    pub every: &'static str,
    pub also: Vec<String>,
    pub users: bool,
    /// Addresses that are mailed; administrators of a group that may not be seen are counted as one
    /// "administrators of a group above".
    pub recipients: Vec<String>,
    pub next: Vec<UpcomingMail>,
}

/// A mail that will be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpcomingMail {
    /// When; that of a mail that is due already lies in the past.
    pub at: String,
    /// The end that it is about.
    pub due_end: String,
    /// The same for people, in the group's zone.
    #[serde(skip)]
    pub at_shown: String,
    #[serde(skip)]
    pub due_end_shown: String,
}

/// A mail that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailShape {
    pub id: i64,
    pub group_id: i64,
    pub group: String,
    pub event: String,
    pub due_end: String,
    /// The day of the series, as 2024-11-24.
    pub date: String,
    pub address: String,
    pub state: &'static str,
    pub attempts: i64,
    pub made_at: String,
    /// When it is tried next, while it is queued.
    pub next_attempt_at: Option<String>,
    pub sent_at: Option<String>,
    pub error: Option<String>,
}

/// How a reminder stands at `now`; mails leave at `clock`.
pub async fn standing(
    store: &Store,
    tree: &Tree,
    reminder: &Reminder,
    clock: NaiveTime,
    now: Moment,
    viewer: &Viewer,
) -> Result<Standing> {
    let group = reminder.group;
    let groups: Vec<GroupId> = tree.lineage(group).map(|group| group.id).collect();
    let administrators = store.administrators(&groups).await?;
    let mut told = Vec::new();
    for recipient in recipients(tree, reminder, &administrators) {
        let told_to = match recipient.sees {
            Sees::From(top) if !viewer.sees(tree, Holder::Group(top)) => {
                "administrators of a group above".to_owned()
            }
            _ => recipient.address,
        };
        if !told.contains(&told_to) {
            told.push(told_to);
        }
    }
    let mut next = at_once(store, tree, reminder, clock, now).await?;
    next.extend(upcoming(tree, reminder, clock, now));
    next.sort_by(|a, b| (&a.at, &a.due_end).cmp(&(&b.at, &b.due_end)));
    next.truncate(MOST_LISTED);
    Ok(Standing {
        group_id: group.0,
        group: tree.path_name(group),
        enabled: reminder.enabled,
        days: reminder.days,
        every: reminder.every.name(),
        also: reminder.also.clone(),
        users: reminder.users,
        recipients: told,
        next,
    })
}

/// A mail as it is listed.
pub fn mail_shape(tree: &Tree, mail: &MailRow) -> MailShape {
    let waits = mail.state == crate::store::MailState::Queued;
    MailShape {
        id: mail.id,
        group_id: mail.group.0,
        group: tree.path_name(mail.group),
        event: mail.event.clone(),
        due_end: mail.due_end.rfc3339(),
        date: mail.day.clone(),
        address: mail.address.clone(),
        state: mail.state.name(),
        attempts: mail.attempts,
        made_at: mail.made_at.rfc3339(),
        next_attempt_at: waits.then(|| mail.next_attempt_at.rfc3339()),
        sent_at: mail.sent_at.map(Moment::rfc3339),
        error: mail.error.clone(),
    }
}

/// Mails whose day has come and that nobody has made yet.
async fn at_once(
    store: &Store,
    tree: &Tree,
    reminder: &Reminder,
    clock: NaiveTime,
    now: Moment,
) -> Result<Vec<UpcomingMail>> {
    let mut found = Vec::new();
    for due in plan(tree, std::slice::from_ref(reminder), clock, now).due {
        let (series, day, due_at) = (due.series, due.day, due.due_at);
        let mails = NewMails { series, day, due_at, addresses: Vec::new() };
        if !store.has_mails(&mails, now).await? {
            found.push(mail(tree, reminder.group, due_at, series.due_end));
        }
    }
    Ok(found)
}

fn upcoming(tree: &Tree, reminder: &Reminder, clock: NaiveTime, now: Moment) -> Vec<UpcomingMail> {
    if !reminder.enabled {
        return Vec::new();
    }
    let zone = tree.zone_of(reminder.group);
    let ends = tree.due_ends(reminder.group, now);
    let dates = ends.iter().flat_map(|end| {
        let dates = reminder.dates(end.at, zone, clock).into_iter();
        dates.map(move |date| (date.at, end.at))
    });
    let later = dates.filter(|(at, _)| *at > now);
    later.map(|(at, end)| mail(tree, reminder.group, at, end)).collect()
}

fn mail(tree: &Tree, group: GroupId, at: Moment, end: Moment) -> UpcomingMail {
    let zone = tree.zone_of(group);
    UpcomingMail {
        at: at.rfc3339(),
        due_end: end.rfc3339(),
        at_shown: at.in_zone(zone),
        due_end_shown: end.in_zone(zone),
    }
}

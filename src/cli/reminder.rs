//! `reminder …`

use crate::license::{Reminder, Tree};
use crate::reminders::{Standing, standing};

use super::args::ReminderCommand;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::table;

/// Does what was asked.
pub async fn run(desk: &Desk, command: ReminderCommand) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let usage = crate::license::NoSeats;
    match command {
        ReminderCommand::Set { path, days, every, also, users } => {
            let group = group_at(&tree, &path)?;
            let reminder = Reminder { group, days, every, also, users, enabled: true };
            desk.store.set_reminder(&reminder, desk.terms(&usage)).await?;
            Ok(shown(desk, &tree, &reminder).await?.with_note(no_server(desk)))
        }
        ReminderCommand::Off { path } => {
            let group = group_at(&tree, &path)?;
            desk.store.switch_reminder_off(group, desk.terms(&usage)).await?;
            let reminder = desk.store.reminder(group).await?;
            shown(desk, &tree, &reminder.ok_or_else(|| none(&path))?).await
        }
        ReminderCommand::Show { path } => {
            let reminder = desk.store.reminder(group_at(&tree, &path)?).await?;
            let shown = shown(desk, &tree, &reminder.ok_or_else(|| none(&path))?).await?;
            Ok(shown.with_note(no_server(desk)))
        }
    }
}

fn none(path: &str) -> Failure {
    Failure::new(format!("{path} has no reminder"))
}

fn no_server(desk: &Desk) -> Option<String> {
    let lacks = desk.config.mail.is_none();
    lacks.then(|| "no mails are sent: the config has no [mail] section".to_owned())
}

async fn shown(desk: &Desk, tree: &Tree, reminder: &Reminder) -> Result<Shown, Failure> {
    let clock = desk.config.reminders.at;
    let viewer = &desk.author.viewer;
    let standing = standing(&desk.store, tree, reminder, clock, desk.now, viewer).await?;
    let text = told(desk, &standing);
    Shown::new(standing, text)
}

fn told(desk: &Desk, standing: &Standing) -> String {
    let Standing { group, days, every, .. } = standing;
    if !standing.enabled {
        return format!("reminder of {group}: off ({days} days before, {every})");
    }
    let mut text = format!("reminder of {group}: {days} days before, {every}");
    let recipients = match standing.recipients.as_slice() {
        [] => "nobody: no administrator has an address, and none is named".to_owned(),
        some => some.join(", "),
    };
    text.push_str(&format!("\nto: {recipients}"));
    if standing.users {
        text.push_str("\nusers are told too");
    }
    if standing.next.is_empty() {
        text.push_str("\nno mail is to come: nothing ends");
        return text;
    }
    let mut rows = table(["Mail", "About the end"]);
    for mail in &standing.next {
        rows.add_row([mail.at_shown.clone(), mail.due_end_shown.clone()]);
    }
    format!("{text}\n\n{}\n{rows}", desk.paint.bold("Next mails"))
}

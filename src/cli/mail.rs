//! `mail …`

use std::path::Path;

use serde_json::json;

use crate::license::{NoSeats, Tree};
use crate::reminders::{self, Event, MailShape, mail_shape};
use crate::store::TemplateRow;

use super::args::{MailCommand, TemplateCommand};
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::table;

/// Does what was asked.
pub async fn run(desk: &Desk, command: MailCommand) -> Result<Shown, Failure> {
    match command {
        MailCommand::Preview { path, event, html } => preview(desk, &path, event, html).await,
        MailCommand::Test { to } => test(desk, &to).await,
        MailCommand::List { path, state, limit } => {
            let tree = desk.tree().await?;
            let top = path.map(|path| group_at(&tree, &path)).transpose()?;
            let mails = desk.store.mails(top, state, None, limit).await?;
            list(mails.iter().map(|mail| mail_shape(&tree, mail)).collect())
        }
        MailCommand::Template(command) => template(desk, command).await,
    }
}

async fn preview(desk: &Desk, path: &str, event: Event, html: bool) -> Result<Shown, Failure> {
    let tree: Tree = desk.tree().await?;
    let group = group_at(&tree, path)?;
    let mail = reminders::preview(&desk.store, &tree, group, event, desk.now).await?;
    let text = if html {
        mail.html.clone()
    } else {
        format!("{} {}\n\n{}", desk.paint.bold("Subject:"), mail.subject, mail.text)
    };
    let json = json!({"event": event.name(), "subject": mail.subject, "text": mail.text, "html": mail.html});
    Shown::new(json, text.trim_end())
}

async fn test(desk: &Desk, to: &str) -> Result<Shown, Failure> {
    let Some(mail) = &desk.config.mail else {
        return Err(Failure::new("no mails are sent: the config has no [mail] section"));
    };
    let sent = reminders::send_test(&desk.store, mail, to, desk.now).await;
    sent.map_err(|fault| Failure::new(fault.to_string()))?;
    let server = mail.smtp.to_string();
    let text = format!("test mail to {to} handed to {server}");
    Shown::new(json!({"to": to, "server": server}), text)
}

fn list(mails: Vec<MailShape>) -> Result<Shown, Failure> {
    let mut rows = table(["Date", "Group", "To", "State", "Ends", "Error"]);
    for mail in &mails {
        rows.add_row([
            mail.date.clone(),
            mail.group.clone(),
            mail.address.clone(),
            mail.state.to_owned(),
            mail.due_end.clone(),
            mail.error.clone().unwrap_or_default(),
        ]);
    }
    let text = if mails.is_empty() { "no mails".to_owned() } else { rows.to_string() };
    Shown::new(mails, text)
}

async fn template(desk: &Desk, command: TemplateCommand) -> Result<Shown, Failure> {
    let event = match command {
        TemplateCommand::Show { event } => event,
        TemplateCommand::Set { event, subject, text, html } => {
            let (old, _) = reminders::template(&desk.store, event).await?;
            let template = TemplateRow {
                subject: subject.unwrap_or(old.subject),
                text: text.map_or(Ok(old.text), |file| read(&file))?,
                html: html.map_or(Ok(old.html), |file| read(&file))?,
            };
            reminders::set_template(&desk.store, event, &template, desk.terms(&NoSeats)).await?;
            event
        }
        TemplateCommand::Reset { event } => {
            desk.store.set_template(event.name(), None, desk.terms(&NoSeats)).await?;
            event
        }
    };
    let (template, changed) = reminders::template(&desk.store, event).await?;
    let TemplateRow { subject, text, html } = template;
    let heading = |name| desk.paint.bold(name);
    let which = if changed { "changed" } else { "built-in" };
    let told = format!(
        "{} ({which})\n\n{}\n{subject}\n\n{}\n{text}\n{}\n{html}",
        event.name(),
        heading("Subject"),
        heading("Text"),
        heading("HTML"),
    );
    let json = json!({
        "event": event.name(), "changed": changed, "subject": subject, "text": text, "html": html
    });
    Shown::new(json, told.trim_end())
}

fn read(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file);
    text.map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

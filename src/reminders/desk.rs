//! What administrators do with mails besides setting reminders: see one before it goes out, send one to
//! themselves, change a template.

use super::envelope::{letter, message_id};
use super::letter::Variables;
use super::post::rendered;
use super::recipients::{Recipient, Sees};
use super::smtp::{Fault, Session};
use super::template::{Event, Rendered, TemplateFault, check};
use crate::config;
use crate::license::{GroupId, Moment, Tree};
use crate::store::{Error, Result, Store, TemplateRow, Terms};

/// Why a test mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum TestFault {
    #[error(transparent)]
    Store(#[from] Error),
    #[error("{0}")]
    Address(String),
    #[error("not sent: {0}")]
    Smtp(#[from] Fault),
}

/// The mail about the group's next due end as its administrator would read it now; an example where
/// nothing ends.
pub async fn preview(
    store: &Store,
    tree: &Tree,
    group: GroupId,
    event: Event,
    now: Moment,
) -> Result<Rendered> {
    let address = "administrator@example.com".to_owned();
    let recipient = Recipient { address, sees: Sees::From(group) };
    let variables = match tree.due_ends(group, now).first() {
        Some(due) => Variables::of(tree, group, due, &recipient, now),
        None => Variables { recipient: recipient.address, ..Variables::sample() },
    };
    rendered(store, event, &variables).await
}

/// Sends a test mail at once, past the queue.
pub async fn send_test(
    store: &Store,
    mail: &config::Mail,
    to: &str,
    now: Moment,
) -> std::result::Result<(), TestFault> {
    let variables = Variables { recipient: to.to_owned(), ..Variables::sample() };
    let rendered = rendered(store, Event::Test, &variables).await?;
    let id = message_id(&mail.from, &["test", to, &now.0.to_string()]);
    let letter = letter(&mail.from, to, id, rendered, now).map_err(TestFault::Address)?;
    let mut session = Session::open(mail).await?;
    session.offer(&letter.from, &letter.to).await?;
    session.hand_over(&letter.content).await?;
    session.close().await;
    Ok(())
}

/// The template of an event as it holds, and whether somebody changed it.
pub async fn template(store: &Store, event: Event) -> Result<(TemplateRow, bool)> {
    let changed = store.template(event.name()).await?;
    Ok(match changed {
        Some(template) => (template, true),
        None => (event.built_in(), false),
    })
}

/// Changes a template; one that cannot be rendered is refused.
pub async fn set_template(
    store: &Store,
    event: Event,
    template: &TemplateRow,
    terms: Terms<'_>,
) -> Result<()> {
    let refused = |fault: TemplateFault| Error::Invalid(format!("template {fault}"));
    check(template).map_err(refused)?;
    store.set_template(event.name(), Some(template), terms).await
}

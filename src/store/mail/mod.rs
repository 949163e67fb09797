//! What is mailed: reminders as they are set, templates that differ from the built-in ones, and every
//! mail with what became of it.

mod mails;
mod reminders;
mod templates;

pub use mails::{MailRow, MailState, NewMails, Outcome, SEND_LEASE_SECS, Series};
pub use templates::TemplateRow;

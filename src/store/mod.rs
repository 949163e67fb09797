//! The database of record: SQLite in a file that is created on first use. It turns rows into the
//! types of `license` and back, checks each write inside its own transaction and tells readers which
//! keys changed. It knows neither SIP nor gates; time comes in as an argument.

mod access;
mod at_hand;
mod audit;
mod bulk;
mod check;
mod claim;
mod error;
mod feed;
mod import;
mod mail;
mod once;
mod open;
mod packed;
mod persist;
mod pool;
mod position;
mod read;
mod records;
mod rows;
mod seats;
mod secrets;
mod sql;
mod step;
mod tag;
mod transfer;
mod tree;
mod webhooks;
mod write;

pub use access::{
    Assigned, Bearer, FirstAdministrator, NewSession, NewToken, SecretHash, Session, Token,
};
pub use at_hand::{Keeper, Known};
pub use audit::{AuditPages, AuditQuery, AuditRow, Export, Form};
pub use bulk::{Everything, NumberRow};
pub use claim::Claim;
pub use error::{Error, Result};
pub use feed::{Changed, Feed, Key};
pub use import::{Import, Imported};
pub use mail::{MailRow, MailState, NewMails, Outcome, SEND_LEASE_SECS, Series, TemplateRow};
pub use once::Once;
pub use open::Store;
pub use position::{Mark, Position};
pub use read::Records;
pub use rows::Findings;
pub use seats::{Batch, BindingRow, SeatRow, SeatStore};
pub use secrets::Secret;
pub use step::Step;
pub use tag::{Record, tag};
pub use transfer::Copied;
pub use tree::{CreatedByOwner, placed_user};
pub use webhooks::{
    Attempt, Delivery, Due, HookEvent, LONGEST_NOTICE, NewWebhook, Queued, Webhook, WebhookEdit,
};
pub use write::{Author, Issued, Terms, Written};

/// A database for one test.
#[cfg(test)]
#[path = "../../tests/base/mod.rs"]
pub(crate) mod base;
#[cfg(test)]
mod tests;

//! Why the store did not do what was asked: refused by a rule, not there, or the database failed.

use crate::license::Denial;
use crate::license::distribution::Refused;

/// What a read or a write ends with.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a read or a write did not happen. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule of distribution forbids it; the obstacles are data.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Not theirs to do, or not theirs to know of.
    #[error("{}", denied(*.0))]
    Denied(Denial),
    /// What is named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It would take a name, a number or a rule that another already has, or that cannot be stored.
    #[error("{0}")]
    Invalid(String),
    /// The record is no longer as its editor saw it.
    #[error("{0}")]
    Changed(String),
    /// The key of a write came with another write before.
    #[error("{0}")]
    Reused(String),
    /// The address of the database cannot be used.
    #[error("database {url:?}: {reason}")]
    Url { url: String, reason: String },
    /// The database failed or is away.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
}

fn denied(denial: Denial) -> &'static str {
    match denial {
        Denial::Unseen => "there is nothing of that name or id",
        Denial::Forbidden => "this takes the right to do it",
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl Error {
    pub(super) fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        Self::NotFound(format!("no {what} is called {name}"))
    }
}

/// A broken check or unique constraint is the writer's fault, the rest is the database's.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(fault) if fault.is_unique_violation() => {
                Self::Invalid(format!("already there ({})", fault.message()))
            }
            Some(fault) if fault.is_check_violation() => {
                Self::Invalid(format!("not a value that can be stored ({})", fault.message()))
            }
            Some(fault) if fault.is_foreign_key_violation() => {
                Self::Invalid("something else still refers to it, or it refers to nothing".into())
            }
            Some(fault) if is_unstorable(fault) => {
                Self::Invalid(format!("not a value that can be stored ({})", fault.message()))
            }
            _ => Self::Database(error),
        }
    }
}

/// PostgreSQL's class of faults of a value: too large, not text.
fn is_unstorable(fault: &dyn sqlx::error::DatabaseError) -> bool {
    fault.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some()
        && fault.code().is_some_and(|code| code.starts_with("22"))
}

//! `audit`: which changes are asked for.

use clap::Args;

use crate::cli::time::When;

/// `audit …`
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Only what happened in this group and below it
    pub path: Option<String>,
    /// From then on: RFC 3339 or a date
    #[arg(long, value_name = "T")]
    pub since: Option<When>,
    /// Before then
    #[arg(long, value_name = "T")]
    pub until: Option<When>,
    /// Only what this one did: cli:root, user:anna, token:ci
    #[arg(long, value_name = "WHO")]
    pub who: Option<String>,
    /// At most so many; default 100, with --csv all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// One line of CSV for each change instead of a table
    #[arg(long)]
    pub csv: bool,
}

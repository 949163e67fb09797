//! `token`, `role` and `setup`: who may what.

use clap::{Args, Subcommand};

use crate::cli::time::When;
use crate::license::Role;

use super::words;

const ROLE: &str =
    "server_administrator, company_administrator, site_administrator, concierge or user";

const TOKEN_EXAMPLES: &str = "\
The token is shown once; the database keeps its hash only. Send it as `Authorization: Bearer TOKEN`.

Examples:
  admitd token add ci --role server_administrator --expires +90d
  admitd token add console --role site_administrator --group 'SmartHome/A Residence'
  admitd token add panel --role concierge --group SmartHome --read-only
  admitd token add anna-app --role user --user anna";

/// `token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token for the HTTP API
    #[command(after_long_help = TOKEN_EXAMPLES)]
    Add {
        /// Unique name: letters, digits, dots, dashes, underscores
        name: String,
        #[arg(long, value_name = "ROLE", value_parser = words::<Role>, help = ROLE)]
        role: Role,
        /// Where it has the role; a server administrator's is /
        #[arg(long, value_name = "PATH")]
        group: Option<String>,
        /// Whose own things a token of the role user sees; default: the user of the token's name
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Valid until, exclusive: RFC 3339, a date, +30d, or none
        #[arg(long, value_name = "TIME")]
        expires: Option<When>,
        /// It reads and changes nothing
        #[arg(long)]
        read_only: bool,
    },
    /// List tokens, without their secrets
    List,
    /// End a token; a running daemon follows within a second
    Revoke {
        /// Which token
        name: String,
    },
}

/// `role …`
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// Give a user a role in a group
    #[command(
        after_long_help = "Examples:\n  admitd role add anna --role site_administrator --group 'SmartHome/A Residence'\n  admitd role add root --role server_administrator"
    )]
    Add(RoleWords),
    /// Take a role from a user
    Remove(RoleWords),
    /// List roles
    List {
        /// Only those of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Only those in this very group
        #[arg(long, value_name = "PATH")]
        group: Option<String>,
    },
}

/// A user, a role and a group.
#[derive(Debug, Args)]
pub struct RoleWords {
    /// Which user
    pub user: String,
    #[arg(long, value_name = "ROLE", value_parser = words::<Role>, help = ROLE)]
    pub role: Role,
    /// In which group; a server administrator's is /
    #[arg(long, value_name = "PATH")]
    pub group: Option<String>,
}

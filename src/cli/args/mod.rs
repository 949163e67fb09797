//! The command line as clap reads it: commands, flags, and the help that is also the manual page.

mod access;
mod audit;
mod mail;
mod owned;
mod records;
mod webhook;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::license::Feature;

pub use access::{RoleCommand, RoleWords, TokenCommand};
pub use audit::AuditArgs;
pub use mail::{MailCommand, ReminderCommand, TemplateCommand};
pub use owned::{ClaimCommand, NumberCommand, Owner};
pub use records::{
    FeatureArg, GroupCommand, GroupFlags, LicenseCommand, LicenseFlags, UserCommand,
};
pub use webhook::WebhookCommand;

/// admits SIP registrations and calls by group license
///
/// admitd stands in front of a SIP registrar. REGISTER and INVITE of door panels, mobile apps and
/// phones pass while the groups of the number have license left; when a limit or a validity has run
/// out they are answered 403.
///
/// Commands that write go to the database and are on the wire within a second. Commands that show
/// live state ask the running daemon, or else the database, and say so.
#[derive(Debug, Parser)]
#[command(name = "admitd", version, after_long_help = AFTER, max_term_width = 100)]
pub struct Cli {
    /// Answer with one JSON document on stdout, refusals too
    #[arg(long, global = true)]
    pub json: bool,
    /// The config file; default: ./admitd.toml, else /etc/admitd/admitd.toml, else the defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write although something no longer fits; never grants more than is left
    ///
    /// Works for shrinking, shortening and removing a license, for switching a restriction on, and
    /// for deleting. The gates then hold the line.
    #[arg(long, global = true)]
    pub force: bool,
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
Exit status:
  0  done
  1  refused, or what is named does not exist
  2  the arguments cannot be read

Examples:
  admitd run --demo
      Shows admissions and refusals within seconds, on a database of its own
  admitd group add 'SmartHome/A Residence' --restrict
  admitd license add 'SmartHome/A Residence' --sip 50 --apps 40 --until 2027-12-01
  admitd claim add 'SmartHome/A Residence' --domain example.com --range 1000-1999
  admitd explain sip:1001@example.com
      Names every gate above a number, and the one that binds";

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    ///
    /// Serves until SIGTERM or SIGINT. SIGHUP reads the config file again.
    Run {
        /// An example tree and a few simulated devices, on a database of its own
        #[arg(long)]
        demo: bool,
    },
    /// Read the config file as `run` would and say all that is wrong with it
    Check,
    /// Groups: the tree that licenses are handed down
    #[command(subcommand)]
    Group(GroupCommand),
    /// Licenses: what is granted to a group or a user
    #[command(subcommand)]
    License(LicenseCommand),
    /// Users: members of groups, who may hold licenses and own numbers
    #[command(subcommand)]
    User(UserCommand),
    /// Numbers that somebody creates one by one
    #[command(subcommand)]
    Number(NumberCommand),
    /// Claims: numbers that a group owns by domain, range or source address
    #[command(subcommand)]
    Claim(ClaimCommand),
    /// Roles: who is what in which group
    #[command(subcommand)]
    Role(RoleCommand),
    /// Tokens: secrets with which programs use the HTTP API
    #[command(subcommand)]
    Token(TokenCommand),
    /// Print a link that makes a server administrator, once, within a day
    ///
    /// For the first start, or where everybody has lost the password. Links before it end.
    #[command(after_long_help = "Examples:\n  admitd setup\n  admitd setup --json")]
    Setup,
    /// Draw the tree, with limit and use of every gate
    Tree,
    /// The license state of a group or user: limits, use, what is left, what comes next
    #[command(
        after_long_help = "Examples:\n  admitd state 'SmartHome/A Residence'\n  admitd state user:anna --json"
    )]
    State {
        /// A group ("SmartHome/A Residence/12", "/" is the server) or user:NAME
        path: String,
    },
    /// List the seats that are held, or end one
    #[command(after_long_help = SEATS_EXAMPLES, args_conflicts_with_subcommands = true)]
    Seats {
        /// Only seats of this group and all below it, or of user:NAME
        path: Option<String>,
        #[command(subcommand)]
        command: Option<SeatsCommand>,
    },
    /// Say whether a number would be admitted now, and what every gate above it says
    ///
    /// Of the id that a refused client was told: why, and the same of its number now; only the running
    /// daemon remembers it. Exits 0 whatever the verdict is.
    #[command(
        after_long_help = "Examples:\n  admitd explain sip:101@example.com --json\n  admitd explain pfqmitv6e4"
    )]
    Explain {
        /// The number, sip:101@example.com, or the id of a refusal, pfqmitv6e4
        number: String,
    },
    /// Reminders: mails before the licenses of a group end
    #[command(subcommand)]
    Reminder(ReminderCommand),
    /// Mails: what was sent, how they look, whether they leave
    #[command(subcommand)]
    Mail(MailCommand),
    /// Say what was changed: who, when, from where, before and after; newest first
    ///
    /// The times are in the server's zone. Nothing in this record is ever changed or removed.
    #[command(
        after_long_help = "Examples:\n  admitd audit 'SmartHome/A Residence' --since 2027-01-01\n  admitd audit --who user:anna --limit 20 --json\n  admitd audit --csv > changes.csv"
    )]
    Audit(AuditArgs),
    /// Webhooks: who is told of limits, ends and refusals
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Say whether a user or number may use a feature now, until when, and if not, why
    ///
    /// Exits 0 whatever the answer is.
    #[command(
        after_long_help = "Examples:\n  admitd entitlement user:anna remote_door_opening\n  admitd entitlement sip:101@example.com\n  admitd entitlement user:anna guest_access --configure"
    )]
    Entitlement {
        /// A number (sip:101@example.com) or user:NAME
        subject: String,
        /// The feature; default: all of them
        #[arg(value_parser = words::<Feature>)]
        feature: Option<Feature>,
        /// To configure it, which also takes an administrator's role over the group
        #[arg(long)]
        configure: bool,
    },
    /// Create what a file lists
    #[command(subcommand)]
    Import(ImportCommand),
    /// Write users or numbers as a file that `import` reads
    #[command(
        after_long_help = "Examples:\n  admitd export users 'SmartHome/A Residence' > residents.csv\n  admitd export numbers / > numbers.csv"
    )]
    Export {
        /// What is written
        what: Listed,
        /// Of this group and all below it; "/" is everything
        path: String,
        /// As CSV, which is the default
        #[arg(long)]
        csv: bool,
    },
    /// Move everything into another database
    ///
    /// Records, secrets and seats, in one transaction, checked by counting. The target must be new, and
    /// no daemon may run on either. A password may also come from PGPASSWORD or ~/.pgpass.
    #[command(
        after_long_help = "Examples:\n  admitd migrate --from sqlite:/var/lib/admitd/admitd.db --to postgres://admitd:PASSWORD@127.0.0.1/admitd\n  admitd migrate --from postgres://admitd@127.0.0.1/admitd --to sqlite:admitd.db"
    )]
    Migrate {
        /// The database to read: sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE
        #[arg(long, value_name = "URL")]
        from: String,
        /// The database to write, of either kind
        #[arg(long, value_name = "URL")]
        to: String,
    },
    /// Print the completion script of a shell
    #[command(
        after_long_help = "Examples:\n  admitd completion bash > /etc/bash_completion.d/admitd"
    )]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_long_help = "Examples:\n  admitd man | man -l -")]
    Man,
}

const SEATS_EXAMPLES: &str = "Examples:
  admitd seats
  admitd seats 'SmartHome/A Residence' --json
  admitd seats free sip:101@example.com
      Ends all seats of the number; its devices register anew";

/// `seats` that does more than list.
#[derive(Debug, Subcommand)]
pub enum SeatsCommand {
    /// End the seats of a number, or the one of a device, at once
    Free {
        /// The number: sip:101@example.com
        number: String,
        /// The device, as `seats` lists it; default: all of the number
        device: Option<String>,
    },
}

/// What an export lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Listed {
    /// Users with their numbers and licenses
    Users,
    /// Numbers that somebody created
    Numbers,
}

/// `import …`
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Create users, their numbers and licenses from a CSV file
    ///
    /// The first line names the columns, of which only name is needed: name, email, group (its path
    /// below --group; empty: that group itself), number, kind, password, and of a license sip_numbers,
    /// mobile_apps, valid_from, valid_until, features, license_type, suspended. Several lines of one name
    /// add numbers, groups and licenses. Every faulty line is told; the file is written whole, or nothing
    /// of it.
    #[command(after_long_help = USERS_EXAMPLES)]
    Users {
        /// The file
        file: PathBuf,
        /// The group that it is for
        #[arg(long, value_name = "PATH")]
        group: String,
        /// Only say what is wrong with it; write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Create numbers from a CSV file
    ///
    /// The first line names the columns: number, then group or user, and where wanted kind and
    /// password. The file is checked whole before anything is written; an import that was interrupted
    /// is resumed by the same command.
    #[command(
        after_long_help = "Examples:\n  admitd import numbers residents.csv\n\nA file:\n  number,group,user,kind,password\n  sip:101@example.com,SmartHome/A Residence,,panel,\n  sip:anna@example.com,,anna,app,secret"
    )]
    Numbers {
        /// The file
        file: PathBuf,
        /// Only say what is wrong with it; write nothing
        #[arg(long)]
        dry_run: bool,
    },
}

const USERS_EXAMPLES: &str = "Examples:
  admitd import users residents.csv --group 'SmartHome/A Residence' --dry-run

A file:
  name,email,group,number,kind,password,sip_numbers,mobile_apps,valid_until,features
  anna,anna@example.com,12,sip:anna@example.com,app,secret,3,2,2027-12-01,ukey2 web_dialer
  anna,,,sip:1012@example.com,phone,,,,,";

/// Reads one of a few plain words.
fn words<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.parse()
}

#[cfg(test)]
mod tests;

//! `number` and `claim`: which numbers are whose.

use std::net::IpAddr;

use clap::{ArgGroup, Args, Subcommand};

use crate::cli::range::Digits;
use crate::license::NumberKind;

use super::words;

/// Who owns a number: one of the two.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Owner {
    /// The group that owns it (door panel, concierge, SIP dialer)
    #[arg(long, value_name = "PATH")]
    pub group: Option<String>,
    /// The user who owns it
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// `number …`
#[derive(Debug, Subcommand)]
pub enum NumberCommand {
    /// Create a number
    #[command(
        after_long_help = "Examples:\n  admitd number add sip:101@example.com --group 'SmartHome/A Residence' --kind panel\n  admitd number add sip:anna@example.com --user anna --kind app --password -",
        group = ArgGroup::new("owner").required(true).args(["group", "user"])
    )]
    Add {
        /// The number: sip:101@example.com
        number: String,
        #[command(flatten)]
        owner: Owner,
        /// panel, monitor, app, phone, concierge or dialer
        #[arg(long, value_parser = words::<NumberKind>, default_value = "phone")]
        kind: NumberKind,
        /// Password for the built-in registrar; - reads it from stdin
        #[arg(long)]
        password: Option<String>,
    },
    /// Change a number; only what is named changes
    Edit {
        /// Which number
        number: String,
        #[command(flatten)]
        owner: Owner,
        /// panel, monitor, app, phone, concierge or dialer
        #[arg(long, value_parser = words::<NumberKind>)]
        kind: Option<NumberKind>,
        /// Password for the built-in registrar; - reads it from stdin, "" removes it
        #[arg(long)]
        password: Option<String>,
    },
    /// Remove a number
    Remove {
        /// Which number
        number: String,
    },
    /// Show one number
    Show {
        /// Which number
        number: String,
    },
    /// List numbers that somebody created
    List {
        /// Only those of this group and all below it, or of user:NAME
        path: Option<String>,
    },
}

/// `claim …`
#[derive(Debug, Subcommand)]
pub enum ClaimCommand {
    /// Give a group all numbers of a domain, of a range in it, or of a source address
    #[command(
        after_long_help = "Examples:\n  admitd claim add SmartHome --domain example.com\n  admitd claim add 'SmartHome/A Residence' --domain example.com --range 1000-1999\n  admitd claim add SmartHome --address 192.0.2.7 --kind panel",
        group = ArgGroup::new("what").required(true).args(["domain", "address"])
    )]
    Add {
        /// The group
        path: String,
        /// A SIP domain of ours
        #[arg(long)]
        domain: Option<String>,
        /// User parts of digits, both ends of one length
        #[arg(long, value_name = "FIRST-LAST", requires = "domain", conflicts_with = "address")]
        range: Option<Digits>,
        /// A source address that calls without registering
        #[arg(long)]
        address: Option<IpAddr>,
        /// panel, monitor, app, phone, concierge or dialer
        #[arg(long, value_parser = words::<NumberKind>, default_value = "phone")]
        kind: NumberKind,
    },
    /// Change the kind of a claim's numbers
    Edit {
        /// Which claim, as `claim list` shows it
        id: i64,
        /// panel, monitor, app, phone, concierge or dialer
        #[arg(long, value_parser = words::<NumberKind>)]
        kind: NumberKind,
    },
    /// Remove a claim; its numbers become unknown
    Remove {
        /// Which claim
        id: i64,
    },
    /// Show one claim
    Show {
        /// Which claim
        id: i64,
    },
    /// List claims
    List {
        /// Only those of this group and all below it
        path: Option<String>,
    },
}

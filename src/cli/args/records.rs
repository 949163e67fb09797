//! `group`, `license` and `user`: who stands where, and what was granted.

use clap::{ArgGroup, Args, Subcommand};

use crate::cli::time::When;
use crate::license::{Feature, HandOut};

use super::words;

/// What one license grants at most.
const MOST: i64 = 1_000_000_000;

/// `group …`
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Add a group; its parent must exist
    #[command(
        after_long_help = "Examples:\n  admitd group add SmartHome --kind distributor --restrict\n  admitd group add 'SmartHome/A Residence' --kind building --time-zone Europe/Madrid"
    )]
    Add {
        /// Where: "SmartHome/A Residence/12"
        path: String,
        #[command(flatten)]
        flags: GroupFlags,
    },
    /// Change a group; only what is named changes
    #[command(
        after_long_help = "Examples:\n  admitd group edit 'SmartHome/A Residence' --restrict\n  admitd group edit / --no-restrict"
    )]
    Edit {
        /// Which group; "/" is the server
        path: String,
        #[command(flatten)]
        flags: GroupFlags,
        /// Lift the restriction: no limit of its own, its licenses rest
        #[arg(long, conflicts_with = "restrict")]
        no_restrict: bool,
        /// Hold the limit again; what is over it is revoked
        #[arg(long, conflicts_with = "monitor")]
        no_monitor: bool,
        /// Give it another name in its place
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
    },
    /// Move a group with all below it under another parent
    #[command(
        after_long_help = "Examples:\n  admitd group move 'SmartHome/A Residence' Dealer2\n  admitd group move Dealer2/Block /"
    )]
    Move {
        /// Which group
        path: String,
        /// Its new parent; "/" makes it a root group
        new_parent: String,
    },
    /// Remove a group; with --force all below it too
    Remove {
        /// Which group
        path: String,
    },
    /// Show one group: settings, licenses, members, numbers, claims
    Show {
        /// Which group; "/" is the server
        path: String,
    },
    /// List groups
    List {
        /// Only this group and all below it
        path: Option<String>,
    },
}

/// What a group can be told.
#[derive(Debug, Args)]
pub struct GroupFlags {
    /// A label: building, floor, apartment …; never a rule
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Enable the restriction: the group has what its licenses give, and nothing without one
    #[arg(long)]
    pub restrict: bool,
    /// split: a grant is a promise, the sum fits; shared: each may have all, first come
    #[arg(long, value_name = "split|shared", value_parser = words::<HandOut>)]
    pub hand_out: Option<HandOut>,
    /// IANA time zone; default: that of the group above
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub time_zone: Option<chrono_tz::Tz>,
    /// Let through above the limit, and count what is above it as over
    #[arg(long)]
    pub monitor: bool,
    /// Address of an administrator; may be given several times, and then replaces the list
    #[arg(long = "admin-email", value_name = "ADDRESS")]
    pub admin_emails: Vec<String>,
}

/// `license …`
#[derive(Debug, Subcommand)]
pub enum LicenseCommand {
    /// Grant a license to a group or a user
    #[command(
        after_long_help = LICENSE_EXAMPLES,
        group = ArgGroup::new("holder").required(true).args(["path", "user"])
    )]
    Add {
        /// The group it is for; "/" is the server
        path: Option<String>,
        /// The user it is for
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// SIP numbers
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=MOST))]
        sip: u32,
        #[command(flatten)]
        flags: LicenseFlags,
    },
    /// Change a license; only what is named changes
    #[command(
        after_long_help = "Examples:\n  admitd license edit 7 --sip 60\n  admitd license edit 7 --until none --feature sip_trunks"
    )]
    Edit {
        /// Which license, as `license list` shows it
        id: i64,
        /// SIP numbers
        #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=MOST))]
        sip: Option<u32>,
        #[command(flatten)]
        flags: LicenseFlags,
    },
    /// Stop a license on the wire; what it granted stays handed out
    Suspend {
        /// Which license
        id: i64,
    },
    /// Undo suspend
    Resume {
        /// Which license
        id: i64,
    },
    /// Remove a license
    Remove {
        /// Which license
        id: i64,
    },
    /// Give a license, or all of a subtree that end before a date, a new end
    #[command(
        after_long_help = "Examples:\n  admitd license renew 7 --until 2028-12-01\n  admitd license renew --below SmartHome --ending-before 2027-12-02 --until 2028-12-01 --dry-run",
        group = ArgGroup::new("which").required(true).args(["id", "below"])
    )]
    Renew {
        /// Which license, as `license list` shows it
        id: Option<i64>,
        /// Those of this group, of all below it and of the users in them
        #[arg(long, value_name = "PATH", requires = "ending_before")]
        below: Option<String>,
        /// Only those that end before: RFC 3339, a date, +30d
        #[arg(long, value_name = "TIME", requires = "below")]
        ending_before: Option<When>,
        /// The new end, exclusive: RFC 3339, a date, +30d
        #[arg(long, value_name = "TIME")]
        until: When,
        /// Only show what would come of it
        #[arg(long)]
        dry_run: bool,
    },
    /// Show one license
    Show {
        /// Which license
        id: i64,
    },
    /// List licenses
    List {
        /// Only those of this group and all below it, or of user:NAME
        path: Option<String>,
    },
}

const LICENSE_EXAMPLES: &str = "\
A date without a time is 00:00 at the start of that day in the group's time zone, so the day before is
the last usable one; +30d is 30 x 24 hours from now.

Features: sip_trunks, web_dialer, ukey2, remote_door_opening, siri_apple_watch, guest_access,
elevator_access, amenities_reservation, license_plate_recognition

Examples:
  admitd license add 'SmartHome/A Residence' --sip 50 --apps 40 --type Plus --until 2027-12-01
  admitd license add --user anna --sip 3 --apps 2 --feature remote_door_opening
  admitd license add SmartHome --sip 10 --type Trial --until +30d";

/// What a license can be told besides its SIP numbers.
#[derive(Debug, Args)]
pub struct LicenseFlags {
    /// Mobile apps; not more than SIP numbers
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=MOST))]
    pub apps: Option<u32>,
    /// A label: Trial, Basic, Plus …; licenses of all types add up
    #[arg(long = "type", value_name = "TYPE")]
    pub license_type: Option<String>,
    /// Valid from: RFC 3339, a date, +30d, or none
    #[arg(long, value_name = "TIME")]
    pub from: Option<When>,
    /// Valid until, exclusive: RFC 3339, a date, +30d, or none
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
    /// A feature; may be given several times, and then replaces the list; none empties it
    #[arg(long = "feature", value_name = "FEATURE", value_parser = feature)]
    pub features: Vec<FeatureArg>,
}

/// A feature, or the word `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureArg {
    One(Feature),
    None,
}

/// `user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user to one or more groups
    #[command(
        after_long_help = "Examples:\n  admitd user add anna --group 'SmartHome/A Residence/12' --email anna@example.com"
    )]
    Add {
        /// Unique name
        name: String,
        /// A group; may be given several times
        #[arg(long = "group", value_name = "PATH", required = true)]
        groups: Vec<String>,
        /// Mail address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
    },
    /// Change a user; only what is named changes
    Edit {
        /// Which user
        name: String,
        /// A group; may be given several times, and then replaces the list
        #[arg(long = "group", value_name = "PATH")]
        groups: Vec<String>,
        /// Mail address; "" removes it
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Another name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
    },
    /// Remove a user; with --force the user's numbers and licenses too
    Remove {
        /// Which user
        name: String,
    },
    /// Set the password that a user signs in with; the user's sessions end
    #[command(
        after_long_help = "Examples:\n  admitd user password anna --password - < file\n  echo 'correct horse' | admitd user password anna --password -"
    )]
    Password {
        /// Which user
        name: String,
        /// 8 to 256 characters; - reads it from stdin
        #[arg(long)]
        password: String,
    },
    /// Show one user
    Show {
        /// Which user
        name: String,
    },
    /// List users
    List {
        /// Only members of this group or of one below it
        path: Option<String>,
    },
}

fn feature(text: &str) -> Result<FeatureArg, String> {
    if text == "none" { Ok(FeatureArg::None) } else { text.parse().map(FeatureArg::One) }
}

fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse().map_err(|_| format!("there is no time zone {text:?}; write Europe/Madrid"))
}

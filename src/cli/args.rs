//! The command line as clap reads it: commands, flags, and the help that is also the manual page.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::license::{Feature, HandOut, NumberKind};

use super::range::Digits;
use super::time::When;

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
    /// Exits 0 whatever the verdict is.
    #[command(
        after_long_help = "Examples:\n  admitd explain sip:101@example.com\n  admitd explain 101@example.com --json"
    )]
    Explain {
        /// The number: sip:101@example.com
        number: String,
    },
    /// Create what a file lists
    #[command(subcommand)]
    Import(ImportCommand),
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

/// A write that rules may refuse.
#[derive(Clone, Copy, Debug, Args)]
pub struct Force {
    /// Write although something no longer fits; never grants more than is left
    ///
    /// Works for shrinking, shortening and removing a license, for switching a restriction on, and
    /// for deleting. The gates then hold the line.
    #[arg(long)]
    pub force: bool,
}

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
        #[command(flatten)]
        force: Force,
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
        /// Give it another name in its place
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        force: Force,
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
        #[command(flatten)]
        force: Force,
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
        #[arg(long, value_name = "COUNT")]
        sip: u32,
        #[command(flatten)]
        flags: LicenseFlags,
        #[command(flatten)]
        force: Force,
    },
    /// Change a license; only what is named changes
    #[command(
        after_long_help = "Examples:\n  admitd license edit 7 --sip 60\n  admitd license edit 7 --until none --feature sip_trunks"
    )]
    Edit {
        /// Which license, as `license list` shows it
        id: i64,
        /// SIP numbers
        #[arg(long, value_name = "COUNT")]
        sip: Option<u32>,
        #[command(flatten)]
        flags: LicenseFlags,
        #[command(flatten)]
        force: Force,
    },
    /// Stop a license on the wire; what it granted stays handed out
    Suspend {
        /// Which license
        id: i64,
        #[command(flatten)]
        force: Force,
    },
    /// Undo suspend
    Resume {
        /// Which license
        id: i64,
        #[command(flatten)]
        force: Force,
    },
    /// Remove a license
    Remove {
        /// Which license
        id: i64,
        #[command(flatten)]
        force: Force,
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
    #[arg(long, value_name = "COUNT")]
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
        #[command(flatten)]
        force: Force,
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
        #[arg(long, value_name = "FIRST-LAST", requires = "domain")]
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

/// `import …`
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
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
    },
}

fn words<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.parse()
}

fn feature(text: &str) -> Result<FeatureArg, String> {
    if text == "none" { Ok(FeatureArg::None) } else { text.parse().map(FeatureArg::One) }
}

fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse().map_err(|_| format!("there is no time zone {text:?}; write Europe/Madrid"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn reads(line: &str) -> Cli {
        Cli::try_parse_from(line.split('|')).unwrap_or_else(|fault| panic!("{line}: {fault}"))
    }

    #[test]
    fn the_definitions_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_form_is_read() {
        for line in [
            "admitd|run|--config|a.toml|--demo",
            "admitd|check|--config|a.toml",
            "admitd|group|add|SmartHome/A Residence/12|--kind|building|--restrict|--hand-out|shared|--time-zone|Europe/Madrid|--admin-email|a@b.c|--admin-email|d@e.f",
            "admitd|group|edit|/|--no-restrict",
            "admitd|group|move|a/b|/",
            "admitd|group|remove|a|--force",
            "admitd|group|list",
            "admitd|license|add|a|--sip|50|--apps|40|--type|Plus|--from|2024-01-01|--until|+30d|--feature|ukey2|--feature|sip_trunks",
            "admitd|license|add|--user|anna|--sip|5",
            "admitd|license|edit|7|--until|none|--force",
            "admitd|license|suspend|7",
            "admitd|license|list|a|--json",
            "admitd|user|add|anna|--group|a|--group|b|--email|a@b.c",
            "admitd|number|add|sip:101@example.com|--group|a|--kind|panel",
            "admitd|number|add|sip:101@example.com|--user|anna|--kind|app|--password|x",
            "admitd|claim|add|a|--domain|example.com|--range|1000-1999|--kind|app",
            "admitd|claim|add|a|--address|192.0.2.7",
            "admitd|tree|--json",
            "admitd|state|a",
            "admitd|seats",
            "admitd|seats|a",
            "admitd|seats|free|sip:101@example.com|<urn:uuid:1>",
            "admitd|explain|sip:101@example.com",
            "admitd|import|numbers|a.csv",
            "admitd|completion|zsh",
        ] {
            reads(line);
        }
    }

    #[test]
    fn what_contradicts_itself_is_a_usage_fault() {
        for line in [
            "admitd|license|add|--sip|5",
            "admitd|license|add|a|--user|b|--sip|5",
            "admitd|license|add|a|--apps|5",
            "admitd|license|add|a|--sip|many",
            "admitd|license|add|a|--sip|5|--until|tomorrow",
            "admitd|license|add|a|--sip|5|--feature|flying",
            "admitd|user|add|anna",
            "admitd|number|add|sip:1@a.com|--group|a|--user|b",
            "admitd|number|add|sip:1@a.com",
            "admitd|claim|add|a|--range|1-2",
            "admitd|claim|add|a|--domain|b.com|--range|1000-999",
            "admitd|claim|add|a",
            "admitd|group|edit|a|--restrict|--no-restrict",
        ] {
            let fault = Cli::try_parse_from(line.split('|')).expect_err(line);
            assert_eq!(fault.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn every_command_says_what_it_does() {
        fn visit(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
            command.get_subcommands().for_each(visit);
        }
        visit(&Cli::command());
    }
}

//! `reminder` and `mail`: which mails go out before licenses end, and how they look.

use std::path::PathBuf;

use clap::Subcommand;

use crate::license::{Every, LONGEST_AHEAD};
use crate::reminders::Event;
use crate::store::MailState;

use super::words;

/// `reminder …`
#[derive(Debug, Subcommand)]
pub enum ReminderCommand {
    /// Mail a group's administrators before its licenses end
    ///
    /// An end is an instant at which what the group effectively has falls, by its own licenses or by
    /// those of a group above, or a feature ends; a renewal without a gap is none. The first mail comes
    /// --days before, further ones by --every. Told are the company and site administrators of the
    /// group, else those of the nearest group above that has some, the group's contact addresses, and
    /// whoever --also names.
    #[command(
        after_long_help = "Examples:\n  admitd reminder set SmartHome --days 30 --every weekly\n  admitd reminder set 'SmartHome/A Residence' --days 7 --every daily --also partner@example.com"
    )]
    Set {
        /// Which group
        path: String,
        /// How many days before the end the first mail comes
        #[arg(long, value_name = "N", default_value_t = 30,
            value_parser = clap::value_parser!(u32).range(1..=i64::from(LONGEST_AHEAD)))]
        days: u32,
        /// How often then: once, daily, weekly or 30days
        #[arg(long, value_name = "HOW", default_value_t = Every::Once, value_parser = words::<Every>)]
        every: Every,
        /// Somebody else to tell; may be given several times
        #[arg(long, value_name = "EMAIL")]
        also: Vec<String>,
        /// Tell the users of the group and of all below it too
        #[arg(long)]
        users: bool,
    },
    /// Switch a group's reminder off
    Off {
        /// Which group
        path: String,
    },
    /// Show a group's reminder, whom it tells, and the mails that come
    Show {
        /// Which group
        path: String,
    },
}

/// `mail …`
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Show the mail about a group's next end, or an example where nothing ends
    #[command(
        after_long_help = "Examples:\n  admitd mail preview 'SmartHome/A Residence'\n  admitd mail preview SmartHome --html > mail.html"
    )]
    Preview {
        /// Which group
        path: String,
        /// Which mail: license_ending or test
        #[arg(long, value_name = "EVENT", default_value = "license_ending", value_parser = words::<Event>)]
        event: Event,
        /// As a page instead of as text
        #[arg(long)]
        html: bool,
    },
    /// Send a test mail at once, by the mail server of the config
    #[command(after_long_help = "Examples:\n  admitd mail test --to anna@example.com")]
    Test {
        /// To whom
        #[arg(long, value_name = "EMAIL")]
        to: String,
    },
    /// List mails: what was sent, what waits, what failed
    List {
        /// Only those about this group and all below it
        path: Option<String>,
        /// Only queued, sending, sent, failed or skipped ones
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<MailState>,
        /// How many, the newest first
        #[arg(long, value_name = "N", default_value_t = 100,
            value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Templates: how mails look
    #[command(subcommand)]
    Template(TemplateCommand),
}

/// `mail template …`
#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// Show the template of an event
    Show {
        /// license_ending or test
        #[arg(value_parser = words::<Event>)]
        event: Event,
    },
    /// Change the template of an event; only what is named changes
    ///
    /// Templates are Jinja: {{ group }}, {{ path }}, {{ due_end }}, {{ last_day }}, {{ days_left }},
    /// {{ time_zone }}, {{ recipient }} and {{ ends_with }} are texts (what ends by a group above is
    /// named in ends_with, else it is empty); {% for fall in falls %} has what, from and to;
    /// {% for license in licenses %} has name, sip_numbers and mobile_apps; {% for feature in
    /// features %} are the features that end. All three are empty in mails to end users.
    #[command(
        after_long_help = "Examples:\n  admitd mail template set license_ending --subject '{{ group }}: {{ days_left }} days left'\n  admitd mail template set license_ending --text mail.txt --html mail.html"
    )]
    Set {
        /// license_ending or test
        #[arg(value_parser = words::<Event>)]
        event: Event,
        /// The subject
        #[arg(long, value_name = "TEMPLATE")]
        subject: Option<String>,
        /// A file with the text
        #[arg(long, value_name = "FILE")]
        text: Option<PathBuf>,
        /// A file with the page
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Go back to the built-in template of an event
    Reset {
        /// license_ending or test
        #[arg(value_parser = words::<Event>)]
        event: Event,
    },
}

fn state(text: &str) -> Result<MailState, String> {
    MailState::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| {
        let names = MailState::ALL.map(MailState::name).join(", ");
        format!("no state is called {text:?}; there are {names}")
    })
}

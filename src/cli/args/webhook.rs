//! `webhook …`: who is told of what happens.

use clap::Subcommand;

use crate::cli::args::words;
use crate::store::HookEvent;

/// `webhook …`
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Tell a URL of what happens in a group and below it
    ///
    /// Prints the secret of the signature, once. Each delivery is a POST of JSON with the header
    /// Admitd-Signature: t=UNIX,v1=HEX, where HEX is the HMAC-SHA-256 of "UNIX.BODY" under the secret.
    /// What is not answered 2xx is tried again for a day.
    #[command(
        after_long_help = "Examples:\n  admitd webhook add https://hooks.example.com/admitd --group 'SmartHome/A Residence' --event limit_reached --event license_ending --days 14"
    )]
    Add {
        /// Where: http or https
        url: String,
        /// The group; "/" is the server
        #[arg(long, value_name = "PATH")]
        group: String,
        /// limit_reached, license_ending or device_refused; several times for several
        #[arg(long = "event", value_name = "EVENT", required = true, value_parser = words::<HookEvent>)]
        events: Vec<HookEvent>,
        /// How many days before its end a license is told of
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: u32,
    },
    /// List the webhooks
    List,
    /// Queue nothing more for a webhook, and deliver nothing
    Disable {
        /// Its id, as `list` has it
        id: i64,
    },
    /// End that
    Enable {
        /// Its id, as `list` has it
        id: i64,
    },
    /// Remove a webhook and what it was still to be told
    Remove {
        /// Its id, as `list` has it
        id: i64,
    },
    /// Send a delivery of the event "test" now and say how it was answered
    Test {
        /// Its id, as `list` has it
        id: i64,
    },
    /// List the last deliveries of a webhook, newest first
    Deliveries {
        /// Its id, as `list` has it
        id: i64,
    },
}

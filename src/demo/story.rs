//! How the demo tells what happened: a line for each act, on stdout. A reader that is gone is nobody's
//! fault.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::Path;

use crate::view::{Explain, Gate, NumberUse};

use super::device::Outcome;
use super::tree::{A_RESIDENCE, B_RESIDENCE, SOUTH};

/// Writes the story.
#[derive(Clone, Copy)]
pub struct Story {
    colour: bool,
}

impl Story {
    /// For the terminal, or whoever reads stdout.
    pub fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour }
    }

    /// A line of the narrator.
    pub fn say(self, text: impl Display) {
        line(format_args!("\n{}", self.paint("1", text)));
    }

    /// Text as it is.
    pub fn show(self, text: impl Display) {
        line(text);
    }

    /// One act: who, what, the answer, and why.
    pub fn act(self, who: &str, what: &str, outcome: &Outcome, why: &str) {
        let colour = if outcome.status < 300 { "32" } else { "31" };
        let answer = format!("{} {}", outcome.status, outcome.phrase);
        let now = chrono::Local::now().format("%H:%M:%S");
        let answer = self.paint(colour, format_args!("{answer:<36}"));
        line(format_args!("{now}  {who:<13} {what:<24} {answer} {why}"));
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

fn line(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Why a number was refused, from what every gate above it says.
pub fn why(explain: &Explain) -> String {
    if explain.owner.is_none() {
        return "nobody owns this number".to_owned();
    }
    let bound = explain.gates.iter().find(|gate| Some(&gate.gate) == explain.bound_by.as_ref());
    // The number itself has its seat; what was refused is one device more.
    let full = |gate: &&Gate| gate.mobile_apps.as_ref().is_some_and(is_full);
    let limit = |of: &Option<NumberUse>| of.as_ref().and_then(|of| of.limit);
    match (bound, explain.cause.as_deref()) {
        (Some(gate), Some("sip_limit")) => match &gate.claimed {
            // Where nothing is promised to others this is the limit itself.
            Some(claimed) if claimed.limit != limit(&gate.sip_numbers) && is_full(claimed) => {
                in_use(gate, claimed, "SIP numbers left to claimed ones")
            }
            _ => sip_in_use(gate),
        },
        (Some(gate), Some("app_limit")) => apps_in_use(gate),
        (Some(gate), Some(cause)) => format!("{}: {}", gate.gate, cause.replace('_', " ")),
        _ => explain.gates.iter().find(full).map(apps_in_use).unwrap_or_default(),
    }
}

fn sip_in_use(gate: &Gate) -> String {
    let told = |of| in_use(gate, of, "SIP numbers");
    gate.sip_numbers.as_ref().map(told).unwrap_or_default()
}

fn apps_in_use(gate: &Gate) -> String {
    let told = |of| in_use(gate, of, "mobile apps");
    gate.mobile_apps.as_ref().map(told).unwrap_or_default()
}

fn is_full(count: &NumberUse) -> bool {
    count.limit.is_some_and(|limit| count.in_use >= limit)
}

fn in_use(gate: &Gate, count: &NumberUse, what: &str) -> String {
    format!("{}: {} of {} {what} in use", gate.gate, count.in_use, count.limit.unwrap_or_default())
}

/// What to try in another terminal.
pub fn try_next(config: &Path, sip: impl Display, metrics: impl Display) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "admitd".into());
    let (program, config) = (program.display(), config.display());
    format!(
        "Now it is your turn. In another terminal:

  alias demo='{program} --config {config}'

  demo tree                                   # the picture above, as it is then
  demo explain sip:1003@example.com           # every gate above a number, and the one that binds
  demo seats '{A_RESIDENCE}'
  demo state '{SOUTH}'
  demo license list

  # A register of your own, from the full building and from the one whose Trial ends:
  sipsak -U -C sip:1005@127.0.0.1 -x 60 -i -v -s sip:1005@{sip}
  demo license add '{B_RESIDENCE}' --sip 3 --until +30d    # door-b is back with its next attempt
  demo license add '{A_RESIDENCE}' --sip 2 --until +30d    # 1003 gets in; now yours passes too
  demo seats free sip:1001@example.com

  curl -s http://{metrics}/metrics | grep '^admitd_'

The devices go on registering and calling. Ctrl-C ends the demo and removes its folder."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Verdict;

    fn gate(name: &str, sip: (i64, i64), apps: (i64, i64), claimed: Option<i64>) -> Gate {
        let number_use = |(in_use, limit)| NumberUse { in_use, limit: Some(limit) };
        Gate {
            gate: name.to_owned(),
            sip_numbers: Some(number_use(sip)),
            mobile_apps: Some(number_use(apps)),
            status: "valid".to_owned(),
            valid_until: None,
            cause: None,
            claimed: claimed.map(|count| number_use((count, count))),
            monitor: false,
        }
    }

    fn explain(cause: Option<&str>, bound_by: Option<&str>, gates: Vec<Gate>) -> Explain {
        Explain {
            number: "sip:1@example.com".to_owned(),
            verdict: Verdict::Refuse,
            cause: cause.map(str::to_owned),
            bound_by: bound_by.map(str::to_owned),
            owner: Some("A".to_owned()),
            kind: None,
            source: None,
            live: false,
            gates,
            refusal: None,
        }
    }

    #[test]
    fn the_reason_names_the_gate_that_bound_and_its_figures() {
        let gates = vec![gate("A", (3, 9), (0, 1), Some(3)), gate("S", (4, 4), (1, 1), None)];

        let at = |gate| why(&explain(Some("sip_limit"), Some(gate), gates.clone()));

        assert_eq!(at("A"), "A: 3 of 3 SIP numbers left to claimed ones in use");
        assert_eq!(at("S"), "S: 4 of 4 SIP numbers in use");
        assert_eq!(why(&explain(Some("expired"), Some("A"), gates.clone())), "A: expired");
    }

    #[test]
    fn one_device_more_of_a_live_number_is_told_by_the_full_gate() {
        let gates = vec![gate("A", (1, 9), (0, 4), None), gate("user:anna", (1, 2), (1, 1), None)];

        assert_eq!(why(&explain(None, None, gates)), "user:anna: 1 of 1 mobile apps in use");
    }
}

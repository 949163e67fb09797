//! The play: the opening, the tree as it is then, what to try, and daily life until it is stopped.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep};

use crate::admin::control::Answers;
use crate::cli;
use crate::config::Config;

use super::Fault;
use super::cast::{Act, CAST, DAILY, DOMAIN, OPENING, aor};
use super::device::{Device, Outcome};
use super::story::{Story, try_next, why};

/// Between two acts of the opening: slow enough to be followed.
const PACE: Duration = Duration::from_millis(120);
/// Between two acts of daily life.
const DAILY_PACE: Duration = Duration::from_secs(6);
/// How often devices look whether they must refresh.
const TICK: Duration = Duration::from_secs(1);

/// Plays against the daemon at `sip` until it is dropped.
pub async fn play(config: Config, sip: SocketAddr, metrics: SocketAddr, desk: Arc<dyn Answers>) {
    if let Err(error) = show(&config, sip, metrics, desk).await {
        tracing::error!(%error, "the demo stopped playing");
    }
}

async fn show(
    config: &Config,
    sip: SocketAddr,
    metrics: SocketAddr,
    desk: Arc<dyn Answers>,
) -> Result<(), Fault> {
    let story = Story::new();
    let file = config.file.clone().unwrap_or_default();
    story.show(format_args!(
        "admitd listens on {sip} (UDP and TCP) for {DOMAIN}, with its built-in registrar.\n\
         Database and config are in {}, made for this demo.",
        config.database.folder(Path::new("")).display()
    ));
    let mut troupe = Troupe::gather(sip, Arc::clone(&desk), story).await?;
    for act in OPENING {
        troupe.perform(*act).await?;
        sleep(PACE).await;
    }
    story.say("Who holds what now:");
    story.show(format_args!("{}\n", cli::drawn(&desk.tree()?)));
    story.show(format_args!("{}\n", try_next(&file, sip, metrics)));
    troupe.live().await
}

struct Troupe {
    devices: Vec<Device>,
    desk: Arc<dyn Answers>,
    story: Story,
}

impl Troupe {
    async fn gather(daemon: SocketAddr, desk: Arc<dyn Answers>, story: Story) -> io::Result<Self> {
        let mut devices = Vec::new();
        for part in CAST {
            devices.push(Device::new(*part, daemon).await?);
        }
        Ok(Self { devices, desk, story })
    }

    async fn perform(&mut self, act: Act) -> io::Result<()> {
        match act {
            Act::Say(text) => self.story.say(text),
            Act::Register(who) => {
                let Some(device) = self.device(who) else { return Ok(()) };
                let outcome = device.register().await?;
                let number = device.number();
                self.tell(who, &format!("REGISTER {}", short(&number)), &number, &outcome);
            }
            Act::Leave(who) => {
                let Some(device) = self.device(who) else { return Ok(()) };
                let outcome = device.leave().await?;
                self.story.act(who, "REGISTER, Expires: 0", &outcome, "left");
            }
            Act::Call(who, whom) => {
                let Some(callee) = CAST.iter().find(|part| part.name == whom) else {
                    return Ok(());
                };
                let Some(device) = self.device(who) else { return Ok(()) };
                let outcome = device.call(&aor(callee.user)).await?;
                let number = device.number();
                self.tell(who, &format!("INVITE {}", callee.user), &number, &outcome);
            }
        }
        Ok(())
    }

    fn device(&mut self, name: &str) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.part.name == name)
    }

    fn tell(&self, who: &str, what: &str, number: &str, outcome: &Outcome) {
        let why = match (outcome.status, outcome.granted_secs) {
            (200..300, Some(secs)) => format!("for {secs} s"),
            (200..300, None) => "talked, hung up".to_owned(),
            _ => self.desk.explain(number).map(|explain| why(&explain)).unwrap_or_default(),
        };
        self.story.act(who, what, outcome, &why);
    }

    /// Refreshes in time and something to see every few seconds, until dropped.
    async fn live(&mut self) -> Result<(), Fault> {
        let mut tick = interval(TICK);
        let mut acts = DAILY.iter().cycle();
        let mut next_act = Instant::now() + DAILY_PACE;
        loop {
            tick.tick().await;
            self.refresh().await?;
            if Instant::now() >= next_act {
                next_act = Instant::now() + DAILY_PACE;
                if let Some(act) = acts.next() {
                    self.perform(*act).await?;
                }
            }
        }
    }

    /// Whoever's time has come registers again; only refusals are told one by one.
    async fn refresh(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let (mut refreshed, mut refused) = (0, Vec::new());
        for device in &mut self.devices {
            if device.refresh_at.is_none_or(|at| at > now) {
                continue;
            }
            let outcome = device.register().await?;
            match outcome.status {
                200..300 => refreshed += 1,
                _ => refused.push((device.part.name, device.number(), outcome)),
            }
        }
        if refreshed > 0 {
            let outcome = Outcome { status: 200, phrase: "OK".to_owned(), granted_secs: None };
            let who = if refreshed == 1 { "device" } else { "devices" };
            self.story.act(&format!("{refreshed} {who}"), "REGISTER again", &outcome, "refreshed");
        }
        for (who, number, outcome) in refused {
            self.tell(who, &format!("REGISTER {}", short(&number)), &number, &outcome);
        }
        Ok(())
    }
}

/// The user part of a number.
fn short(number: &str) -> &str {
    number.trim_start_matches("sip:").split('@').next().unwrap_or(number)
}

//! What the running daemon answers to people: from the tree as published and the seats as they are.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use super::reload::Reloader;
use crate::admin::control::{Answers, Unanswered};
use crate::admin::http::{Later, Live};
use crate::admission::{Admission, display_name};
use crate::clock::{Clock, Now};
use crate::license::{Action, Feature, Holder, Moment, SERVER, Viewer, World};
use crate::proxy::Proxy;
use crate::quota::{Quota, Seat, SeatKind};
use crate::refresh::Shared;
use crate::roster;
use crate::store::Mark;
use crate::telemetry::{Recent, RefusalLine, escaped, is_refusal_id};
use crate::view::{
    self, Entitlement, Explain, Freed, InUse, Occupancy, RefusalRow, SeatRow, State, Tally,
    TreeNode,
};

/// Whoever knows the answers.
pub struct Desk {
    pub quota: Arc<Quota>,
    pub shared: Arc<Shared>,
    pub proxy: Arc<Proxy>,
    pub admission: Arc<Admission>,
    pub reloader: Reloader,
    pub recent: Arc<Recent>,
    pub clock: Clock,
    /// Where the HTTP API listens, once it does.
    pub api: OnceLock<SocketAddr>,
}

impl Desk {
    /// The line that systemd shows.
    pub fn status(&self) -> String {
        let mut seats = 0;
        self.quota.uses(|one| seats += one.settled.sip);
        let numbers = self.shared.world().directory.len();
        let gates = self.quota.gates(self.clock.now()).len();
        format!("{seats} seats, {numbers} numbers, {gates} gates")
    }

    /// Reads the config again; what came of it goes to the log.
    pub fn reload_and_log(&self) {
        self.shared.compare();
        match self.reloader.reload() {
            Ok(waiting) if waiting.is_empty() => tracing::info!("config read again"),
            Ok(waiting) => tracing::warn!(
                sections = waiting.join(", "),
                "config read again; these sections take a restart"
            ),
            Err(fault) => tracing::error!(%fault, "the config in force stays"),
        }
    }

    fn seats_now(&self, now: Now) -> Vec<Seat> {
        self.quota.list(&|_| true, now)
    }

    /// What is live or held, without what a request holds until its answer: the figures of `state`
    /// and `tree` are those of the list of seats.
    fn settled_figures(&self) -> (Arc<World>, Tally, Now) {
        let now = self.clock.now();
        let world = self.shared.world();
        let mut seats = self.seats_now(now);
        seats.retain(|seat| seat.kind != SeatKind::Reserved);
        let tally = Tally::of(&world.tree, &seats);
        (world, tally, now)
    }

    fn find(&self, world: &World, path: &str) -> Result<Holder, Unanswered> {
        view::find(&world.tree, path).map_err(Unanswered)
    }

    /// The number of the device that people call by its number, instance or Contact.
    fn device_no(&self, number: &str, device: &str) -> Result<u32, Unanswered> {
        if let Ok(no) = device.parse() {
            return Ok(no);
        }
        let named = |entry: &crate::quota::Entry| {
            let same = |known: &&crate::quota::Device| display_name(&known.ids) == device;
            entry.devices().iter().find(same).map(|known| known.no)
        };
        let found = self.quota.look(number, named).flatten();
        found.ok_or_else(|| Unanswered(format!("{number} has no device {device:?}")))
    }
}

impl Answers for Desk {
    fn api(&self) -> Result<SocketAddr, Unanswered> {
        let listens = self.api.get().copied();
        listens.ok_or_else(|| Unanswered("the API does not listen yet".to_owned()))
    }

    fn tree(&self) -> Result<TreeNode, Unanswered> {
        let (world, tally, now) = self.settled_figures();
        Ok(view::tree(&world.tree, &world.directory, SERVER, now.moment(), &tally))
    }

    fn state(&self, path: &str) -> Result<State, Unanswered> {
        let (world, now) = (self.shared.world(), self.clock.now());
        let holder = self.find(&world, path)?;
        let occupancy = self.occupancy(&world, holder);
        Ok(view::state(&world.tree, holder, now.moment(), &occupancy))
    }

    fn seats(&self, path: Option<&str>) -> Result<Vec<SeatRow>, Unanswered> {
        let world = self.shared.world();
        let under = path.map(|path| self.find(&world, path)).transpose()?;
        let stands = |owner| match under {
            None => true,
            Some(Holder::Group(top)) => world.tree.ancestry(owner).contains(&top),
            Some(user) => user == owner,
        };
        let mut seats = self.seats_now(self.clock.now());
        seats.retain(|seat| stands(seat.owner));
        Ok(view::seats(&world.tree, &seats))
    }

    fn free(&self, number: &str, device: Option<&str>) -> Result<Freed, Unanswered> {
        let now = self.clock.now();
        let device = device.map(|device| self.device_no(number, device)).transpose()?;
        let freed = match self.quota.free(number, device, now) {
            Some(revoked) => {
                self.proxy.freed(&revoked, now);
                revoked.devices.len() + revoked.calls
            }
            None => 0,
        };
        let freed = i64::try_from(freed).unwrap_or(i64::MAX);
        Ok(Freed { number: number.to_owned(), freed })
    }

    fn explain(&self, number: &str) -> Result<Explain, Unanswered> {
        let (world, now) = (self.shared.world(), self.clock.now());
        let in_use = InUse::new(&self.quota, &world.tree, now);
        let explained = |number: &str| {
            view::explain(&world.tree, &world.directory, number, now.moment(), &in_use)
        };
        if !is_refusal_id(number) {
            return Ok(explained(number));
        }
        let line = self.recent.find(number);
        let line = line.ok_or_else(|| Unanswered(format!("no refusal {number} is remembered")))?;
        let mut explain = explained(&String::from_utf8_lossy(&line.number));
        explain.refusal = Some(refusal_row(&line));
        Ok(explain)
    }

    fn entitlements(
        &self,
        subject: &str,
        features: &[Feature],
    ) -> Result<Vec<Entitlement>, Unanswered> {
        let (world, now) = (self.shared.world(), self.clock.now().moment());
        let viewer = Viewer::server();
        let found = view::subject(&world, &viewer, subject).map_err(Unanswered)?;
        let asked = (subject, &found);
        Ok(view::entitlements(&world, &viewer, asked, features, (Action::Use, &[]), now))
    }

    fn reload(&self) -> Result<Vec<String>, Unanswered> {
        self.shared.compare();
        self.reloader.reload().map_err(Unanswered)
    }
}

impl Live for Desk {
    fn world(&self) -> Arc<World> {
        self.shared.world()
    }

    fn now(&self) -> Moment {
        self.clock.now().moment()
    }

    fn occupancy(&self, world: &World, holder: Holder) -> Occupancy {
        Occupancy::count(&self.quota, &world.tree, holder)
    }

    fn in_use<'a>(&'a self, world: &'a World) -> InUse<'a> {
        InUse::new(&self.quota, &world.tree, self.clock.now())
    }

    fn seats(&self) -> Vec<Seat> {
        self.seats_now(self.clock.now())
    }

    fn number(&self, text: &str) -> Result<String, String> {
        let settings = self.admission.settings();
        let alias = |host: &str| settings.domain_of(host);
        roster::spell(text, &alias, settings.fold_user_case)
    }

    fn free(&self, number: &str, device: Option<&str>) -> Result<Freed, Unanswered> {
        Answers::free(self, number, device)
    }

    fn followed(&self, mark: Mark) -> Later<'_, ()> {
        Box::pin(self.shared.followed(mark))
    }

    fn refusals(&self) -> Arc<Recent> {
        Arc::clone(&self.recent)
    }
}

fn refusal_row(line: &RefusalLine) -> RefusalRow {
    RefusalRow {
        id: line.id.clone(),
        at: Moment(line.at_ms.div_euclid(1000)).rfc3339(),
        method: line.method.to_owned(),
        source: line.source.to_string(),
        user_agent: escaped(&line.user_agent),
        cause: line.cause.name().to_owned(),
        bound_by: line.bound_by.clone(),
    }
}

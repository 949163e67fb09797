//! The HTTP API under `/api/v1`: what administrators, consoles and scripts ask and change. It reads what
//! the daemon has in memory and writes through the store, which decides; rights are `license::roles`'.

mod audit;
mod body;
mod caller;
mod claims;
mod describe;
mod entitlements;
mod explain;
mod fields;
mod groups;
mod import;
mod licenses;
mod mail;
mod names;
mod numbers;
mod pages;
mod paging;
mod params;
mod passwords;
mod problem;
mod refusals;
mod reminders;
mod roles;
mod seats;
mod serve;
mod sessions;
mod settings;
mod setup;
mod state;
mod tokens;
mod tries;
mod users;
mod webhooks;
mod writes;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::license::{Holder, Moment, World};
use crate::people::People;
use crate::quota::Seat;
use crate::store::{Mark, Store};
use crate::telemetry::Recent;
use crate::view::{Freed, InUse, Occupancy};
use crate::webhooks::Courier;

use super::control::Unanswered;

pub use caller::{Caller, Later};
pub use describe::openapi;
pub use mail::Mailing;
pub use problem::Problem;
pub use serve::{Serving, router, serve};
pub use tries::Tries;

/// What the handlers work with.
pub struct Api {
    pub store: Arc<Store>,
    pub live: Arc<dyn Live>,
    pub people: Arc<People>,
    pub mailing: Mailing,
    /// Brings test deliveries, and knows where webhooks may lead.
    pub courier: Courier,
    pub tries: Tries,
}

/// What the running daemon knows.
pub trait Live: Send + Sync + 'static {
    /// The tree and directory as last published.
    fn world(&self) -> Arc<World>;
    /// The second that is in progress.
    fn now(&self) -> Moment;
    /// What is live or held under a holder and at the gates above it: what the list of seats adds up to.
    fn occupancy(&self, world: &World, holder: Holder) -> Occupancy;
    /// The same with what requests hold until their answer: what a write is checked against.
    fn in_use<'a>(&'a self, world: &'a World) -> InUse<'a>;
    /// Every seat.
    fn seats(&self) -> Vec<Seat>;
    /// A number in the one spelling under which it is known, or why it is none.
    fn number(&self, text: &str) -> Result<String, String>;
    /// Ends the seats of a number, or the one of a device.
    fn free(&self, number: &str, device: Option<&str>) -> Result<Freed, Unanswered>;
    /// Resolves when a write is known here, or after a second.
    fn followed(&self, mark: Mark) -> Later<'_, ()>;
    /// The last refusals.
    fn refusals(&self) -> Arc<Recent>;
}

/// Every route, relative to `/api/v1`. A resource is a file, and adds itself here.
fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .merge(groups::routes())
        .merge(licenses::routes())
        .merge(state::routes())
        .merge(users::routes())
        .merge(numbers::routes())
        .merge(claims::routes())
        .merge(seats::routes())
        .merge(refusals::routes())
        .merge(explain::routes())
        .merge(entitlements::routes())
        .merge(settings::routes())
        .merge(import::routes())
        .merge(sessions::routes())
        .merge(setup::routes())
        .merge(passwords::routes())
        .merge(roles::routes())
        .merge(tokens::routes())
        .merge(audit::routes())
        .merge(reminders::routes())
        .merge(mail::routes())
        .merge(webhooks::routes())
}

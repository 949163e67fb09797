//! What is in use, and what is left: gates, seats, and the published facts that packets read.
//! Knows the license domain only; no SIP, no SQL, no sockets, and no clock: `Now` comes in.

mod agents;
mod ahead;
mod boundary;
mod calls;
mod device;
mod entry;
mod expiry;
mod few;
#[cfg(test)]
pub(crate) mod fixture;
mod gate;
mod known;
mod listing;
#[cfg(all(test, feature = "loom"))]
mod loom_;
mod measure;
mod millis;
mod name;
mod numbered;
mod packed;
mod parts;
mod path;
mod publish;
mod rare;
mod renew;
mod reservation;
mod revoke;
mod seats;
mod settle;
mod shard;
mod slab;
mod snapshot;
mod sync;
#[cfg(all(test, not(feature = "loom")))]
mod tests;
mod ticket;
mod urn;
mod verdict;
mod word;

pub use ahead::AHEAD;
pub use calls::CallDecision;
pub use device::{Binding, Bound, Call, Device, Ids, Reach, Spans, State};
pub use entry::{Entry, Matcher};
pub use expiry::Woken;
pub use gate::Gate;
pub use known::{Known, Names};
pub use listing::{Counts, Dirty, Record, Seat, SeatKind, Use};
pub use measure::{Ask, GateView, Level, Overhang, Plan, Units};
pub use millis::Millis;
pub use parts::Parts;
pub use path::{Path, Refusal, Stop};
pub use publish::{Changes, Quota};
pub use renew::Renewal;
pub use reservation::Reservation;
pub use revoke::Revoked;
pub use seats::{Decision, Limits, Registering, Seats, Standing, Unreserved, Wanted};
pub use settle::{Answer, Granted, Kept, Settled};
pub use snapshot::Owned;
pub use ticket::Ticket;
pub use verdict::Epoch;

pub use crate::license::Touched;

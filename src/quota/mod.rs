//! What is in use, and what is left: gates, seats, and the published facts that packets read.
//! Knows the license domain only; no SIP, no SQL, no sockets, and no clock: `Now` comes in.

mod gate;
mod path;
mod reservation;
mod step;
mod sync;

pub use gate::{Ask, Gate, GateView, Level, Overhang, Plan, Units};
pub use path::{Path, Refusal, Stop};
pub use reservation::Reservation;
pub use step::{Cause, GateStatus, Step};

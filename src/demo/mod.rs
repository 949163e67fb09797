//! `run --demo`: an example tree in a database of its own, and a few devices that register and call,
//! so that admissions and refusals are seen within seconds. The daemon under it is the real one and
//! does not know that its devices are played.

mod cast;
mod device;
mod message;
mod script;
mod stage;
mod story;
mod tree;

pub use script::play;
pub use stage::Stage;

/// Why the demo cannot be shown.
type Fault = Box<dyn std::error::Error + Send + Sync>;

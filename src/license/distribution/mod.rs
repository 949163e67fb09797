//! What may be granted: whether a write fits, compared before and after, at every instant to come.
//! A write is refused only for what it makes worse.

mod change;
mod check;
mod features;
mod ownership;
#[cfg(test)]
mod property;
mod records;
mod seats;
mod shares;
#[cfg(test)]
mod slow;
mod sums;
mod timeline;
mod told;
mod verdict;

pub use change::Change;
pub use check::check;
pub use ownership::is_claimed_by_others;
pub use told::Listener;
pub use verdict::{Obstacle, Refused, Warning, WarningKind};

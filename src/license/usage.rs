//! What the wire holds at the moment, as the domain asks for it. The seats themselves live elsewhere.

use super::Holder;

/// Counts of seats. Every holder may be asked, gate or not; a number under it counts once.
pub trait Usage {
    /// SIP seats of numbers under the holder.
    fn sip_seats(&self, holder: Holder) -> u64;
    /// App seats of numbers under the holder.
    fn app_seats(&self, holder: Holder) -> u64;
    /// SIP seats of claimed numbers under the holder.
    fn claimed_seats(&self, holder: Holder) -> u64;
    /// SIP seats of claimed numbers that the gate's promise binds, see [`super::Tree::promises`].
    fn promised_seats(&self, gate: Holder) -> u64;
}

/// Nothing in use.
#[derive(Clone, Copy, Debug)]
pub struct NoSeats;

impl Usage for NoSeats {
    fn sip_seats(&self, _: Holder) -> u64 {
        0
    }

    fn app_seats(&self, _: Holder) -> u64 {
        0
    }

    fn claimed_seats(&self, _: Holder) -> u64 {
        0
    }

    fn promised_seats(&self, _: Holder) -> u64 {
        0
    }
}

//! Who gives way when a limit fell: claimed numbers first, then created ones, panels and concierges
//! last; in each class the newest first. Where SIP and app seats are both over, SIP seats go first.

use std::cmp::Reverse;

use super::NumberKind;

/// How long a number is spared. The order is that of revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevokeClass {
    /// Comes by a claim, whatever its kind.
    Claimed,
    /// Somebody created it.
    Created,
    /// A created door panel or concierge.
    Last,
}

/// Sorts seats into the order in which they go: the smallest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevokeOrder {
    class: RevokeClass,
    since: Reverse<i64>,
}

impl RevokeClass {
    /// The class of a number's seats.
    pub fn of(created: bool, kind: NumberKind) -> Self {
        match (created, kind) {
            (false, _) => Self::Claimed,
            (true, NumberKind::Panel | NumberKind::Concierge) => Self::Last,
            (true, _) => Self::Created,
        }
    }
}

impl RevokeOrder {
    /// The place of a seat held `since`, in any one unit of time.
    pub fn new(class: RevokeClass, since: i64) -> Self {
        Self { class, since: Reverse(since) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claimed_go_first_and_panels_last_and_the_newest_first() {
        let seat = |created, kind, since| RevokeOrder::new(RevokeClass::of(created, kind), since);
        let old_claimed = seat(false, NumberKind::Panel, 1);
        let new_claimed = seat(false, NumberKind::Phone, 9);
        let phone = seat(true, NumberKind::Phone, 10);
        let panel = seat(true, NumberKind::Panel, 11);
        let concierge = seat(true, NumberKind::Concierge, 3);

        let mut seats = vec![panel, concierge, phone, old_claimed, new_claimed];
        seats.sort();

        assert_eq!(seats, [new_claimed, old_claimed, phone, panel, concierge]);
    }
}

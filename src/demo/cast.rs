//! Who plays: the devices, and what they do, in order.

/// The domain of every number of the example.
pub const DOMAIN: &str = "example.com";

/// An address-of-record of the example.
pub fn aor(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}

/// One device.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// How the story calls it.
    pub name: &'static str,
    /// The user part of its number.
    pub user: &'static str,
    /// Added to its Contact.
    pub contact: &'static str,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A line of the narrator.
    Say(&'static str),
    Register(&'static str),
    Leave(&'static str),
    /// Who calls whom.
    Call(&'static str, &'static str),
}

use Act::{Call, Leave, Register, Say};

const PHONE: &str = "";

/// All devices.
pub const CAST: &[Part] = &[
    part("panel door-a", "door-a", PHONE),
    part("panel gate-a", "gate-a", PHONE),
    part("concierge", "concierge", PHONE),
    part(
        "Anna's phone",
        "anna",
        ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00000000a1>\"",
    ),
    part(
        "Anna's tablet",
        "anna",
        ";+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-00000000a2>\"",
    ),
    part("Ben's monitor", "ben", PHONE),
    part("phone 1001", "1001", PHONE),
    part("phone 1002", "1002", PHONE),
    part("phone 1003", "1003", PHONE),
    part("phone 1004", "1004", PHONE),
    part("phone 2001", "2001", PHONE),
    part("phone 2002", "2002", PHONE),
    part("phone 2101", "2101", PHONE),
    part("phone 2102", "2102", PHONE),
    part("phone 2103", "2103", PHONE),
    part("panel door-b", "door-b", PHONE),
    part("a stranger", "9999", PHONE),
];

/// What is shown first.
pub const OPENING: &[Act] = &[
    Say("A Residence has 9 SIP numbers. Panels, the concierge and residents have theirs by name."),
    Register("panel door-a"),
    Register("panel gate-a"),
    Register("concierge"),
    Register("Ben's monitor"),
    Say("Anna has a license for one mobile app; she has two devices."),
    Register("Anna's phone"),
    Register("Anna's tablet"),
    Say("The numbers 1000-1999 belong to A Residence by a claim; what is left there is theirs."),
    Register("phone 1001"),
    Register("phone 1002"),
    Register("phone 1003"),
    Register("phone 1004"),
    Say("One leaves, so exactly one gets in."),
    Leave("phone 1003"),
    Register("phone 1004"),
    Register("phone 1003"),
    Say("Both piers may have 4 each, but South, the dealer above them, has 4 in all."),
    Register("phone 2001"),
    Register("phone 2002"),
    Register("phone 2101"),
    Register("phone 2102"),
    Register("phone 2103"),
    Say("A number that nobody owns is asked for a password like others: a scanner learns nothing."),
    Register("a stranger"),
    Say("Calls pass while the caller holds a seat, or finds one."),
    Call("panel door-a", "Anna's phone"),
    Call("phone 1001", "concierge"),
    Call("phone 1003", "phone 1001"),
    Say("The Trial of B Residence ends in a few seconds; nobody is told 200 for longer."),
    Register("panel door-b"),
];

/// What goes on, one act every few seconds, again and again.
pub const DAILY: &[Act] = &[
    Call("panel door-a", "Anna's phone"),
    Register("phone 1003"),
    Register("panel door-b"),
    Call("panel gate-a", "concierge"),
    Register("Anna's tablet"),
    Register("phone 2103"),
];

const fn part(name: &'static str, user: &'static str, contact: &'static str) -> Part {
    Part { name, user, contact }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_acts_is_in_the_cast_once() {
        let times = |name| CAST.iter().filter(|part| part.name == name).count();

        for act in OPENING.iter().chain(DAILY) {
            match act {
                Say(_) => {}
                Register(who) | Leave(who) => assert_eq!(times(*who), 1, "{who}"),
                Call(who, whom) => assert_eq!((times(*who), times(*whom)), (1, 1), "{act:?}"),
            }
        }
    }
}

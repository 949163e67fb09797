//! Request methods. What the daemon has no rule for is `Other` and is read from the message.

/// A request method (RFC 3261 7.1 and its extensions); methods are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Register,
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Prack,
    Update,
    Info,
    Message,
    Refer,
    Subscribe,
    Notify,
    Publish,
    Other,
}

impl Method {
    const NAMED: [(Self, &'static str); 14] = [
        (Self::Register, "REGISTER"),   // RFC 3261 10
        (Self::Invite, "INVITE"),       // RFC 3261 13
        (Self::Ack, "ACK"),             // RFC 3261 17.1.1.3
        (Self::Bye, "BYE"),             // RFC 3261 15
        (Self::Cancel, "CANCEL"),       // RFC 3261 9
        (Self::Options, "OPTIONS"),     // RFC 3261 11
        (Self::Prack, "PRACK"),         // RFC 3262
        (Self::Update, "UPDATE"),       // RFC 3311
        (Self::Info, "INFO"),           // RFC 6086
        (Self::Message, "MESSAGE"),     // RFC 3428
        (Self::Refer, "REFER"),         // RFC 3515
        (Self::Subscribe, "SUBSCRIBE"), // RFC 6665
        (Self::Notify, "NOTIFY"),       // RFC 6665
        (Self::Publish, "PUBLISH"),     // RFC 3903
    ];

    /// The method that `text` names.
    pub fn parse(text: &[u8]) -> Self {
        Self::NAMED
            .iter()
            .find(|(_, name)| name.as_bytes() == text)
            .map_or(Self::Other, |(m, _)| *m)
    }

    /// The name on the wire; `OTHER` for what has no rule of its own (a label, not wire text).
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(method, _)| *method == self).map_or("OTHER", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::parse(b"REGISTER"), Method::Register);
        assert_eq!(Method::parse(b"register"), Method::Other);
        assert_eq!(Method::parse(b"RE%47IST%45R"), Method::Other);
    }
}

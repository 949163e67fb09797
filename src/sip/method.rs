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
    /// The method that `text` names.
    pub fn parse(text: &[u8]) -> Self {
        match text {
            b"REGISTER" => Self::Register,   // RFC 3261 10
            b"INVITE" => Self::Invite,       // RFC 3261 13
            b"ACK" => Self::Ack,             // RFC 3261 17.1.1.3
            b"BYE" => Self::Bye,             // RFC 3261 15
            b"CANCEL" => Self::Cancel,       // RFC 3261 9
            b"OPTIONS" => Self::Options,     // RFC 3261 11
            b"PRACK" => Self::Prack,         // RFC 3262
            b"UPDATE" => Self::Update,       // RFC 3311
            b"INFO" => Self::Info,           // RFC 6086
            b"MESSAGE" => Self::Message,     // RFC 3428
            b"REFER" => Self::Refer,         // RFC 3515
            b"SUBSCRIBE" => Self::Subscribe, // RFC 6665
            b"NOTIFY" => Self::Notify,       // RFC 6665
            b"PUBLISH" => Self::Publish,     // RFC 3903
            _ => Self::Other,
        }
    }

    /// The name on the wire; `OTHER` for what has no rule of its own (a label, not wire text).
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "REGISTER",
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Prack => "PRACK",
            Self::Update => "UPDATE",
            Self::Info => "INFO",
            Self::Message => "MESSAGE",
            Self::Refer => "REFER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Publish => "PUBLISH",
            Self::Other => "OTHER",
        }
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

//! A SIP message as the played devices write and read it: plain text, and only what they need.

use std::fmt::Write;

/// A received message, its header names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    start: String,
    headers: Vec<(String, String)>,
}

impl Message {
    /// Reads one datagram; `None` for what is no message.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, _) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { start, headers })
    }

    /// Status and phrase of a response; `None` for a request.
    pub fn status(&self) -> Option<(u16, &str)> {
        let (code, phrase) = self.start.strip_prefix("SIP/2.0 ")?.split_once(' ')?;
        Some((code.parse().ok()?, phrase))
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The first header of this name.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header of this name.
    pub fn all(&self, name: &'static str) -> impl DoubleEndedIterator<Item = &str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The URI of the Contact.
    pub fn contact(&self) -> Option<&str> {
        let (_, rest) = self.header("contact")?.split_once('<')?;
        rest.split('>').next()
    }

    /// The shortest `expires` that the answer grants.
    pub fn granted_secs(&self) -> Option<u64> {
        let of = |contact: &str| -> Option<u64> {
            let (_, rest) = contact.rsplit_once(";expires=")?;
            rest.split([';', ',']).next()?.trim().parse().ok()
        };
        self.all("contact").filter_map(of).min()
    }

    /// The text of an answer to this request; `tag` is ours, for the To header.
    pub fn answer(&self, (status, phrase): (u16, &str), tag: &str, headers: &str) -> String {
        let mut text = format!("SIP/2.0 {status} {phrase}\r\n");
        for (name, value) in &self.headers {
            let line = match name.as_str() {
                "via" | "from" | "call-id" | "cseq" | "record-route" => format!("{name}: {value}"),
                "to" if value.contains(";tag=") => format!("to: {value}"),
                "to" => format!("to: {value};tag={tag}"),
                _ => continue,
            };
            // Writing to a string does not fail.
            let _ = write!(text, "{line}\r\n");
        }
        text + headers + "Content-Length: 0\r\n\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:a@h SIP/2.0\r\nVia: x\r\nVia: y\r\nTo: <sip:a@h>\r\n\
        Contact: <sip:b@i>;expires=40, <sip:c@i>;expires=9\r\n\r\n";

    #[test]
    fn an_answer_goes_back_by_every_via_and_tags_to() {
        let invite = Message::read(INVITE.as_bytes()).unwrap();

        let answer = invite.answer((180, "Ringing"), "t", "");

        assert_eq!(
            answer,
            "SIP/2.0 180 Ringing\r\nvia: x\r\nvia: y\r\nto: <sip:a@h>;tag=t\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let answer = Message::read(answer.as_bytes()).unwrap();
        assert_eq!(answer.status(), Some((180, "Ringing")));
    }

    #[test]
    fn a_request_is_no_answer_and_noise_is_no_message() {
        assert_eq!(Message::read(INVITE.as_bytes()).unwrap().status(), None);
        assert_eq!(Message::read(b"\r\n"), None);
        assert_eq!(Message::read(b"\xff\r\n\r\n"), None);
    }
}

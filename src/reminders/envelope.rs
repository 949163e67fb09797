//! A rendered mail as the bytes that go to the server.

use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use sha2::{Digest, Sha256};

use super::template::Rendered;
use crate::license::Moment;

/// A mail that is ready to be handed over.
pub struct Letter {
    pub from: Address,
    pub to: Address,
    pub content: Vec<u8>,
}

/// What makes a mail the same mail when it is sent again: a mailbox that gets it twice may drop one.
pub fn message_id(from: &Mailbox, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("<{name}@{}>", from.email.domain())
}

/// Puts a mail together. Fails where the address is none.
pub fn letter(
    from: &Mailbox,
    to: &str,
    message_id: String,
    mail: Rendered,
    now: Moment,
) -> Result<Letter, String> {
    let address: Address = to.parse().map_err(|fault| format!("{to:?}: {fault}"))?;
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(now.0.max(0).unsigned_abs());
    let message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, address.clone()))
        .subject(mail.subject)
        .date(date)
        .message_id(Some(message_id))
        // RFC 3834: nobody's absence is to be reported to us.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".into(),
        ))
        .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))
        .map_err(|fault| fault.to_string())?;
    Ok(Letter { from: from.email.clone(), to: address, content: message.formatted() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(subject: &str) -> Rendered {
        Rendered { subject: subject.into(), text: "text é".into(), html: "<p>html</p>".into() }
    }

    fn content(to: &str, subject: &str) -> Result<String, String> {
        let from: Mailbox = "Licenses <licenses@example.com>".parse().unwrap();
        let id = message_id(&from, &["a", "b"]);
        let letter = letter(&from, to, id, rendered(subject), Moment(1_733_011_200))?;
        Ok(String::from_utf8(letter.content).unwrap())
    }

    #[test]
    fn it_has_text_and_page_and_says_that_nobody_wrote_it() {
        let mail = content("anna@example.com", "Licenses end").unwrap();

        for line in [
            "From: Licenses <licenses@example.com>\r\n",
            "To: anna@example.com\r\n",
            "Subject: Licenses end\r\n",
            "Date: Sun, 01 Dec 2024 00:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "multipart/alternative",
            "@example.com>\r\n",
        ] {
            assert!(mail.contains(line), "{line}\n{mail}");
        }
        assert!(mail.is_ascii());
    }

    #[test]
    fn nothing_in_a_subject_or_an_address_becomes_a_header() {
        let mail = content("anna@example.com", "x\r\nBcc: all@example.com\r\n\r\nbody").unwrap();

        assert!(!mail.contains("\r\nBcc:"), "{mail}");
        for to in ["a@b.com\r\nBcc: c@d.com", "a@b.com>, <c@d.com", "a b@c.com", "nobody"] {
            assert!(content(to, "x").is_err(), "{to}");
        }
    }

    #[test]
    fn the_same_mail_has_the_same_id() {
        let from: Mailbox = "licenses@example.com".parse().unwrap();

        assert_eq!(message_id(&from, &["a", "b"]), message_id(&from, &["a", "b"]));
        assert_ne!(message_id(&from, &["a", "b"]), message_id(&from, &["ab", ""]));
    }
}

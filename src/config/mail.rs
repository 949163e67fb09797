//! `[mail]` and `[reminders]`: the server that takes our mails, who they are from, and when they leave.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::NaiveTime;
use lettre::message::Mailbox;

use super::read::{Section, text};
use super::values::host_port;

/// `[mail]`: how mails leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub smtp: Smtp,
    /// The sender: an address, with a name or without.
    pub from: Mailbox,
    /// A file that holds the password, instead of the URL.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// A mail server. Prints its password as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// Whom we sign in as; `None`: we don't.
    pub user: Option<String>,
    pub password: Option<String>,
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    Never,
    /// By STARTTLS where the server offers it.
    Offered,
    /// By STARTTLS, or no mail leaves.
    Required,
    /// From the first byte.
    Wrapped,
}

/// `[reminders]`: the mails about licenses that end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reminders {
    /// When they leave, by the clock of the group's zone.
    pub at: NaiveTime,
}

const TLS_WORDS: [(&str, Tls); 3] =
    [("never", Tls::Never), ("opportunistic", Tls::Offered), ("required", Tls::Required)];

impl Smtp {
    /// Whether what is sent can be read only by this machine.
    fn is_local(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Smtp {
    type Err = String;

    /// `smtp://` or `smtps://`, then `user:password@` where wanted, host, port, and `?tls=required`.
    fn from_str(url: &str) -> Result<Self, String> {
        let (wrapped, rest) = match url.split_once("://") {
            Some(("smtp", rest)) => (false, rest),
            Some(("smtps", rest)) => (true, rest),
            _ => return Err("starts neither with smtp:// nor with smtps://".to_owned()),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            Some((user, password)) => (Some(decoded(user)?), Some(decoded(password)?)),
            None => (None, None),
        };
        let (host, port) = host_port(place)?;
        let port = port.unwrap_or(if wrapped {
            465
        } else if login.is_some() {
            587
        } else {
            25
        });
        let password = password.filter(|password| !password.is_empty());
        let mut smtp = Self { host, port, tls: Tls::Wrapped, user, password };
        if !wrapped {
            smtp.tls = if smtp.is_local() { Tls::Never } else { Tls::Offered };
        }
        match (query.split_once('='), wrapped) {
            (None, _) if query.is_empty() => {}
            (Some(("tls", word)), false) => smtp.tls = tls_word(word)?,
            _ => return Err("may end with ?tls=required, and with nothing else".to_owned()),
        }
        Ok(smtp)
    }
}

fn tls_word(word: &str) -> Result<Tls, String> {
    let found = TLS_WORDS.iter().find(|(name, _)| *name == word).map(|(_, tls)| *tls);
    found.ok_or_else(|| format!("{word:?} is not never, opportunistic or required"))
}

/// The text that stands behind `%40` and the like.
fn decoded(text: &str) -> Result<String, String> {
    let unreadable = || "has a % that does not begin a character; write % as %25".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let code = after.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.ok_or_else(unreadable)?);
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| unreadable())
}

impl fmt::Display for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tls == Tls::Wrapped { "smtps://" } else { "smtp://" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}:***@")?;
        }
        match self.host.parse() {
            Ok(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.tls)
    }
}

/// `None` without the section: no mails are sent.
pub(super) fn mail(mut section: Section<'_, '_>, folder: &Path) -> Option<Mail> {
    let present = !section.is_empty();
    let smtp = smtp(&mut section, present);
    let smtp = starttls(&mut section, smtp);
    let from = match section.value("from") {
        Some(value) => {
            let wanted =
                "a mail address, \"licenses@example.com\" or \"Licenses <licenses@example.com>\"";
            text(&value, &mut section.wrong("from"), wanted, |text| text.parse::<Mailbox>().ok())
        }
        None if present => section.missing("from", "[mail] needs the address that mails are from"),
        None => None,
    };
    let password_file = file(&mut section, "password_file", folder);
    let ca_file = file(&mut section, "ca_file", folder);
    if let Some(smtp) = &smtp {
        let has_password = smtp.password.is_some() || password_file.is_some();
        if has_password && smtp.user.is_none() {
            let () =
                section.missing("smtp", "a password needs a user: smtp://USER@HOST").unwrap_or(());
        } else if smtp.user.is_some() && !has_password {
            let () = section.missing("smtp", "the user has no password").unwrap_or(());
        }
        if has_password && matches!(smtp.tls, Tls::Never | Tls::Offered) && !smtp.is_local() {
            let message =
                "the password would leave in the clear; write smtps:// or starttls = true";
            let () = section.missing("smtp", message).unwrap_or(());
        }
    }
    section.finish();
    Some(Mail { smtp: smtp?, from: from?, password_file, ca_file })
}

fn smtp(section: &mut Section<'_, '_>, present: bool) -> Option<Smtp> {
    let Some(value) = section.value("smtp") else {
        return if present { section.missing("smtp", "[mail] needs a mail server") } else { None };
    };
    let mut wrong = section.wrong("smtp");
    // The text itself is not repeated: it may hold a password.
    match value.as_str().map(str::parse) {
        Some(Ok(smtp)) => Some(smtp),
        Some(Err(fault)) => wrong.at(&value, fault),
        None => wrong.at(&value, "should be \"smtp://HOST\" or \"smtps://USER:PASSWORD@HOST\""),
    }
}

fn starttls(section: &mut Section<'_, '_>, smtp: Option<Smtp>) -> Option<Smtp> {
    let Some(value) = section.value("starttls") else { return smtp };
    let tls = match (value.as_bool(), value.as_str()) {
        (Some(true), _) => Ok(Tls::Required),
        (Some(false), _) => Ok(Tls::Never),
        (_, Some(word)) => tls_word(word),
        _ => Err("should be true, false, \"opportunistic\" or \"required\"".to_owned()),
    };
    let mut wrong = section.wrong("starttls");
    match (tls, smtp) {
        (Err(fault), smtp) => wrong.at(&value, fault).or(smtp),
        (Ok(_), Some(smtp)) if smtp.tls == Tls::Wrapped => wrong
            .at(&value, "smtps:// is encrypted from the first byte; leave this out")
            .or(Some(smtp)),
        (Ok(tls), smtp) => smtp.map(|smtp| Smtp { tls, ..smtp }),
    }
}

fn file(section: &mut Section<'_, '_>, key: &'static str, folder: &Path) -> Option<PathBuf> {
    let value = section.value(key)?;
    let looks = section.looks_at_disk();
    let mut wrong = section.wrong(key);
    let path =
        text(&value, &mut wrong, "a file", |text| (!text.is_empty()).then(|| folder.join(text)))?;
    match std::fs::read_to_string(&path) {
        Err(error) if looks => wrong.at(&value, format_args!("{}: {error}", path.display())),
        _ => Some(path),
    }
}

/// Nine in the morning without the section.
pub(super) fn reminders(mut section: Section<'_, '_>) -> Reminders {
    let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default();
    let at = section.value("at").and_then(|value| {
        text(&value, &mut section.wrong("at"), "a time of day, \"09:00\"", |text| {
            NaiveTime::parse_from_str(text, "%H:%M").ok()
        })
    });
    section.finish();
    Reminders { at: at.unwrap_or(nine) }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Tls};
    use std::path::Path;

    fn read(mail: &str) -> Result<super::Mail, String> {
        let source = format!("[mail]\n{mail}\nfrom = \"Licenses <licenses@example.com>\"\n");
        let config = Config::parse(&source, Path::new("/etc/admitd/admitd.toml"));
        config.map(|config| config.mail.expect("a section")).map_err(|report| report.to_string())
    }

    #[test]
    fn without_the_section_no_mail_is_sent() {
        let config = Config::default();

        assert_eq!(config.mail, None);
        assert_eq!(config.reminders.at.to_string(), "09:00:00");
    }

    #[test]
    fn a_server_is_read_in_every_form() {
        let tls = |mail: &str| read(mail).map(|mail| (mail.smtp.port, mail.smtp.tls));

        assert_eq!(tls("smtp = \"smtp://127.0.0.1:2525\""), Ok((2525, Tls::Never)));
        assert_eq!(tls("smtp = \"smtp://mail.example.com\""), Ok((25, Tls::Offered)));
        assert_eq!(tls("smtp = \"smtps://a:b@mail.example.com\""), Ok((465, Tls::Wrapped)));
        assert_eq!(
            tls("smtp = \"smtp://mail.example.com:587?tls=required\""),
            Ok((587, Tls::Required))
        );
        assert_eq!(
            tls("smtp = \"smtp://a:b@mail.example.com\"\nstarttls = true"),
            Ok((587, Tls::Required))
        );
        let mail = read("smtp = \"smtps://anna%40example.com:p%25s%3as@[::1]:465/\"").unwrap();
        assert_eq!(mail.smtp.user.as_deref(), Some("anna@example.com"));
        assert_eq!(mail.smtp.password.as_deref(), Some("p%s:s"));
        assert_eq!(mail.smtp.host, "::1");
    }

    #[test]
    fn a_password_is_not_told() {
        let mail = read("smtp = \"smtps://anna:secret@mail.example.com\"").unwrap();

        assert!(!format!("{mail:?}").contains("secret"));
        assert_eq!(mail.smtp.to_string(), "smtps://anna:***@mail.example.com:465");
        let fault = read("smtp = \"smtp://anna:secret@mail.example.com:0\"").unwrap_err();
        assert!(!fault.contains("secret"), "{fault}");
    }

    #[test]
    fn what_cannot_be_is_told() {
        for (mail, told) in [
            ("smtp = \"mail.example.com\"", "starts neither"),
            ("smtp = \"smtp://a:b@mail.example.com\"", "in the clear"),
            ("smtp = \"smtp://a@127.0.0.1\"", "has no password"),
            ("smtp = \"smtps://h\"\nstarttls = true", "leave this out"),
            ("smtp = \"smtp://h?tls=maybe\"", "is not never"),
            ("smtp = \"smtp://h?x=1\"", "with nothing else"),
            ("starttls = \"required\"", "needs a mail server"),
        ] {
            let fault = read(mail).unwrap_err();
            assert!(fault.contains(told), "{mail}: {fault}");
        }
        let from = Config::parse(
            "[mail]\nsmtp = \"smtp://h\"\nfrom = \"a\\r\\nBcc: b@c\"",
            Path::new("/a"),
        );
        assert!(from.is_err());
    }
}

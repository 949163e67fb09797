//! One conversation with the mail server, step by step: between two steps the caller may write down
//! how far it got. It knows envelopes and bytes, not what they say.

use std::fmt;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Severity;
use tokio::time::timeout;

use crate::config;
use crate::config::Tls;

/// How long the server may take for one step.
const STEP: Duration = Duration::from_secs(10);
/// How long it may take to accept a mail that it has in full: it may look into it, and whoever gives up
/// too early sends twice (RFC 5321 4.5.3.2.6).
const ACCEPTANCE: Duration = Duration::from_secs(600);
/// Characters of what a server says that are kept.
const LONGEST_ANSWER: usize = 200;

/// Why a mail did not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server cannot be used at the moment: no mail leaves.
    Away(String),
    /// This mail was not taken this time.
    Later(String),
    /// This mail will never be taken.
    Never(String),
}

/// A connection that mails can be handed to, one after the other.
pub struct Session(AsyncSmtpConnection);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(text) | Self::Later(text) | Self::Never(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Fault {}

impl Session {
    /// Connects, encrypts and signs in, as the config says.
    pub async fn open(mail: &config::Mail) -> Result<Self, Fault> {
        let smtp = &mail.smtp;
        let hello = ClientId::default();
        let tls = match smtp.tls {
            Tls::Never => None,
            Tls::Offered | Tls::Required | Tls::Wrapped => Some(tls(mail)?),
        };
        let wrapped = tls.clone().filter(|_| smtp.tls == Tls::Wrapped);
        let server = (smtp.host.as_str(), smtp.port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, Some(STEP), &hello, wrapped, None);
        let mut connection = step(connected).await.map_err(away)?;
        let upgrades =
            smtp.tls == Tls::Required || smtp.tls == Tls::Offered && connection.can_starttls();
        if let Some(tls) = tls.filter(|_| upgrades) {
            step(connection.starttls(tls, &hello)).await.map_err(away)?;
        }
        if let Some(credentials) = credentials(mail)? {
            let known = [Mechanism::Plain, Mechanism::Login];
            step(connection.auth(&known, &credentials)).await.map_err(away)?;
        }
        Ok(Self(connection))
    }

    /// Offers a mail: sender, recipient, and that content follows. After this the content is to be
    /// sent, or the session dropped.
    pub async fn offer(&mut self, from: &Address, to: &Address) -> Result<(), Fault> {
        let foreign = !from.to_string().is_ascii() || !to.to_string().is_ascii();
        if foreign && !self.0.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Fault::Never("the mail server takes no such address (SMTPUTF8)".into()));
        }
        let options = if foreign { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        // Who refuses the sender means us, not this mail: it is tried again when that has changed.
        let sender = step(self.0.command(Mail::new(Some(from.clone()), options))).await;
        sender.map_err(away)?;
        step(self.0.command(Rcpt::new(to.clone(), Vec::new()))).await.map_err(refusal)?;
        step(self.0.command(Data)).await.map_err(refusal)?;
        Ok(())
    }

    /// Sends the content of the mail that was offered; done, it is the server's.
    pub async fn hand_over(&mut self, content: &[u8]) -> Result<(), Fault> {
        match timeout(ACCEPTANCE, self.0.message(content)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refusal(Ended::Error(error))),
            Err(_) => Err(refusal(Ended::Silent)),
        }
    }

    /// After a refusal: ready for the next mail, where the connection still stands.
    pub async fn reset(&mut self) -> Result<(), Fault> {
        step(self.0.command(Rset)).await.map(drop).map_err(away)
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        // Whatever it answers, all is done.
        let _ = step(self.0.quit()).await;
    }
}

/// How a step ended that did not succeed.
enum Ended {
    Silent,
    Error(Error),
}

async fn step<T>(ongoing: impl Future<Output = Result<T, Error>>) -> Result<T, Ended> {
    match timeout(STEP, ongoing).await {
        Ok(done) => done.map_err(Ended::Error),
        Err(_) => Err(Ended::Silent),
    }
}

fn away(ended: Ended) -> Fault {
    Fault::Away(told(&ended))
}

/// 4yz and 5yz are about this mail; 421 says that the server closes, and without an answer it is away.
fn refusal(ended: Ended) -> Fault {
    let text = told(&ended);
    let code = match &ended {
        Ended::Error(error) => error.status(),
        Ended::Silent => None,
    };
    match code {
        Some(code) if code.to_string() == "421" => Fault::Away(text),
        Some(code) if code.severity == Severity::PermanentNegativeCompletion => Fault::Never(text),
        Some(_) => Fault::Later(text),
        None => Fault::Away(text),
    }
}

/// What went wrong, in one line; a server may say what it likes.
fn told(ended: &Ended) -> String {
    let text = match ended {
        Ended::Silent => "the mail server does not answer".to_owned(),
        Ended::Error(error) => error.to_string(),
    };
    let plain = text.replace(char::is_control, " ");
    plain.chars().take(LONGEST_ANSWER).collect()
}

fn tls(mail: &config::Mail) -> Result<TlsParameters, Fault> {
    let mut builder = TlsParameters::builder(mail.smtp.host.clone());
    if let Some(file) = &mail.ca_file {
        let pem = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| unreadable(file, &error))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| Fault::Away(error.to_string()))
}

fn credentials(mail: &config::Mail) -> Result<Option<Credentials>, Fault> {
    let Some(user) = &mail.smtp.user else { return Ok(None) };
    let password = match (&mail.smtp.password, &mail.password_file) {
        (_, Some(file)) => {
            let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        (Some(password), None) => password.clone(),
        (None, None) => return Ok(None),
    };
    Ok(Some(Credentials::new(user.clone(), password)))
}

fn unreadable(file: &std::path::Path, error: &dyn fmt::Display) -> Fault {
    Fault::Away(format!("{}: {error}", file.display()))
}

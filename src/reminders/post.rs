//! The queue: takes mails that are to be sent, asks once more whether they are still wanted, hands them
//! to the server and writes down what became of them.
//!
//! Exactly once: a mail is a row before it is sent, and a daemon claims it before it touches it. When
//! the server is ready for the content the row says so (`sending`), only if the claim still stands; so
//! of two daemons one sends. A definite refusal, or a connection that breaks before the server's answer,
//! means that it was not taken: it is sent again, with the same Message-ID. What remains is a daemon that
//! dies between the last byte and the note of the answer, see `Store::claim_mails`.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::envelope::{Letter, letter, message_id};
use super::letter::Variables;
use super::recipients::recipients;
use super::smtp::{Fault, Session};
use super::template::{Event, render};
use crate::config;
use crate::license::{Moment, World};
use crate::store::{MailRow, Outcome, Result, Store};

/// Mails that are claimed at once.
const BATCH: i64 = 20;
const FIRST_WAIT_SECS: i64 = 60;
const LONGEST_WAIT_SECS: i64 = 6 * 3_600;

/// Hands mails over, under a name of its own.
pub struct Post {
    store: Arc<Store>,
    mail: config::Mail,
    /// Whose claims are whose.
    name: String,
    /// No mail is begun after it.
    stop: CancellationToken,
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub sent: u64,
    pub failed: u64,
    pub skipped: u64,
    /// Until when the server is left alone, where it could not be used.
    pub away_until: Option<Moment>,
}

/// What is to be done with a mail that was claimed.
enum Ready {
    Send(Letter),
    Settle(Outcome),
}

impl Post {
    pub fn new(store: Arc<Store>, mail: config::Mail, stop: CancellationToken) -> Self {
        // A name that no other daemon has, nor this one after a restart.
        let name = format!("{:032x}", u128::from_be_bytes(random()));
        Self { store, mail, name, stop }
    }

    /// Sends all that is to be sent by `now`; the first time that the server cannot be used is the last.
    pub async fn send_due(
        &self,
        world: &(dyn Fn() -> Arc<World> + Sync),
        now: Moment,
    ) -> Result<Round> {
        let mut round = Round::default();
        let mut session = None;
        while round.away_until.is_none() && !self.stop.is_cancelled() {
            let mut claimed = self.store.claim_mails(&self.name, now, BATCH).await?.into_iter();
            if claimed.len() == 0 {
                break;
            }
            while let Some(mail) = claimed.next() {
                let outcome = match self.ready(&world(), &mail, now).await? {
                    Ready::Settle(outcome) => Some(outcome),
                    Ready::Send(letter) => {
                        let sent = self.hand_over(&mut session, &mail, letter, now).await?;
                        sent.map(|sent| outcome_of(&mail, sent, now, &mut round))
                    }
                };
                let Some(outcome) = outcome else { continue };
                self.settle(&mail, &outcome, now, &mut round).await?;
                let until = round.away_until.or(self.stop.is_cancelled().then_some(now));
                if let Some(until) = until {
                    let rest: Vec<i64> = claimed.by_ref().map(|mail| mail.id).collect();
                    self.store.release_mails(&rest, &self.name, until).await?;
                }
            }
        }
        if let Some(session) = session {
            session.close().await;
        }
        Ok(round)
    }

    /// The mail as it reads now; or that nobody wants it any more.
    async fn ready(&self, world: &World, mail: &MailRow, now: Moment) -> Result<Ready> {
        let skipped = |why: &str| Ok(Ready::Settle(Outcome::Skipped(why.to_owned())));
        let tree = &world.tree;
        let reminder = self.store.reminder(mail.group).await?;
        let Some(reminder) = reminder.filter(|reminder| reminder.enabled) else {
            return skipped("the reminder was switched off");
        };
        let ends = tree.due_ends(mail.group, now);
        let Some(due) = ends.iter().find(|end| end.at == mail.due_end) else {
            return skipped("nothing ends at that time any more");
        };
        let groups: Vec<_> = tree.lineage(mail.group).map(|group| group.id).collect();
        let administrators = self.store.administrators(&groups).await?;
        let people = recipients(tree, &reminder, &administrators);
        let Some(recipient) = people.iter().find(|one| one.address == mail.address) else {
            return skipped("the address is no longer among the recipients");
        };
        let variables = Variables::of(tree, mail.group, due, recipient, now);
        let rendered = rendered(&self.store, Event::LicenseEnding, &variables).await?;
        let key = [
            &mail.group.to_string(),
            &mail.event,
            &mail.due_end.0.to_string(),
            &mail.day,
            &mail.address,
        ];
        let id = message_id(&self.mail.from, &key.map(String::as_str));
        Ok(match letter(&self.mail.from, &mail.address, id, rendered, now) {
            Ok(letter) => Ready::Send(letter),
            Err(fault) => Ready::Settle(Outcome::Failed(fault)),
        })
    }

    /// `None` where another daemon has taken the mail.
    async fn hand_over(
        &self,
        open: &mut Option<Session>,
        mail: &MailRow,
        letter: Letter,
        now: Moment,
    ) -> Result<Option<std::result::Result<(), Fault>>> {
        let mut session = match open.take() {
            Some(session) => session,
            None => match Session::open(&self.mail).await {
                Ok(session) => session,
                Err(fault) => return Ok(Some(Err(fault))),
            },
        };
        if let Err(fault) = session.offer(&letter.from, &letter.to).await {
            *open = reusable(session, &fault).await;
            return Ok(Some(Err(fault)));
        }
        if !self.store.begin_sending(mail.id, &self.name, now).await? {
            // Without its end the content counts for nothing: the connection is dropped.
            return Ok(None);
        }
        let sent = session.hand_over(&letter.content).await;
        *open = match &sent {
            Ok(()) => Some(session),
            Err(fault) => reusable(session, fault).await,
        };
        Ok(Some(sent))
    }

    async fn settle(
        &self,
        mail: &MailRow,
        outcome: &Outcome,
        now: Moment,
        round: &mut Round,
    ) -> Result<()> {
        self.store.settle_mail(mail.id, &self.name, outcome, now).await?;
        match outcome {
            Outcome::Sent => {
                round.sent += 1;
                tracing::info!(mail = mail.id, group = %mail.group, to = %mail.address, "mail sent");
            }
            Outcome::Again { at, error } => {
                tracing::warn!(mail = mail.id, %error, again = %at.rfc3339(), "mail not sent yet");
            }
            Outcome::Failed(error) => {
                round.failed += 1;
                tracing::error!(mail = mail.id, to = %mail.address, %error, "mail given up");
            }
            Outcome::Skipped(why) => {
                round.skipped += 1;
                tracing::info!(mail = mail.id, %why, "mail not wanted any more");
            }
        }
        Ok(())
    }
}

/// A mail by the template that somebody set, or by the built-in one where that fails: a mail that looks
/// plain is better than none.
pub async fn rendered(
    store: &Store,
    event: Event,
    variables: &Variables,
) -> Result<super::template::Rendered> {
    if let Some(template) = store.template(event.name()).await? {
        match render(&template, variables) {
            Ok(rendered) => return Ok(rendered),
            Err(fault) => {
                tracing::error!(event = event.name(), %fault, "template fails: the built-in one is sent");
            }
        }
    }
    let rendered = render(&event.built_in(), variables);
    rendered.map_err(|fault| crate::store::Error::Invalid(fault.to_string()))
}

/// After a refusal of one mail the next goes over the same connection, where that still stands.
async fn reusable(mut session: Session, fault: &Fault) -> Option<Session> {
    match fault {
        Fault::Away(_) => None,
        Fault::Later(_) | Fault::Never(_) => session.reset().await.is_ok().then_some(session),
    }
}

fn outcome_of(
    mail: &MailRow,
    sent: std::result::Result<(), Fault>,
    now: Moment,
    round: &mut Round,
) -> Outcome {
    let again = |error| Outcome::Again { at: Moment(now.0 + wait_secs(mail.attempts)), error };
    match sent {
        Ok(()) => Outcome::Sent,
        Err(Fault::Never(error)) => Outcome::Failed(error),
        Err(Fault::Later(error)) => again(error),
        Err(Fault::Away(error)) => {
            let outcome = again(error);
            if let Outcome::Again { at, .. } = outcome {
                round.away_until = Some(at);
            }
            outcome
        }
    }
}

/// Doubles from a minute to six hours, give or take a quarter so that not all mails come at once.
fn wait_secs(attempts: i64) -> i64 {
    let doubled = FIRST_WAIT_SECS << attempts.clamp(0, 10);
    let wait = doubled.min(LONGEST_WAIT_SECS);
    let spread = wait / 2;
    let random = i64::from(u32::from_be_bytes(random()));
    wait - spread / 2 + random % (spread + 1)
}

/// Random bytes; where the system gives none, zeros do for what is wanted here.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_minute_to_six_hours() {
        for (attempts, wait) in [(0, 60), (1, 120), (5, 1_920), (9, 21_600), (60, 21_600)] {
            for _ in 0..100 {
                let secs = wait_secs(attempts);
                assert!((wait * 3 / 4..=wait * 5 / 4).contains(&secs), "{attempts}: {secs}");
            }
        }
    }
}

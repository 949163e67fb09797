//! What a refusal says on the wire. Every cause has one status and one phrase; the wire names no
//! group and no count. Knows no sockets; the text is written by the proxy.

use std::collections::BTreeMap;

use super::Pattern;
use crate::license::{Cause, Moment};

/// What the device is told: the answer to a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    pub status: u16,
    pub phrase: &'a str,
    /// The text of `Warning: 399`.
    pub warning: &'static str,
    /// Seconds; `None` on INVITE, where a retry is the person's own choice.
    pub retry_after_secs: Option<u32>,
}

/// Status and phrase of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub phrase: String,
}

/// What a refused device is told, by cause and by User-Agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// In place of the usual answer.
    pub by_cause: BTreeMap<Cause, Answer>,
    /// The first that matches wins over `by_cause`.
    pub by_user_agent: Vec<UserAgentRule>,
}

/// Another answer for clients that misread the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgentRule {
    pub pattern: Pattern,
    /// Empty: all.
    pub causes: Vec<Cause>,
    pub answer: Answer,
}

/// The shortest and the longest Retry-After, in seconds: service is back within five minutes of a
/// renewal, and a building's panels don't all ask in the same second.
const RETRY_AFTER_SECS: std::ops::RangeInclusive<u32> = 60..=300;

/// The status, phrase and text of `cause` before any override.
pub fn status_and_phrase(cause: Cause) -> (u16, &'static str) {
    match cause {
        Cause::Suspended => (403, "License suspended"),
        Cause::NotYetValid => (403, "License not yet valid"),
        Cause::Expired => (403, "License expired"),
        Cause::NoLicense => (403, "No license"),
        Cause::FeatureOff => (403, "Feature not licensed"),
        Cause::SipLimit => (403, "SIP license limit reached"),
        Cause::AppLimit => (403, "Mobile app license limit reached"),
        Cause::NotRegistered => (403, "Not registered"),
        // The same words as for a wrong password: a scanner learns nothing.
        Cause::UnknownNumber => (403, "Forbidden"),
        Cause::OverCapacity => (503, "Over capacity"),
    }
}

impl Answer {
    /// What is told without another setting.
    pub fn usual(cause: Cause) -> Self {
        let (status, phrase) = status_and_phrase(cause);
        Self { status, phrase: phrase.to_owned() }
    }
}

impl Refusals {
    /// The answer for a cause and the client that is told.
    pub fn answer(&self, cause: Cause, user_agent: &[u8]) -> (u16, &str) {
        let meant = |rule: &&UserAgentRule| {
            (rule.causes.is_empty() || rule.causes.contains(&cause))
                && rule.pattern.matches(user_agent)
        };
        let by_agent = self.by_user_agent.iter().find(meant).map(|rule| &rule.answer);
        let set = by_agent.or_else(|| self.by_cause.get(&cause));
        set.map_or(status_and_phrase(cause), |answer| (answer.status, answer.phrase.as_str()))
    }
}

/// What to tell the device. `starts` is when a `not_yet_valid` license begins; `jitter` is any
/// number, evenly spread over devices.
pub fn tell<'a>(
    refusals: &'a Refusals,
    (cause, starts): (Cause, Option<Moment>),
    is_register: bool,
    user_agent: &[u8],
    now: Moment,
    jitter: u32,
) -> Told<'a> {
    let (status, phrase) = refusals.answer(cause, user_agent);
    let (_, warning) = status_and_phrase(cause);
    let needs_retry_after = is_register || status == 503 || status == 480;
    let retry_after_secs = needs_retry_after.then(|| retry_after(cause, now, starts, jitter));
    Told { status, phrase, warning, retry_after_secs }
}

fn retry_after(cause: Cause, now: Moment, starts: Option<Moment>, jitter: u32) -> u32 {
    if cause == Cause::OverCapacity {
        return 1 + jitter % 3;
    }
    let spread = RETRY_AFTER_SECS.end() - RETRY_AFTER_SECS.start() + 1;
    let secs = RETRY_AFTER_SECS.start() + jitter % spread;
    let to_start = starts
        .filter(|_| cause == Cause::NotYetValid)
        .and_then(|starts| u32::try_from(starts.0.saturating_sub(now.0)).ok());
    to_start.map_or(secs, |to_start| secs.min(to_start.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    static USUAL: Refusals = Refusals { by_cause: BTreeMap::new(), by_user_agent: Vec::new() };

    fn told(cause: Cause, is_register: bool, starts: Option<Moment>) -> Told<'static> {
        tell(&USUAL, (cause, starts), is_register, b"Panel/1.0", Moment(100), 4_711)
    }

    #[test]
    fn a_refused_register_says_when_to_come_back_and_an_invite_does_not() {
        let register = told(Cause::SipLimit, true, None);
        let invite = told(Cause::SipLimit, false, None);

        assert!(RETRY_AFTER_SECS.contains(&register.retry_after_secs.unwrap()));
        assert_eq!(invite.retry_after_secs, None);
        assert_eq!((invite.status, invite.phrase), (403, "SIP license limit reached"));
    }

    #[test]
    fn nobody_waits_beyond_the_start_of_the_license() {
        let register = told(Cause::NotYetValid, true, Some(Moment(110)));

        assert_eq!(register.retry_after_secs, Some(10));
    }

    #[test]
    fn a_user_agent_gets_the_status_that_it_understands() {
        let rule = UserAgentRule {
            pattern: Pattern::new("asterisk*"),
            causes: vec![Cause::SipLimit],
            answer: Answer { status: 480, phrase: "Full".into() },
        };
        let refusals = Refusals { by_user_agent: vec![rule], ..Refusals::default() };
        let told = |agent| tell(&refusals, (Cause::SipLimit, None), false, agent, Moment(0), 1);

        let (other, fits) = (told(b"Panel"), told(b"Asterisk PBX"));

        assert_eq!(other.status, 403);
        assert_eq!((fits.status, fits.phrase), (480, "Full"));
        assert!(fits.retry_after_secs.is_some());
    }
}

//! Fields of bodies: what a name, a count or an instant may be is told where it is read, by the place
//! of the field; the description says the same.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::license::{
    Action, Every, Feature, FeatureSet, HandOut, LONGEST_AHEAD, Moment, NumberKind, Role, wording,
};
use crate::people::password_fault;
use crate::reminders::Event;
use crate::store::{HookEvent, LONGEST_NOTICE, MailState};

/// More than anybody grants.
const MOST: u32 = 1_000_000_000;
/// Addresses of a group, at most.
const ADDRESSES: usize = 50;

/// Gives a newtype over a text its reading, with a check, and its place in the description.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $fault:expr, $min:literal..=$max:literal;)+) => {
    $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let fault: Option<&str> = $fault(&text);
                match fault {
                    Some(fault) => Err(D::Error::custom(fault)),
                    None => Ok(Self(text)),
                }
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
                text.min_length(Some($min)).max_length(Some($max)).build().into()
            }
        }

        impl ToSchema for $name {}
    )+

        fn texts() -> Vec<(String, RefOr<Schema>)> {
            vec![$(($name::name().into_owned(), $name::schema())),+]
        }
    };
}

/// The texts and words, for the description: those of queries are named in no body.
pub(super) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    texts().into_iter().chain(words()).collect()
}

texts! {
    /// The name of a group.
    GroupName: group_name_fault, 1..=200;
    /// A label, which may be empty.
    Label: wording::label_fault, 0..=200;
    /// A mail address.
    Email: wording::email_fault, 3..=254;
    /// A number as people write it: `sip:101@example.com`, `101@example.com`.
    NumberText: number_fault, 1..=300;
    /// A password for digest authentication.
    SipPassword: sip_password_fault, 1..=200;
    /// One end of a range of user parts.
    Digits: digits_fault, 1..=18;
    /// A source address, IPv4 or IPv6.
    Address: address_fault, 2..=45;
    /// A path of a group.
    GroupPath: path_fault, 1..=2000;
    /// A pattern of names: `Floor {n}`.
    PatternText: wording::name_fault, 1..=200;
    /// A SIP domain, in lower case.
    Domain: domain_fault, 1..=253;
    /// The name of a user.
    UserName: wording::name_fault, 1..=200;
    /// A password that somebody chooses.
    NewPassword: password_fault, 8..=256;
    /// The name of a token.
    TokenName: token_name_fault, 1..=64;
    /// A password or a secret as somebody has it.
    GivenSecret: secret_fault, 0..=1000;
    /// What is looked for.
    Needle: needle_fault, 0..=200;
    /// Where a webhook leads: http or https.
    WebhookUrl: url_fault, 1..=2000;
    /// A part of a mail's template.
    TemplatePart: template_fault, 0..=65536;
    /// An instant: RFC 3339, a date (00:00 that day in the group's zone), or `+30d` from now.
    Instant: instant_fault, 3..=40;
}

fn group_name_fault(text: &str) -> Option<&'static str> {
    let slash = text.contains('/').then_some("it has a \"/\"");
    wording::name_fault(text).or(slash)
}

fn number_fault(text: &str) -> Option<&'static str> {
    match text.chars().count() {
        0 => Some("it is empty"),
        1..=300 => None,
        _ => Some("it has more than 300 characters"),
    }
}

fn sip_password_fault(text: &str) -> Option<&'static str> {
    let long = (text.chars().count() > 200).then_some("it has more than 200 characters");
    wording::password_fault(text).or(long)
}

fn digits_fault(text: &str) -> Option<&'static str> {
    let fits = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (!fits).then_some("write 1 to 18 digits")
}

fn address_fault(text: &str) -> Option<&'static str> {
    text.parse::<std::net::IpAddr>().is_err().then_some("this is no IP address")
}

fn path_fault(text: &str) -> Option<&'static str> {
    match text.chars().count() {
        0 => Some("it is empty; the server is \"/\""),
        1..=2000 => None,
        _ => Some("it has more than 2000 characters"),
    }
}

fn domain_fault(text: &str) -> Option<&'static str> {
    let long = (text.len() > 253).then_some("it has more than 253 characters");
    wording::domain_fault(text).or(long)
}

fn token_name_fault(text: &str) -> Option<&'static str> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(is_word);
    (!fits).then_some("write 1 to 64 letters, digits, dots, dashes and underscores")
}

fn secret_fault(text: &str) -> Option<&'static str> {
    (text.chars().count() > 1000).then_some("it has more than 1000 characters")
}

fn needle_fault(text: &str) -> Option<&'static str> {
    (text.chars().count() > 200).then_some("it has more than 200 characters")
}

fn url_fault(text: &str) -> Option<&'static str> {
    match text.len() {
        0 => Some("it is empty"),
        1..=2000 => None,
        _ => Some("it has more than 2000 characters"),
    }
}

fn template_fault(text: &str) -> Option<&'static str> {
    (text.len() > 65_536).then_some("it has more than 65536 bytes")
}

fn instant_fault(text: &str) -> Option<&'static str> {
    let read = text.len() <= 40 && Moment::parse(text, Tz::UTC, Moment(0)).is_ok();
    (!read).then_some("this is no time: write 2027-12-01, 2027-12-01T00:00:00Z or +30d")
}

impl Instant {
    /// The instant in a group's zone.
    pub fn resolve(&self, zone: Tz, now: Moment) -> Result<Moment, String> {
        Moment::parse(&self.0, zone, now)
    }
}

/// A count of numbers or apps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(pub u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = u32::deserialize(deserializer)?;
        if count > MOST {
            return Err(D::Error::custom(format!("it is more than {MOST}")));
        }
        Ok(Self(count))
    }
}

impl PartialSchema for Count {
    fn schema() -> RefOr<Schema> {
        let count = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
        count.minimum(Some(0)).maximum(Some(MOST)).build().into()
    }
}

impl ToSchema for Count {}

/// Gives a newtype over a number of days its bounds and its place in the description.
macro_rules! days {
    ($($(#[$doc:meta])* $name:ident: 1..=$most:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub u32);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let days = u32::deserialize(deserializer)?;
                match (1..=$most).contains(&days) {
                    true => Ok(Self(days)),
                    false => Err(D::Error::custom(format!("write 1 to {}", $most))),
                }
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let days = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
                days.minimum(Some(1)).maximum(Some($most)).build().into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

days! {
    /// How many days before an end the first mail goes out.
    DaysAhead: 1..=LONGEST_AHEAD;
    /// How many days before its end a webhook is told of a license.
    DaysNotice: 1..=LONGEST_NOTICE;
}

/// Gives a newtype over a word of the domain its reading and its place in the description.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident($type:ty);)+) => {
    $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $type);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map(Self).map_err(D::Error::custom)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.name())
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let names = <$type>::ALL.iter().map(|one| one.name());
                let word = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
                word.enum_values(Some(names)).build().into()
            }
        }

        impl ToSchema for $name {}
    )+

        fn words() -> Vec<(String, RefOr<Schema>)> {
            vec![$(($name::name().into_owned(), $name::schema())),+]
        }
    };
}

words! {
    /// How a gate hands out: a promise to each, or first come.
    HandOutWord(HandOut);
    /// A feature of a license.
    FeatureWord(Feature);
    /// What a number is used for.
    KindWord(NumberKind);
    /// What is to be done with a feature.
    ActionWord(Action);
    /// How often a mail follows the first one.
    EveryWord(Every);
    /// What a mail is about.
    MailEventWord(Event);
    /// What became of a mail.
    MailStateWord(MailState);
    /// What a webhook is told of.
    HookEventWord(HookEvent);
    /// What somebody is in a group.
    RoleWord(Role);
}

/// Features of a license, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features(pub FeatureSet);

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<FeatureWord>::deserialize(deserializer)?;
        if words.len() > Feature::ALL.len() {
            return Err(D::Error::custom("a feature comes twice"));
        }
        Ok(Self(words.into_iter().map(|FeatureWord(one)| one).collect()))
    }
}

impl PartialSchema for Features {
    fn schema() -> RefOr<Schema> {
        let list = ArrayBuilder::new().items(FeatureWord::schema());
        list.max_items(Some(Feature::ALL.len())).build().into()
    }
}

impl ToSchema for Features {}

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(pub Tz);

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = |_| D::Error::custom("there is no such time zone; write Europe/Madrid");
        text.parse().map(Self).map_err(unknown)
    }
}

impl PartialSchema for Zone {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        text.min_length(Some(1)).max_length(Some(100)).build().into()
    }
}

impl ToSchema for Zone {}

/// Mail addresses of a group, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emails(pub Vec<String>);

impl<'de> Deserialize<'de> for Emails {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let emails = Vec::<Email>::deserialize(deserializer)?;
        if emails.len() > ADDRESSES {
            return Err(D::Error::custom(format!("there are more than {ADDRESSES}")));
        }
        let mut seen = BTreeSet::new();
        let emails = emails.into_iter().map(|Email(text)| text);
        Ok(Self(emails.filter(|text| seen.insert(text.clone())).collect()))
    }
}

impl PartialSchema for Emails {
    fn schema() -> RefOr<Schema> {
        let list = ArrayBuilder::new().items(Email::schema());
        list.max_items(Some(ADDRESSES)).build().into()
    }
}

impl ToSchema for Emails {}

/// What a webhook is told of, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEvents(pub Vec<HookEvent>);

impl<'de> Deserialize<'de> for HookEvents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<HookEventWord>::deserialize(deserializer)?;
        let most = HookEvent::ALL.len();
        if words.is_empty() || words.len() > most {
            return Err(D::Error::custom(format!("write 1 to {most} events")));
        }
        let events: BTreeSet<HookEvent> = words.into_iter().map(|HookEventWord(one)| one).collect();
        Ok(Self(events.into_iter().collect()))
    }
}

impl PartialSchema for HookEvents {
    fn schema() -> RefOr<Schema> {
        let list = ArrayBuilder::new().items(HookEventWord::schema());
        list.min_items(Some(1)).max_items(Some(HookEvent::ALL.len())).build().into()
    }
}

impl ToSchema for HookEvents {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_field_cannot_be_is_told() {
        let name = |text: &str| serde_json::from_value::<GroupName>(json!(text)).is_ok();

        assert!(name("A Residence"));
        for wrong in ["", "a/b", " a", "a\u{0}", &"x".repeat(201)] {
            assert!(!name(wrong), "{wrong:?}");
        }
        assert!(serde_json::from_value::<Instant>(json!("+30d")).is_ok());
        assert!(serde_json::from_value::<Instant>(json!("tomorrow")).is_err());
        assert!(serde_json::from_value::<Count>(json!(1_000_000_001)).is_err());
        assert!(serde_json::from_value::<Features>(json!(["ukey2", "teleport"])).is_err());
        assert!(serde_json::from_value::<Emails>(json!(["a@b.c", "a@b.c"])).unwrap().0.len() == 1);
    }
}

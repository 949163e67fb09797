//! A short word for what a record holds, so that whoever edits it can say which state they saw.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::license::distribution::Change;
use crate::license::{
    Claim, ClaimId, ClaimRule, Group, GroupId, Holder, License, LicenseId, NumberId, NumberKind,
    User, UserId, World,
};

use super::{Error, Result};

/// A record of which there may be a tag. A number's password is no part of it: who reads a number
/// does not get to know it.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    Group(&'a Group),
    User(&'a User),
    License(&'a License),
    Number { id: NumberId, aor: &'a str, owner: Holder, kind: NumberKind, has_password: bool },
    Claim(&'a Claim),
}

/// The tag of a record: the same for the same fields, of sixteen hexadecimal digits.
pub fn tag(record: Record<'_>) -> String {
    let mut hash = Sha256::new();
    for field in fields(record) {
        hash.update(field.len().to_be_bytes());
        hash.update(field);
    }
    let mut text = String::new();
    for byte in hash.finalize().iter().take(8) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn fields(record: Record<'_>) -> Vec<String> {
    match record {
        Record::Group(group) => group_fields(group),
        Record::User(user) => {
            let groups = user.groups.iter().map(GroupId::to_string);
            let own =
                [format!("user {}", user.id), user.name.clone(), or_none(user.email.as_ref())];
            own.into_iter().chain(groups).collect()
        }
        Record::License(license) => vec![
            format!("license {}", license.id),
            holder(license.holder),
            license.license_type.clone(),
            license.sip_numbers.to_string(),
            license.mobile_apps.to_string(),
            super::rows::features_text(license.features),
            or_none(license.validity.from.map(|from| from.0)),
            or_none(license.validity.until.map(|until| until.0)),
            license.suspended.to_string(),
        ],
        Record::Number { id, aor, owner, kind, has_password } => vec![
            format!("number {id}"),
            aor.to_owned(),
            holder(owner),
            kind.name().to_owned(),
            has_password.to_string(),
        ],
        Record::Claim(claim) => {
            let rule = match &claim.rule {
                ClaimRule::Domain { domain } => vec![domain.clone()],
                ClaimRule::Range { domain, first, last } => {
                    vec![domain.clone(), first.clone(), last.clone()]
                }
                ClaimRule::Address { address } => vec![address.to_string()],
            };
            let own = [
                format!("claim {}", claim.id),
                claim.group.to_string(),
                claim.kind.name().to_owned(),
            ];
            own.into_iter().chain(rule).collect()
        }
    }
}

fn group_fields(group: &Group) -> Vec<String> {
    let own = [
        format!("group {}", group.id),
        or_none(group.parent),
        group.name.clone(),
        group.kind.clone(),
        group.restricted.to_string(),
        group.hand_out.name().to_owned(),
        or_none(group.time_zone.map(|zone| zone.name())),
        group.monitor.to_string(),
    ];
    own.into_iter().chain(group.admin_emails.iter().cloned()).collect()
}

fn holder(holder: Holder) -> String {
    match holder {
        Holder::Group(id) => format!("group {id}"),
        Holder::User(id) => format!("user {id}"),
    }
}

/// What is absent differs from what is empty.
fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "\0".to_owned(), |value| value.to_string())
}

/// Fails unless the record that a change is about still has this tag.
pub(super) fn expect(world: &World, change: &Change, expected: &str) -> Result<()> {
    let subject = subject(change).ok_or_else(|| {
        Error::Invalid("only the edit or removal of one record can depend on its state".into())
    })?;
    match subject.tag(world)? == expected {
        true => Ok(()),
        false => Err(Error::Changed(format!("{} was changed meanwhile", subject.name()))),
    }
}

/// The record that a change edits or removes.
enum Subject {
    Group(GroupId),
    User(UserId),
    License(LicenseId),
    Number(NumberId),
    Claim(ClaimId),
}

/// Of several steps the first has it: a move and an edit of one group, say.
fn subject(change: &Change) -> Option<Subject> {
    Some(match change {
        Change::EditGroup { group, .. } => Subject::Group(group.id),
        Change::MoveGroup { group, .. } | Change::RemoveGroup { group } => Subject::Group(*group),
        Change::EditUser { user } => Subject::User(user.id),
        Change::RemoveUser { user } => Subject::User(*user),
        Change::EditLicense(license) => Subject::License(license.id),
        Change::SuspendLicense(id) | Change::ResumeLicense(id) | Change::RemoveLicense(id) => {
            Subject::License(*id)
        }
        Change::EditNumber(number) => Subject::Number(number.id),
        Change::RemoveNumbers(ids) => match ids.as_slice() {
            [id] => Subject::Number(*id),
            _ => return None,
        },
        Change::RemoveClaim(id) => Subject::Claim(*id),
        Change::All(changes) => return changes.iter().find_map(subject),
        Change::AddGroup { .. }
        | Change::AddUser { .. }
        | Change::AddLicense(_)
        | Change::AddNumbers(_)
        | Change::AddClaim(_) => return None,
    })
}

impl Subject {
    fn tag(&self, world: &World) -> Result<String> {
        let World { tree, directory } = world;
        let found = match self {
            Self::Group(id) => tree.group(*id).map(Record::Group),
            Self::User(id) => tree.user(*id).map(Record::User),
            Self::License(id) => tree.license(*id).map(Record::License),
            Self::Number(id) => directory.number(*id).map(Record::of_number),
            Self::Claim(id) => directory.claim(*id).map(Record::Claim),
        };
        found.map(tag).ok_or_else(|| Error::NotFound(format!("there is no {}", self.name())))
    }

    fn name(&self) -> String {
        match self {
            Self::Group(id) => format!("group {id}"),
            Self::User(id) => format!("user {id}"),
            Self::License(id) => format!("license {id}"),
            Self::Number(id) => format!("number {id}"),
            Self::Claim(id) => format!("claim {id}"),
        }
    }
}

impl<'a> Record<'a> {
    /// A number as the directory has it.
    pub fn of_number((aor, entry): (&'a str, crate::license::Entry)) -> Self {
        let crate::license::Entry { id, owner, kind, has_password } = entry;
        Self::Number { id, aor, owner, kind, has_password }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_record_tells_in_its_tag() {
        let user = User { id: UserId(1), name: "a".into(), email: None, groups: vec![GroupId(2)] };
        let others = [
            User { name: "b".into(), ..user.clone() },
            User { email: Some(String::new()), ..user.clone() },
            User { groups: vec![GroupId(2), GroupId(3)], ..user.clone() },
            User { id: UserId(2), ..user.clone() },
        ];

        let same = tag(Record::User(&user.clone()));

        assert_eq!(tag(Record::User(&user)), same);
        assert_eq!(same.len(), 16);
        others.iter().for_each(|other| assert_ne!(tag(Record::User(other)), same, "{other:?}"));
    }
}

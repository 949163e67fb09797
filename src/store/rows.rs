//! Rows as types of `license`. A row by hand that a type cannot hold loses what it cannot hold and
//! leaves a finding; it never stops the reader.

use std::net::IpAddr;

use crate::license::{
    Claim, ClaimId, ClaimRule, FeatureSet, Group, GroupId, Holder, License, LicenseId, Moment,
    Number, NumberId, NumberKind, User, UserId, Validity,
};

use super::packed::{Fields, Packed};

pub(super) const GROUPS: Packed = Packed {
    table: "groups",
    columns: "id, coalesce(cast(parent_id as text), ''), name, kind, restricted, hand_out, coalesce(time_zone, ''), monitor,
        coalesce((select string_agg(email, '\u{1d}' order by email)
            from group_admin_emails where group_id = groups.id), '')",
};

pub(super) const USERS: Packed = Packed {
    table: "users",
    columns: "id, name, coalesce(email, ''),
        coalesce((select string_agg(cast(group_id as text), '\u{1d}' order by group_id)
            from memberships where user_id = users.id), '')",
};

pub(super) const LICENSES: Packed = Packed {
    table: "licenses",
    columns:
        "id, coalesce(cast(group_id as text), ''), coalesce(cast(user_id as text), ''), license_type, sip_numbers, mobile_apps,
        features, coalesce(cast(valid_from as text), ''), coalesce(cast(valid_until as text), ''), suspended",
};

pub(super) const NUMBERS: Packed = Packed {
    table: "numbers",
    columns: "id, coalesce(cast(group_id as text), ''), coalesce(cast(user_id as text), ''), kind, aor, coalesce(password, '')",
};

pub(super) const CLAIMS: Packed = Packed {
    table: "claims",
    columns: "id, group_id, kind, coalesce(domain, ''), coalesce(range_first, ''), coalesce(range_last, ''),
        coalesce(address, '')",
};

/// What was found in the database that no writer of ours would have left there.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<String>);

impl Findings {
    pub(super) fn add(&mut self, text: String) {
        self.0.push(text);
    }
}

pub(super) fn group(mut row: Fields<'_>, findings: &mut Findings) -> Group {
    let id = GroupId(row.int());
    Group {
        id,
        parent: row.some_int().map(GroupId),
        name: row.text().to_owned(),
        kind: row.text().to_owned(),
        restricted: row.flag(),
        hand_out: row.text().parse().unwrap_or_default(),
        time_zone: row.some_text().and_then(|name| {
            let zone = name.parse().ok();
            if zone.is_none() {
                findings.add(format!("group {id}: there is no time zone {name:?}"));
            }
            zone
        }),
        monitor: row.flag(),
        admin_emails: row.list().map(str::to_owned).collect(),
    }
}

pub(super) fn user(mut row: Fields<'_>) -> User {
    User {
        id: UserId(row.int()),
        name: row.text().to_owned(),
        email: row.some_text().map(str::to_owned),
        groups: row.list().filter_map(|id| id.parse().ok()).map(GroupId).collect(),
    }
}

pub(super) fn license(mut row: Fields<'_>, findings: &mut Findings) -> Option<License> {
    let id = LicenseId(row.int());
    Some(License {
        id,
        holder: holder(&mut row)?,
        license_type: row.text().to_owned(),
        sip_numbers: u32::try_from(row.int()).unwrap_or_default(),
        mobile_apps: u32::try_from(row.int()).unwrap_or_default(),
        features: features(row.text(), |text| {
            findings.add(format!("license {id}: there is no feature {text:?}"));
        }),
        validity: Validity { from: row.some_int().map(Moment), until: row.some_int().map(Moment) },
        suspended: row.flag(),
    })
}

/// A created number, borrowed from the text it came in.
pub(super) fn number<'a>(mut row: Fields<'a>) -> Option<super::NumberRow<'a>> {
    Some(super::NumberRow {
        id: NumberId(row.int()),
        owner: holder(&mut row)?,
        kind: row.text().parse().unwrap_or_default(),
        aor: row.text(),
        password: row.some_text(),
    })
}

impl From<super::NumberRow<'_>> for Number {
    fn from(row: super::NumberRow<'_>) -> Self {
        Self {
            id: row.id,
            aor: row.aor.to_owned(),
            owner: row.owner,
            kind: row.kind,
            password: row.password.map(str::to_owned),
        }
    }
}

pub(super) fn claim(mut row: Fields<'_>, findings: &mut Findings) -> Option<Claim> {
    let id = ClaimId(row.int());
    let group = GroupId(row.int());
    let kind: NumberKind = row.text().parse().unwrap_or_default();
    let (domain, first, last) = (row.some_text(), row.some_text(), row.some_text());
    let address = row.text();
    let rule = match (domain, first, last) {
        (Some(domain), Some(first), Some(last)) => ClaimRule::Range {
            domain: domain.to_owned(),
            first: first.to_owned(),
            last: last.to_owned(),
        },
        (Some(domain), ..) => ClaimRule::Domain { domain: domain.to_owned() },
        (None, ..) => match address.parse::<IpAddr>() {
            Ok(address) => ClaimRule::Address { address },
            Err(_) => {
                findings.add(format!("claim {id}: {address:?} is no address"));
                return None;
            }
        },
    };
    Some(Claim { id, group, rule, kind })
}

fn holder(row: &mut Fields<'_>) -> Option<Holder> {
    let (group, user) = (row.some_int(), row.some_int());
    group.map(GroupId).map(Holder::Group).or(user.map(UserId).map(Holder::User))
}

fn features(text: &str, mut unknown: impl FnMut(&str)) -> FeatureSet {
    let mut set = FeatureSet::NONE;
    for name in text.split(',').filter(|name| !name.is_empty()) {
        match name.parse() {
            Ok(feature) => set.insert(feature),
            Err(_) => unknown(name),
        }
    }
    set
}

/// A set of features as it is stored.
pub(super) fn features_text(set: FeatureSet) -> String {
    set.iter().map(|feature| feature.name()).collect::<Vec<_>>().join(",")
}

/// A holder as its two columns.
pub(super) fn holder_columns(holder: Holder) -> (Option<i64>, Option<i64>) {
    match holder {
        Holder::Group(id) => (Some(id.0), None),
        Holder::User(id) => (None, Some(id.0)),
    }
}

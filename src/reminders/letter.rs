//! What a mail about a due end says to one recipient: nothing about groups that they may not see, and
//! to end users no figures.

use chrono::Datelike;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::recipients::{Recipient, Sees};
use crate::license::{DueEnd, Feature, GroupId, License, Moment, Tree};

/// How a gate is called that the recipient may not see.
const UNSEEN: &str = "a group above";

/// The variables of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variables {
    /// The name of the group: "A Residence".
    pub group: String,
    /// Its path, as far as the recipient may see it: "SmartHome/A Residence".
    pub path: String,
    /// "1 December 2024, 00:00 (Europe/Madrid)".
    pub due_end: String,
    /// The last usable day: "30 November 2024".
    pub last_day: String,
    /// Calendar days from today to the day of the end.
    pub days_left: i64,
    /// "Europe/Madrid".
    pub time_zone: String,
    /// The address that the mail goes to.
    pub recipient: String,
    /// The counts that fall.
    pub falls: Vec<Fall>,
    /// The features that end: "SIP trunks".
    pub features: Vec<String>,
    /// The group's licenses that end then, or those of a group above that the recipient may see.
    pub licenses: Vec<LicenseLine>,
    /// Whose licenses end, where it is not the group itself: a path, or "a group above"; else empty.
    pub ends_with: String,
}

/// A count that falls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fall {
    /// "SIP numbers" or "Mobile apps".
    pub what: &'static str,
    pub from: u32,
    pub to: u32,
}

/// A license that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LicenseLine {
    /// Its type: "Plus".
    pub name: String,
    pub sip_numbers: u32,
    pub mobile_apps: u32,
}

impl Variables {
    /// What is to be said about a due end of `group` to `recipient`, as of `now`.
    pub fn of(
        tree: &Tree,
        group: GroupId,
        due: &DueEnd,
        recipient: &Recipient,
        now: Moment,
    ) -> Self {
        let zone = tree.zone_of(group);
        let name = |id: GroupId| match tree.group(id) {
            Some(group) if group.parent.is_some() => group.name.clone(),
            _ => "/".to_owned(),
        };
        let (end, today) = (due.at.day_in(zone), now.day_in(zone));
        let days_left = end.zip(today).map(|(end, today)| (end - today).num_days().max(0));
        let mut variables = Self {
            group: name(group),
            path: name(group),
            due_end: due.at.in_zone(zone),
            last_day: last_day(due.at, zone),
            days_left: days_left.unwrap_or_default(),
            time_zone: zone.to_string(),
            recipient: recipient.address.clone(),
            falls: falls(due),
            features: due.features().iter().map(feature_words).collect(),
            licenses: Vec::new(),
            ends_with: String::new(),
        };
        match recipient.sees {
            Sees::From(top) => variables.show_from(tree, group, due, top),
            Sees::Own(own) => {
                variables.group = name(own);
                variables = variables.for_end_users();
            }
        }
        variables
    }

    /// Adds what may be seen by somebody who sees `top` and all below it.
    fn show_from(&mut self, tree: &Tree, group: GroupId, due: &DueEnd, top: GroupId) {
        self.path = seen_path(tree, group, top);
        let gates = tree.falling_gates(group, due.at);
        let seen = |gate: GroupId| tree.stands_under(gate, top);
        let lines = gates.iter().filter(|(gate, _)| seen(*gate)).flat_map(|(_, ending)| ending);
        self.licenses = lines.map(|license| license_line(license)).collect();
        if gates.iter().any(|(gate, _)| *gate == group) {
            return;
        }
        self.ends_with = match gates.first() {
            Some((gate, _)) if seen(*gate) => seen_path(tree, *gate, top),
            Some(_) => UNSEEN.to_owned(),
            None => String::new(),
        };
    }

    /// The same without figures, and without the way to the group.
    pub fn for_end_users(self) -> Self {
        Self {
            path: self.group.clone(),
            falls: Vec::new(),
            features: Vec::new(),
            licenses: Vec::new(),
            ends_with: String::new(),
            ..self
        }
    }

    /// An example, for trying templates.
    pub fn sample() -> Self {
        Self {
            group: "A Residence".into(),
            path: "SmartHome/A Residence".into(),
            due_end: "1 December 2024, 00:00 (Europe/Madrid)".into(),
            last_day: "30 November 2024".into(),
            days_left: 7,
            time_zone: "Europe/Madrid".into(),
            recipient: "anna@example.com".into(),
            falls: vec![
                Fall { what: "SIP numbers", from: 60, to: 50 },
                Fall { what: "Mobile apps", from: 40, to: 30 },
            ],
            features: vec!["SIP trunks".into()],
            licenses: vec![LicenseLine { name: "Plus".into(), sip_numbers: 10, mobile_apps: 10 }],
            ends_with: "SmartHome".into(),
        }
    }

    /// As templates take them.
    pub(super) fn value(&self) -> Value {
        Value::from(Serde(self))
    }
}

fn falls(due: &DueEnd) -> Vec<Fall> {
    let counts = [
        ("SIP numbers", due.from.sip_numbers, due.to.sip_numbers),
        ("Mobile apps", due.from.mobile_apps, due.to.mobile_apps),
    ];
    let falls =
        counts.into_iter().filter_map(|(what, from, to)| Some(Fall { what, from: from?, to: to? }));
    falls.filter(|fall| fall.to < fall.from).collect()
}

fn license_line(license: &License) -> LicenseLine {
    let name = if license.license_type.is_empty() { "License" } else { &license.license_type };
    LicenseLine {
        name: name.to_owned(),
        sip_numbers: license.sip_numbers,
        mobile_apps: license.mobile_apps,
    }
}

/// "SIP trunks", "Remote door opening".
fn feature_words(feature: Feature) -> String {
    let words = feature.name().split('_').enumerate().map(|(at, word)| match word {
        "sip" | "ukey2" => word.to_uppercase(),
        _ if at == 0 => {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// "30 November 2024".
fn last_day(end: Moment, zone: chrono_tz::Tz) -> String {
    let day = Moment(end.0.saturating_sub(1)).day_in(zone);
    day.map(|day| format!("{} {}", day.day(), day.format("%B %Y"))).unwrap_or_default()
}

/// The path from `top` down: what is above it is not named.
fn seen_path(tree: &Tree, group: GroupId, top: GroupId) -> String {
    let mut names = Vec::new();
    for above in tree.lineage(group).filter(|group| group.parent.is_some()) {
        names.push(above.name.as_str());
        if above.id == top {
            break;
        }
    }
    names.reverse();
    if names.is_empty() { "/".into() } else { names.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{FeatureSet, Group, HandOut, Holder, LicenseId, SERVER, Validity};

    const DEALER: GroupId = GroupId(2);
    const HOUSE: GroupId = GroupId(3);
    const END: Moment = Moment(1_733_011_200);

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for (id, parent, name) in [(DEALER, SERVER, "Secret Dealer"), (HOUSE, DEALER, "House")] {
            tree.upsert_group(Group {
                id,
                parent: Some(parent),
                name: name.into(),
                kind: String::new(),
                restricted: true,
                hand_out: HandOut::Split,
                time_zone: None,
                monitor: false,
                admin_emails: Vec::new(),
            });
            tree.upsert_license(License {
                id: LicenseId(id.0),
                holder: Holder::Group(id),
                license_type: format!("{name} license"),
                sip_numbers: if id == DEALER { 777 } else { 20 },
                mobile_apps: 0,
                features: FeatureSet::NONE,
                validity: Validity { from: None, until: (id == DEALER).then_some(END) },
                suspended: false,
            });
        }
        tree
    }

    fn variables(sees: Sees) -> Variables {
        let tree = tree();
        let now = Moment(END.0 - 7 * 86_400 + 9 * 3_600);
        let due = tree.due_ends(HOUSE, now).remove(0);
        Variables::of(&tree, HOUSE, &due, &Recipient { address: "a@b".into(), sees }, now)
    }

    #[test]
    fn whoever_sees_the_gate_that_ends_is_told_which() {
        let told = variables(Sees::From(DEALER));

        assert_eq!(
            (told.path.as_str(), told.ends_with.as_str()),
            ("Secret Dealer/House", "Secret Dealer")
        );
        assert_eq!(told.licenses.len(), 1);
        assert_eq!(told.falls, [Fall { what: "SIP numbers", from: 20, to: 0 }]);
        assert_eq!((told.last_day.as_str(), told.days_left), ("30 November 2024", 7));
    }

    #[test]
    fn a_gate_above_is_neither_named_nor_measured() {
        for sees in [Sees::From(HOUSE), Sees::Own(HOUSE)] {
            let told = format!("{:?}", variables(sees));

            assert!(!told.contains("Secret") && !told.contains("777"), "{told}");
        }
        assert_eq!(variables(Sees::From(HOUSE)).ends_with, "a group above");
        assert!(variables(Sees::Own(HOUSE)).falls.is_empty());
    }
}

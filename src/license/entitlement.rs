//! May a user or a number use a feature now, or configure it; until when; and if not, why. What it says
//! of use is what the wire does: the path of whoever asks decides.

use super::model::words;
use super::{Assignment, Cause, Feature, Holder, Moment, Tree, Viewer, World};

/// What somebody wants to do with a feature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    #[default]
    Use,
    /// Which also takes an administrator's role over the group.
    Configure,
}

words!(Action, "action": Use = "use", Configure = "configure");

/// Whether a feature may be used or configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entitlement {
    pub feature: Feature,
    pub action: Action,
    pub refusal: Option<Unentitled>,
    /// When a yes ends; `None` without a time limit, and with a no.
    pub until: Option<Moment>,
    /// When a no becomes a yes by itself.
    pub from: Option<Moment>,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unentitled {
    /// A gate of the path refuses.
    Bound(Cause, Holder),
    /// Nobody owns the number.
    UnknownNumber,
    /// No administrator's role over a group of theirs.
    Role,
}

impl Unentitled {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bound(cause, _) => cause.name(),
            Self::UnknownNumber => Cause::UnknownNumber.name(),
            Self::Role => "role",
        }
    }

    /// The gate that bound.
    pub fn gate(self) -> Option<Holder> {
        match self {
            Self::Bound(_, gate) => Some(gate),
            Self::UnknownNumber | Self::Role => None,
        }
    }
}

impl Entitlement {
    /// What is said of a number that nobody owns.
    pub fn unknown(feature: Feature, action: Action) -> Self {
        let refusal = Some(Unentitled::UnknownNumber);
        Self { feature, action, refusal, until: None, from: None }
    }

    /// Whether the answer is yes.
    pub fn is_granted(&self) -> bool {
        self.refusal.is_none()
    }
}

impl World {
    /// Whose a number is, as seats and logs write it: `sip:user@domain`, or `sip:192.0.2.7` for one that
    /// calls without registering.
    pub fn owner_of(&self, number: &str) -> Option<Holder> {
        let address = || number.strip_prefix("sip:")?.trim_matches(['[', ']']).parse().ok();
        let owned = self.directory.owner_of(number);
        let owned = owned
            .or_else(|| address().and_then(|address| self.directory.owner_of_address(address)));
        // A claim that was left without its group by hand owns nothing.
        owned.map(|owned| owned.holder).filter(|holder| self.tree.contains(*holder))
    }
}

impl Tree {
    /// Whether a holder may use or configure a feature. `roles` are those of the person behind it; behind
    /// a group's number stands nobody.
    pub fn entitlement(
        &self,
        holder: Holder,
        feature: Feature,
        action: Action,
        roles: &[Assignment],
        at: Moment,
    ) -> Entitlement {
        let path = self.path(holder);
        let bound = |at| self.binds(&path, feature, at);
        let now = bound(at);
        let lacks_role = action == Action::Configure && !self.administers(holder, roles);
        let changes = || self.edges(&path, at).into_iter();
        let until = || changes().find(|edge| bound(*edge).is_some());
        let from = || changes().find(|edge| bound(*edge).is_none());
        let (refusal, until, from) = match now {
            Some((gate, cause)) => {
                let from = if lacks_role { None } else { from() };
                (Some(Unentitled::Bound(cause, gate)), None, from)
            }
            None if lacks_role => (Some(Unentitled::Role), None, None),
            None => (None, until(), None),
        };
        Entitlement { feature, action, refusal, until, from }
    }

    /// The gate of a path that refuses a feature, as the wire would: one on monitor lifts its own
    /// refusals.
    fn binds(&self, path: &[Holder], feature: Feature, at: Moment) -> Option<(Holder, Cause)> {
        let held = path.iter().filter(|gate| !self.is_monitored(**gate));
        Cause::bound(held.filter_map(|gate| {
            let lacks = || {
                let has = self.allowance(*gate, at).features.contains(feature);
                (!has).then_some(Cause::FeatureOff)
            };
            let cause = Cause::of_status(self.gate_status(*gate, at)).or_else(lacks)?;
            Some((*gate, cause))
        }))
    }

    /// Whether somebody with these roles administers a group that the holder is in.
    fn administers(&self, holder: Holder, roles: &[Assignment]) -> bool {
        let person = Viewer { assignments: roles.to_vec(), ..Viewer::default() };
        self.places(holder).iter().any(|place| person.administers(self, *place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{
        Claim, ClaimId, ClaimRule, FeatureSet, Group, GroupId, HandOut, License, LicenseId,
        NumberKind, Role, SERVER, User, UserId, Validity,
    };

    const A: GroupId = GroupId(2);
    const FLAT: GroupId = GroupId(3);
    const OTHER: GroupId = GroupId(4);
    const ANNA: UserId = UserId(1);
    const NOW: Moment = Moment(1_000);
    const DOOR: Feature = Feature::RemoteDoorOpening;

    fn group(id: GroupId, parent: GroupId) -> Group {
        Group {
            id,
            parent: Some(parent),
            name: format!("g{id}"),
            kind: String::new(),
            restricted: true,
            hand_out: HandOut::Split,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        }
    }

    fn license(id: i64, holder: Holder, features: &[Feature], until: Option<i64>) -> License {
        License {
            id: LicenseId(id),
            holder,
            license_type: String::new(),
            sip_numbers: 5,
            mobile_apps: 0,
            features: features.iter().copied().collect::<FeatureSet>(),
            validity: Validity { from: None, until: until.map(Moment) },
            suspended: false,
        }
    }

    /// Anna lives in a flat under A; both are gates with the door until 5000 and 3000.
    fn world() -> World {
        let mut world = World::default();
        let tree = &mut world.tree;
        tree.upsert_group(group(A, SERVER));
        tree.upsert_group(group(FLAT, A));
        tree.upsert_group(Group { restricted: false, ..group(OTHER, SERVER) });
        tree.upsert_license(license(1, Holder::Group(A), &[DOOR, Feature::Ukey2], Some(5_000)));
        tree.upsert_license(license(2, Holder::Group(FLAT), &[DOOR], Some(3_000)));
        let anna = User { id: ANNA, name: "anna".into(), email: None, groups: vec![FLAT] };
        tree.upsert_user(anna);
        world
    }

    fn asked(world: &World, feature: Feature, roles: &[Assignment]) -> Entitlement {
        let action = if roles.is_empty() { Action::Use } else { Action::Configure };
        world.tree.entitlement(Holder::User(ANNA), feature, action, roles, NOW)
    }

    #[test]
    fn the_earliest_end_over_the_path_ends_it() {
        let answer = asked(&world(), DOOR, &[]);

        assert!(answer.is_granted());
        assert_eq!(answer.until, Some(Moment(3_000)));
    }

    #[test]
    fn the_strictest_gate_decides_and_without_a_gate_all_is_on() {
        let mut world = world();

        let ukey = asked(&world, Feature::Ukey2, &[]);
        world.tree.upsert_group(Group { restricted: false, ..group(FLAT, A) });
        world.tree.upsert_group(Group { restricted: false, ..group(A, SERVER) });
        let free = asked(&world, Feature::Ukey2, &[]);

        let flat = Holder::Group(FLAT);
        assert_eq!(ukey.refusal, Some(Unentitled::Bound(Cause::FeatureOff, flat)));
        assert_eq!((free.refusal, free.until), (None, None));
    }

    #[test]
    fn suspension_comes_first_and_a_later_start_is_told() {
        let mut world = world();
        let later = Validity { from: Some(Moment(2_000)), until: None };
        let late = License { validity: later, ..license(2, Holder::Group(FLAT), &[DOOR], None) };
        world.tree.upsert_license(late);
        let early = asked(&world, DOOR, &[]);
        let stopped = license(1, Holder::Group(A), &[DOOR], None);
        world.tree.upsert_license(License { suspended: true, ..stopped });

        let suspended = asked(&world, DOOR, &[]);

        let flat = Holder::Group(FLAT);
        assert_eq!(early.refusal, Some(Unentitled::Bound(Cause::NotYetValid, flat)));
        assert_eq!(early.from, Some(Moment(2_000)));
        let top = Holder::Group(A);
        assert_eq!(suspended.refusal, Some(Unentitled::Bound(Cause::Suspended, top)));
        assert_eq!(suspended.from, None);
    }

    #[test]
    fn a_gate_on_monitor_lifts_its_own_refusal_only() {
        let mut world = world();
        world.tree.upsert_group(Group { monitor: true, ..group(FLAT, A) });

        assert!(asked(&world, Feature::Ukey2, &[]).is_granted());
        let flying = asked(&world, Feature::GuestAccess, &[]);
        let top = Holder::Group(A);
        assert_eq!(flying.refusal, Some(Unentitled::Bound(Cause::FeatureOff, top)));
    }

    #[test]
    fn configuring_takes_an_administrators_role_over_a_group_of_theirs() {
        let world = world();
        let is_granted = |role, group| asked(&world, DOOR, &[Assignment { role, group }]);

        for (role, group) in [
            (Role::SiteAdministrator, FLAT),
            (Role::CompanyAdministrator, A),
            (Role::ServerAdministrator, SERVER),
        ] {
            assert!(is_granted(role, group).is_granted(), "{role} of {group}");
        }
        for (role, group) in
            [(Role::Concierge, FLAT), (Role::User, FLAT), (Role::SiteAdministrator, OTHER)]
        {
            let refusal = is_granted(role, group).refusal;
            assert_eq!(refusal, Some(Unentitled::Role), "{role} of {group}");
        }
        let use_only =
            world.tree.entitlement(Holder::Group(FLAT), DOOR, Action::Configure, &[], NOW);
        assert_eq!(use_only.refusal, Some(Unentitled::Role));
    }

    #[test]
    fn a_panel_that_calls_by_its_address_has_an_owner() {
        let mut world = world();
        let rule = ClaimRule::Address { address: "192.0.2.7".parse().unwrap() };
        let claim = Claim { id: ClaimId(1), group: FLAT, rule, kind: NumberKind::Panel };
        world.directory.insert_claim(claim);

        assert_eq!(world.owner_of("sip:192.0.2.7"), Some(Holder::Group(FLAT)));
        assert_eq!(world.owner_of("sip:192.0.2.8"), None);
        assert_eq!(world.owner_of("sip:1@example.com"), None);
    }
}

//! What somebody may read of an answer: their own names for what they see, and of a gate that they don't
//! see only its place. Works from ids: no text is taken apart.

use crate::license::{GroupId, Holder, Tree, Viewer};

/// Who reads an answer, and whom it is about.
#[derive(Clone, Copy)]
pub(super) struct Eye<'a> {
    pub viewer: &'a Viewer,
    pub tree: &'a Tree,
    pub subject: Holder,
}

impl Eye<'_> {
    pub fn sees(&self, holder: Holder) -> bool {
        self.viewer.sees(self.tree, holder)
    }

    pub fn name(&self, holder: Holder) -> String {
        self.viewer.name_of(self.tree, holder, Some(self.subject))
    }

    /// The group in which the subject is listed: itself, or the first of a user's that is seen.
    pub fn listed_in(&self) -> Option<GroupId> {
        match self.subject {
            Holder::Group(id) => Some(id),
            Holder::User(id) => {
                let groups = &self.tree.user(id)?.groups;
                let mut seen = groups.iter().filter(|id| self.sees(Holder::Group(**id)));
                // Users read of themselves where they see no group: its name is theirs to know.
                seen.next().or(groups.first()).copied()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::license::{
        Assignment, FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId, Moment,
        Number, NumberId, NumberKind, Role, SERVER, User, UserId, Validity, Viewer, World,
    };
    use crate::quota::{Seat, SeatKind as Held, State as Standing};
    use crate::view::{Tally, Verdict, explain_for, license_for, seats_for, state_for, tree_for};

    const AT: Moment = Moment(1_700_000_000);
    const END: Moment = Moment(1_800_000_000);
    const D1: GroupId = GroupId(2);
    const A: GroupId = GroupId(3);
    const D2: GroupId = GroupId(4);
    const C: GroupId = GroupId(5);
    const OFF: GroupId = GroupId(6);
    const USER: UserId = UserId(1);
    const NUMBER: &str = "sip:u@a.example";

    fn number(id: i64, aor: &str, owner: Holder) -> Number {
        let (id, aor) = (NumberId(id), aor.into());
        Number { id, aor, owner, kind: NumberKind::Phone, password: None }
    }

    /// D1[77] > A[5], D1 > OFF; D2[88] > C[1] with one number live; u in A and C.
    fn world() -> World {
        let mut world = World::default();
        let groups = [
            (D1, SERVER, "D1", Some(77)),
            (A, D1, "A", Some(5)),
            (D2, SERVER, "D2", Some(88)),
            (C, D2, "Secret", Some(1)),
            (OFF, D1, "Off", None),
        ];
        for (id, parent, name, sip_numbers) in groups {
            world.tree.upsert_group(Group {
                id,
                parent: Some(parent),
                name: name.into(),
                kind: String::new(),
                restricted: sip_numbers.is_some(),
                hand_out: HandOut::Split,
                time_zone: None,
                monitor: false,
                admin_emails: Vec::new(),
            });
            let Some(sip_numbers) = sip_numbers else { continue };
            let until = (id == C || id == D1).then_some(END);
            world.tree.upsert_license(License {
                id: LicenseId(id.0),
                holder: Holder::Group(id),
                license_type: "Plus".into(),
                sip_numbers,
                mobile_apps: 0,
                features: FeatureSet::NONE,
                validity: Validity { from: None, until },
                suspended: false,
            });
        }
        let name = "u".into();
        world.tree.upsert_user(User { id: USER, name, email: None, groups: vec![C, A] });
        world.put_number(&number(1, NUMBER, Holder::User(USER)));
        world.put_number(&number(2, "sip:c@a.example", Holder::Group(C)));
        world
    }

    fn seat(aor: &str, owner: Holder) -> Seat {
        Seat {
            aor: aor.into(),
            owner,
            number_kind: NumberKind::Phone,
            created: true,
            kind: Held::Sip,
            apps: 0,
            device: Some(1),
            since_ms: 0,
            until_ms: None,
            state: Standing::Live,
            over: true,
        }
    }

    fn seats() -> [Seat; 2] {
        [seat("sip:c@a.example", Holder::Group(C)), seat("sip:d@a.example", Holder::User(USER))]
    }

    fn with(role: Role, group: GroupId) -> Viewer {
        Viewer { assignments: vec![Assignment { role, group }], ..Viewer::default() }
    }

    fn hides(json: &str) {
        for word in ["Secret", "D2", "77", "88"] {
            assert!(!json.contains(word), "{word} in {json}");
        }
    }

    #[test]
    fn row_30_a_dealer_is_told_the_cause_and_the_place_of_a_full_gate_elsewhere() {
        let world = world();
        let usage = Tally::of(&world.tree, &seats()[..1]);
        let dealer = with(Role::SiteAdministrator, A);

        let told = explain_for(&dealer, &world, NUMBER, AT, &usage);

        assert_eq!((told.verdict, told.cause.as_deref()), (Verdict::Refuse, Some("sip_limit")));
        assert_eq!(told.bound_by.as_deref(), Some("another group of this user"));
        let places: Vec<&str> = told.gates.iter().map(|gate| gate.gate.as_str()).collect();
        let other = "another group of this user";
        assert_eq!(places, ["A", other, "a group above", other]);
        let elsewhere = &told.gates[1];
        assert!(elsewhere.sip_numbers.is_none() && elsewhere.mobile_apps.is_none());
        assert_eq!(elsewhere.valid_until.as_deref(), Some("2027-01-15T08:00:00Z"));
        assert_eq!(told.gates[0].sip_numbers.as_ref().and_then(|sip| sip.limit), Some(5));
        hides(&serde_json::to_string(&told).unwrap());
    }

    #[test]
    fn a_number_of_others_is_as_unknown_as_one_that_is_not_there() {
        let (world, usage) = (world(), Tally::default());
        let dealer = with(Role::SiteAdministrator, D1);

        let foreign = explain_for(&dealer, &world, "sip:c@a.example", AT, &usage);

        let mut nobodys = explain_for(&dealer, &world, "sip:none@a.example", AT, &usage);
        nobodys.number = foreign.number.clone();
        assert_eq!(foreign, nobodys);
    }

    #[test]
    fn a_state_under_an_unseen_gate_has_what_is_available_and_no_limit() {
        let world = world();
        let dealer = with(Role::SiteAdministrator, OFF);

        let state = state_for(&dealer, &world.tree, Holder::Group(OFF), AT, &Tally::default());

        assert_eq!(state.group, "Off");
        assert_eq!((state.sip_numbers.limit, state.sip_numbers.available), (None, Some(72)));
        assert_eq!(state.sip_numbers.limit_of.as_deref(), Some("a group above"));
        assert_eq!(state.sip_numbers.bound_by.as_deref(), Some("a group above"));
        assert_eq!(state.ends_with.as_deref(), Some("a group above"));
        assert_eq!(state.next_change, None);
        hides(&serde_json::to_string(&state).unwrap());
    }

    #[test]
    fn users_read_their_own_and_of_their_groups_the_name() {
        let world = world();
        let usage = Tally::of(&world.tree, &seats());
        let user = Viewer { user: Some(USER), ..with(Role::User, A) };

        let told = explain_for(&user, &world, NUMBER, AT, &usage);
        let rows = seats_for(&user, &world.tree, &seats());

        let places: Vec<&str> = told.gates.iter().map(|gate| gate.gate.as_str()).collect();
        assert_eq!(places, ["A", "Secret", "a group above", "a group above"]);
        assert!(told.gates.iter().all(|gate| gate.sip_numbers.is_none()));
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].group.as_deref(), rows[0].over), (Some("Secret"), false));
    }

    #[test]
    fn lists_show_what_is_seen_by_names_from_ones_own_group() {
        let world = world();
        let usage = Tally::of(&world.tree, &seats());
        let tree = &world.tree;
        let dealer = with(Role::SiteAdministrator, A);
        let concierge = with(Role::Concierge, A);
        let of_a = tree.license(LicenseId(A.0)).unwrap();

        let rows = seats_for(&dealer, tree, &seats());
        let node = tree_for(&dealer, &world, A, AT, &usage).unwrap();

        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].group.as_deref(), Some("A"));
        assert_eq!((node.group.as_str(), node.ends_with.as_deref()), ("A", Some("a group above")));
        assert_eq!(node.users[0].ends_with.as_deref(), Some("another group of this user"));
        hides(&serde_json::to_string(&(rows, node)).unwrap());
        assert!(tree_for(&dealer, &world, D1, AT, &usage).is_none());
        assert_eq!(license_for(&dealer, tree, of_a, AT).unwrap().holder, "A");
        assert!(license_for(&concierge, tree, of_a, AT).is_none());
        let of_d1 = tree.license(LicenseId(D1.0)).unwrap();
        assert!(license_for(&dealer, tree, of_d1, AT).is_none());
    }
}

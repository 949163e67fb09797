//! The worked examples of the licensing rules, row by row, each a test named by its row.
//! Here: a site to build them on, and the wire as a slow model that counts seats one by one.

mod distribution;
mod readings;
mod reminders;
mod states;
mod told;
mod wire;

use std::collections::BTreeSet;

use super::distribution::{Change, Refused, Warning, check};
use super::{
    Cause, Claim, ClaimId, ClaimRule, Feature, FeatureSet, Group, GroupId, HandOut, Holder,
    License, LicenseId, Moment, Number, NumberId, NumberKind, RevokeClass, RevokeOrder, Usage,
    User, UserId, Validity, World,
};

/// 1 November 2024.
const NOW: Moment = Moment(1_730_419_200);
const DAY: i64 = 86_400;
const DEC_1: Moment = Moment(NOW.0 + 30 * DAY);

/// A license as the examples write it.
#[derive(Clone, Copy, Default)]
struct Grant {
    sip: u32,
    apps: u32,
    from: Option<Moment>,
    until: Option<Moment>,
    features: FeatureSet,
}

fn sip(sip: u32) -> Grant {
    Grant { sip, ..Grant::default() }
}

impl Grant {
    fn apps(self, apps: u32) -> Self {
        Self { apps, ..self }
    }

    fn from(self, from: Moment) -> Self {
        Self { from: Some(from), ..self }
    }

    fn until(self, until: Moment) -> Self {
        Self { until: Some(until), ..self }
    }

    fn with(mut self, feature: Feature) -> Self {
        self.features.insert(feature);
        self
    }
}

/// Records, and the seats that are live.
struct Site {
    world: World,
    now: Moment,
    last_id: i64,
    seats: Vec<Seat>,
}

#[derive(Clone)]
struct Seat {
    aor: String,
    owner: Holder,
    created: bool,
    kind: NumberKind,
    app: bool,
    since: i64,
}

impl Site {
    fn new() -> Self {
        Self { world: World::default(), now: NOW, last_id: 1, seats: Vec::new() }
    }

    fn id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    fn check(&self, change: &Change, force: bool) -> Result<Vec<Warning>, Refused> {
        check(&self.world, change, self.now, force, self)
    }

    /// Writes what is accepted.
    fn write(&mut self, change: Change) -> Result<Vec<Warning>, Refused> {
        let warnings = self.check(&change, false)?;
        self.world.apply(&change);
        Ok(warnings)
    }

    fn force(&mut self, change: Change) -> Result<Vec<Warning>, Refused> {
        let warnings = self.check(&change, true)?;
        self.world.apply(&change);
        Ok(warnings)
    }

    fn at(&self, path: &str) -> GroupId {
        self.world.tree.find(path).unwrap_or_else(|| panic!("no group {path}"))
    }

    fn holder(&self, name: &str) -> Holder {
        match name.strip_prefix("user:") {
            Some(user) => Holder::User(self.world.tree.user_named(user).unwrap().id),
            None => Holder::Group(self.at(name)),
        }
    }

    fn record(&mut self, path: &str) -> Group {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("/", path));
        Group {
            id: GroupId(self.id()),
            parent: Some(self.at(parent)),
            name: name.into(),
            kind: "building".into(),
            restricted: false,
            hand_out: HandOut::Split,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        }
    }

    /// A group with restriction off.
    fn off(&mut self, path: &str) {
        let group = self.record(path);
        self.write(Change::AddGroup { group, licenses: Vec::new() }).unwrap();
    }

    /// A group with restriction on.
    fn gate(&mut self, path: &str, grants: &[Grant]) -> Result<Vec<Warning>, Refused> {
        self.gate_handing_out(path, HandOut::Split, grants)
    }

    fn shared(&mut self, path: &str, grants: &[Grant]) {
        self.gate_handing_out(path, HandOut::Shared, grants).unwrap();
    }

    fn gate_handing_out(
        &mut self,
        path: &str,
        hand_out: HandOut,
        grants: &[Grant],
    ) -> Result<Vec<Warning>, Refused> {
        let group = Group { restricted: true, hand_out, ..self.record(path) };
        let holder = Holder::Group(group.id);
        let licenses = grants.iter().map(|grant| self.license(holder, *grant)).collect();
        self.write(Change::AddGroup { group, licenses })
    }

    fn edit(&self, path: &str, edit: impl FnOnce(&mut Group)) -> Change {
        let mut group = self.world.tree.group(self.at(path)).unwrap().clone();
        edit(&mut group);
        Change::EditGroup { group, licenses: Vec::new() }
    }

    fn license(&mut self, holder: Holder, grant: Grant) -> License {
        License {
            id: LicenseId(self.id()),
            holder,
            license_type: "Plus".into(),
            sip_numbers: grant.sip,
            mobile_apps: grant.apps,
            features: grant.features,
            validity: Validity { from: grant.from, until: grant.until },
            suspended: false,
        }
    }

    /// One more license for a holder.
    fn grant(&mut self, name: &str, grant: Grant) -> Change {
        let holder = self.holder(name);
        Change::AddLicense(self.license(holder, grant))
    }

    /// The first license of a holder, edited.
    fn regrant(&self, name: &str, edit: impl FnOnce(&mut License)) -> Change {
        let mut license = License::clone(&self.world.tree.licenses_of(self.holder(name))[0]);
        edit(&mut license);
        Change::EditLicense(license)
    }

    fn user(
        &mut self,
        name: &str,
        groups: &[&str],
        grants: &[Grant],
    ) -> Result<Vec<Warning>, Refused> {
        let id = UserId(self.id());
        let licenses = grants.iter().map(|one| self.license(Holder::User(id), *one)).collect();
        let groups = groups.iter().map(|path| self.at(path)).collect();
        let user = User { id, name: name.into(), email: None, groups };
        self.write(Change::AddUser { user, licenses })
    }

    /// `count` numbers that somebody creates.
    fn numbers(&mut self, owner: &str, kind: NumberKind, count: i64) -> Change {
        let owner = self.holder(owner);
        let numbers = (0..count).map(|_| {
            let id = self.id();
            let aor = format!("sip:n{id}@example.com");
            Number { id: NumberId(id), aor, owner, kind, password: None }
        });
        Change::AddNumbers(numbers.collect())
    }

    fn create(&mut self, owner: &str, kind: NumberKind, count: i64) {
        let change = self.numbers(owner, kind, count);
        self.write(change).unwrap();
    }

    fn claim(&mut self, path: &str, first: &str, last: &str) -> Change {
        let rule = ClaimRule::Range {
            domain: "example.com".into(),
            first: first.into(),
            last: last.into(),
        };
        let id = ClaimId(self.id());
        Change::AddClaim(Claim { id, group: self.at(path), rule, kind: NumberKind::Phone })
    }
}

/// The obstacle of a refusal: gate, resource, granted, left, asked.
fn obstacle(refused: Result<Vec<Warning>, Refused>) -> (String, String, i64, i64, i64) {
    let refused = refused.expect_err("accepted");
    let first = refused.obstacles.first().expect("no obstacle").clone();
    (first.gate, first.resource, first.granted.unwrap(), first.left, first.asked)
}

fn last_date(refused: Result<Vec<Warning>, Refused>) -> Option<Moment> {
    refused.expect_err("accepted").obstacles.first().expect("no obstacle").last_date_that_fits
}

// The wire: seats one by one.
impl Site {
    fn under(&self, seat: &Seat, holder: Holder) -> bool {
        match holder {
            Holder::Group(group) => self.world.tree.ancestry(seat.owner).contains(&group),
            user => seat.owner == user,
        }
    }

    fn count(&self, test: impl Fn(&Seat) -> bool) -> u64 {
        // One SIP seat for each number, however many devices.
        let numbers = self.seats.iter().filter(|seat| test(seat)).map(|seat| &seat.aor);
        numbers.collect::<BTreeSet<_>>().len() as u64
    }

    /// A device registers; which gate refuses it, and why.
    fn register(&mut self, aor: &str, app: bool) -> Result<(), (String, Cause)> {
        let owned = self.world.directory.owner_of(aor).expect("unknown number");
        let since = self.id();
        let seat = Seat {
            aor: aor.into(),
            owner: owned.holder,
            created: owned.is_created(),
            kind: owned.kind,
            app: app || owned.kind == NumberKind::App,
            since,
        };
        match self.refusal(&seat) {
            Some((gate, cause)) => Err((self.world.tree.name_of(gate), cause)),
            None => {
                self.seats.push(seat);
                Ok(())
            }
        }
    }

    fn refusal(&self, seat: &Seat) -> Option<(Holder, Cause)> {
        let tree = &self.world.tree;
        let is_new = !self.seats.iter().any(|held| held.aor == seat.aor);
        let mut refusals = Vec::new();
        for gate in tree.path(seat.owner) {
            let step = tree.schedule(gate, self.now)[0];
            let promised = matches!(seat.owner, Holder::Group(group)
                if !seat.created && tree.promises(group).contains(&gate));
            let full = self.sip_seats(gate) >= u64::from(step.sip_numbers)
                || promised && self.promised_seats(gate) >= u64::from(step.claimed);
            if let Some(cause) = Cause::of_status(step.status) {
                refusals.push((gate, cause));
            } else if is_new && full {
                refusals.push((gate, Cause::SipLimit));
            } else if seat.app && self.app_seats(gate) >= u64::from(step.mobile_apps) {
                refusals.push((gate, Cause::AppLimit));
            }
        }
        Cause::bound(refusals)
    }

    /// How many of a row of numbers get in, and the cause for the others.
    fn register_all(&mut self, aors: impl Iterator<Item = String>) -> (usize, Vec<Cause>) {
        let results: Vec<_> = aors.map(|aor| self.register(&aor, false)).collect();
        let causes: Vec<_> = results.iter().filter_map(|one| Some(one.as_ref().err()?.1)).collect();
        (results.len() - causes.len(), causes)
    }

    /// Revokes until all fits; which numbers went.
    fn revoke(&mut self) -> Vec<Seat> {
        let mut gone = Vec::new();
        loop {
            let over: Vec<Holder> = self.gates_over();
            let mut seats: Vec<Seat> = self.seats.clone();
            seats.retain(|seat| over.iter().any(|gate| self.under(seat, *gate)));
            let rank = |seat: &Seat| {
                RevokeOrder::new(RevokeClass::of(seat.created, seat.kind), seat.since)
            };
            let Some(first) = seats.into_iter().min_by_key(rank) else { return gone };
            self.seats.retain(|seat| seat.aor != first.aor);
            gone.push(first);
        }
    }

    fn gates_over(&self) -> Vec<Holder> {
        let tree = &self.world.tree;
        let gates: BTreeSet<Holder> =
            self.seats.iter().flat_map(|seat| tree.path(seat.owner)).collect();
        let is_over = |gate: &Holder| {
            let step = tree.schedule(*gate, self.now)[0];
            self.sip_seats(*gate) > u64::from(step.sip_numbers)
        };
        gates.into_iter().filter(is_over).collect()
    }

    fn created_aors(&self, owner: &str) -> Vec<String> {
        let numbers = self.world.directory.numbers_of(self.holder(owner));
        numbers.map(|(aor, _)| aor.to_owned()).collect()
    }
}

impl Usage for Site {
    fn sip_seats(&self, holder: Holder) -> u64 {
        self.count(|seat| self.under(seat, holder))
    }

    fn app_seats(&self, holder: Holder) -> u64 {
        self.seats.iter().filter(|seat| seat.app && self.under(seat, holder)).count() as u64
    }

    fn claimed_seats(&self, holder: Holder) -> u64 {
        self.count(|seat| !seat.created && self.under(seat, holder))
    }

    fn promised_seats(&self, gate: Holder) -> u64 {
        self.count(|seat| {
            !seat.created
                && matches!(seat.owner, Holder::Group(group)
                    if self.world.tree.promises(group).contains(&gate))
        })
    }
}

fn range(numbers: std::ops::Range<i64>) -> impl Iterator<Item = String> {
    numbers.map(|n| format!("sip:{n}@example.com"))
}

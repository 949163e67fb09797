//! The example tree: a distributor, two dealers, their buildings and apartments. Written through the
//! same checks as any other write, so all of it fits.

use std::path::Path;

use crate::clock::Clock;
use crate::config::Config;
use crate::license::{
    Claim, ClaimId, ClaimRule, Feature, FeatureSet, Group, GroupId, HandOut, Holder, License,
    LicenseId, Moment, Number, NumberId, NumberKind, SERVER, User, UserId, Validity,
};
use crate::store::{Store, Terms};

use super::Fault;
use super::cast::{DOMAIN, aor};

/// The paths that the story speaks of.
pub const A_RESIDENCE: &str = "SmartHome/North/A Residence";
pub const B_RESIDENCE: &str = "SmartHome/North/B Residence";
pub const SOUTH: &str = "SmartHome/South";

/// How long the Trial of B Residence lasts.
const TRIAL_SECS: i64 = 20;

const DAY_SECS: i64 = 86_400;

/// Parent, name and kind of a group.
type Place<'a> = (GroupId, &'a str, &'a str);

/// *Enable restriction*, and how a group that has it hands out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restriction {
    Off,
    On(HandOut),
}

/// Writes the tree into the database that the config names.
pub async fn plant(config: &Config) -> Result<(), Fault> {
    let store = Store::open(&config.database.url(), Path::new("")).await?;
    let gardener = Gardener { store: &store, now: Clock::start().now().moment() };
    let distributor =
        gardener.gate((SERVER, "SmartHome", "distributor"), (60, 30), 365 * DAY_SECS).await?;
    gardener.north(distributor).await?;
    gardener.south(distributor).await?;
    store.close().await;
    Ok(())
}

struct Gardener<'s> {
    store: &'s Store,
    now: Moment,
}

impl Gardener<'_> {
    /// A dealer who splits: what is granted is promised.
    async fn north(&self, distributor: GroupId) -> Result<(), Fault> {
        let north = self.gate((distributor, "North", "dealer"), (24, 12), 180 * DAY_SECS).await?;

        let a = self.gate((north, "A Residence", "building"), (9, 4), 90 * DAY_SECS).await?;
        self.number("door-a", Holder::Group(a), NumberKind::Panel).await?;
        self.number("gate-a", Holder::Group(a), NumberKind::Panel).await?;
        self.number("concierge", Holder::Group(a), NumberKind::Concierge).await?;
        let eleven = self.group((a, "11", "apartment"), Restriction::Off).await?;
        let anna = Holder::User(self.user("anna", eleven).await?);
        self.grant(anna, (2, 1), 90 * DAY_SECS).await?;
        self.number("anna", anna, NumberKind::App).await?;
        let twelve = self.gate((a, "12", "apartment"), (1, 1), 90 * DAY_SECS).await?;
        let ben = Holder::User(self.user("ben", twelve).await?);
        self.number("ben", ben, NumberKind::Monitor).await?;
        // 9 less three numbers, Anna's 2 and apartment 12: three are left to whoever comes first.
        self.claim(a, "1000", "1999").await?;

        let b = self.gate((north, "B Residence", "building"), (3, 1), TRIAL_SECS).await?;
        self.number("door-b", Holder::Group(b), NumberKind::Panel).await
    }

    /// A dealer who shares: each pier may have all four, and together they have four.
    async fn south(&self, distributor: GroupId) -> Result<(), Fault> {
        let shared = Restriction::On(HandOut::Shared);
        let south = self.group((distributor, "South", "dealer"), shared).await?;
        self.grant(Holder::Group(south), (4, 2), 180 * DAY_SECS).await?;
        for (name, first, last) in [("Pier 1", "2000", "2099"), ("Pier 2", "2100", "2199")] {
            let pier = self.gate((south, name, "building"), (4, 2), 90 * DAY_SECS).await?;
            self.claim(pier, first, last).await?;
        }
        Ok(())
    }

    fn terms(&self) -> Terms<'static> {
        Terms::at(self.now)
    }

    async fn group(&self, place: Place<'_>, restriction: Restriction) -> Result<GroupId, Fault> {
        let (parent, name, kind) = place;
        let group = Group {
            id: GroupId(0),
            parent: Some(parent),
            name: name.to_owned(),
            kind: kind.to_owned(),
            restricted: restriction != Restriction::Off,
            hand_out: match restriction {
                Restriction::On(hand_out) => hand_out,
                Restriction::Off => HandOut::Split,
            },
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        };
        Ok(self.store.add_group(group, self.terms()).await?.id)
    }

    /// A restricted group with a license.
    async fn gate(
        &self,
        place: Place<'_>,
        counts: (u32, u32),
        lasts_secs: i64,
    ) -> Result<GroupId, Fault> {
        let id = self.group(place, Restriction::On(HandOut::Split)).await?;
        self.grant(Holder::Group(id), counts, lasts_secs).await?;
        Ok(id)
    }

    async fn user(&self, name: &str, group: GroupId) -> Result<UserId, Fault> {
        let user = User {
            id: UserId(0),
            name: name.to_owned(),
            email: Some(format!("{name}@example.com")),
            groups: vec![group],
        };
        Ok(self.store.add_user(user, self.terms()).await?.id)
    }

    async fn grant(
        &self,
        holder: Holder,
        (sip_numbers, mobile_apps): (u32, u32),
        lasts_secs: i64,
    ) -> Result<(), Fault> {
        let is_trial = lasts_secs < DAY_SECS;
        let mut features = FeatureSet::NONE;
        features.insert(Feature::RemoteDoorOpening);
        features.insert(Feature::GuestAccess);
        let until = self.now.0 + lasts_secs;
        // Licenses of days end at midnight, as people set them.
        let until = if is_trial { until } else { until - until.rem_euclid(DAY_SECS) };
        let license = License {
            id: LicenseId(0),
            holder,
            license_type: if is_trial { "Trial" } else { "Plus" }.to_owned(),
            sip_numbers,
            mobile_apps,
            features,
            validity: Validity { from: None, until: Some(Moment(until)) },
            suspended: false,
        };
        self.store.add_license(license, self.terms()).await?;
        Ok(())
    }

    async fn number(&self, user: &str, owner: Holder, kind: NumberKind) -> Result<(), Fault> {
        let aor = aor(user);
        let number = Number { id: NumberId(0), aor, owner, kind, password: None };
        self.store.add_number(number, self.terms()).await?;
        Ok(())
    }

    async fn claim(&self, group: GroupId, first: &str, last: &str) -> Result<(), Fault> {
        let rule = ClaimRule::Range {
            domain: DOMAIN.to_owned(),
            first: first.to_owned(),
            last: last.to_owned(),
        };
        let claim = Claim { id: ClaimId(0), group, rule, kind: NumberKind::Phone };
        self.store.add_claim(claim, self.terms()).await?;
        Ok(())
    }
}

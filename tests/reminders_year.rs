//! A year of reminders, hour by hour: licenses come, move and go, daemons restart and run side by side,
//! the mail server fails for days, the clock jumps. The mails that arrived are those that a slow and
//! obvious model says are due.
#![cfg(feature = "peers")]

#[path = "base/mod.rs"]
mod base;
mod mail;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use admitd::license::{
    Every, Feature, FeatureSet, Group, GroupId, Holder, License, LicenseId, Moment, Reminder,
    SERVER, Validity,
};
use admitd::reminders::Reminders;
use admitd::store::{Error, MailState, Store, TemplateRow};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use base::Base;
use mail::{MailServer, Site};

const HOUR: i64 = 3_600;
/// 1 January 2025.
const START: i64 = 1_735_689_600;
/// After the server is back, a mail that waits goes out within so long.
const LONGEST_WAIT: i64 = 9 * HOUR;
const ZONES: [Tz; 4] = [Tz::UTC, Tz::Europe__Madrid, Tz::America__New_York, Tz::Pacific__Auckland];

/// A row of random numbers that a seed repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn of<'o, T>(&mut self, options: &'o [T]) -> &'o T {
        &options[usize::try_from(self.below(options.len() as u64)).unwrap()]
    }

    fn hours(&mut self, from: i64, to: i64) -> i64 {
        HOUR * (from + i64::try_from(self.below((to - from).unsigned_abs())).unwrap())
    }
}

/// The mails of one series and day: group, end, day.
type Key = (i64, i64, NaiveDate);

/// The model: everything is looked at anew each time, nothing is remembered but what was made.
#[derive(Default)]
struct Model {
    groups: Vec<Group>,
    licenses: Vec<License>,
    reminders: Vec<Reminder>,
    /// When each was made.
    made: BTreeMap<Key, i64>,
    /// What must arrive, what may: with the address.
    must: BTreeSet<(Key, String)>,
    may: BTreeSet<(Key, String)>,
    /// Made while the server failed.
    waiting: Vec<(Key, String)>,
    /// The dates of each series, as of the last change.
    series: Vec<(i64, i64, Dates)>,
}

/// Days, and the instants at which their mails are due.
type Dates = Vec<(NaiveDate, i64)>;

impl Model {
    fn group(&self, id: GroupId) -> &Group {
        self.groups.iter().find(|group| group.id == id).unwrap()
    }

    /// The gates from a group upwards.
    fn gates(&self, group: GroupId) -> Vec<GroupId> {
        let mut gates = Vec::new();
        let mut next = Some(group);
        while let Some(id) = next {
            let group = self.group(id);
            gates.extend(group.restricted.then_some(id));
            next = group.parent;
        }
        gates
    }

    /// SIP numbers, apps and trunks at an instant: the least of all gates, each the sum of its licenses.
    fn effective(&self, group: GroupId, at: i64) -> (u32, u32, bool) {
        let (mut sip, mut apps, mut trunks) = (u32::MAX, u32::MAX, true);
        for gate in self.gates(group) {
            let held = self.licenses.iter().filter(|license| {
                let Validity { from, until } = license.validity;
                license.holder == Holder::Group(gate)
                    && !license.suspended
                    && from.is_none_or(|from| from.0 <= at)
                    && until.is_none_or(|until| at < until.0)
            });
            let held: Vec<&License> = held.collect();
            sip = sip.min(held.iter().map(|license| license.sip_numbers).sum());
            apps = apps.min(held.iter().map(|license| license.mobile_apps).sum());
            trunks &= held.iter().any(|license| license.features.contains(Feature::SipTrunks));
        }
        (sip, apps, trunks)
    }

    fn falls(&self, group: GroupId, at: i64) -> bool {
        let (before, after) = (self.effective(group, at - 1), self.effective(group, at));
        after.0 < before.0 || after.1 < before.1 || before.2 && !after.2
    }

    /// Whether a mail about this end would still be true.
    fn is_wanted(&self, (group, end, _): Key) -> bool {
        let on = self.reminders.iter().any(|one| one.enabled && one.group.0 == group);
        on && self.falls(GroupId(group), end)
    }

    fn dates(&self, reminder: &Reminder, end: i64) -> Vec<(NaiveDate, i64)> {
        let zone = self.group(reminder.group).time_zone.unwrap();
        let last = DateTime::<Utc>::from_timestamp(end, 0).unwrap().with_timezone(&zone);
        let mut day = last.date_naive() - Days::new(reminder.days.into());
        let mut dates = Vec::new();
        loop {
            let nine = day.and_time(NaiveTime::from_hms_opt(9, 0, 0).unwrap());
            let at = zone.from_local_datetime(&nine).unwrap().timestamp();
            if at >= end {
                return dates;
            }
            dates.push((day, at));
            day = day
                + Days::new(match reminder.every {
                    Every::Once => return dates,
                    Every::Daily => 1,
                    Every::Weekly => 7,
                    Every::ThirtyDays => 30,
                });
        }
    }

    /// After a change.
    fn renew(&mut self) {
        let mut series = Vec::new();
        for reminder in self.reminders.iter().filter(|reminder| reminder.enabled) {
            let ends = self.licenses.iter().filter_map(|license| Some(license.validity.until?.0));
            for end in ends.collect::<BTreeSet<_>>() {
                if self.falls(reminder.group, end) {
                    series.push((reminder.group.0, end, self.dates(reminder, end)));
                }
            }
        }
        self.series = series;
    }

    /// What is due at an instant and was not made.
    fn due(&self, now: i64) -> Vec<Key> {
        let mut due = Vec::new();
        for (group, end, dates) in self.series.iter().filter(|(_, end, _)| *end > now) {
            let Some((day, at)) = dates.iter().rfind(|(_, at)| *at <= now) else { continue };
            let since = self.made.iter().any(|((of, about, _), made)| {
                of == group && about == end && (*at..=now).contains(made)
            });
            if !since && !self.made.contains_key(&(*group, *end, *day)) {
                due.push((*group, *end, *day));
            }
        }
        due
    }

    /// A daemon works at `now`.
    fn step(&mut self, now: i64, is_failing: bool) {
        for key in self.due(now) {
            self.made.insert(key, now);
            let reminder = self.reminders.iter().find(|one| one.group.0 == key.0).unwrap();
            for address in &reminder.also {
                let mail = (key, address.clone());
                if is_failing {
                    self.waiting.push(mail);
                } else {
                    self.must.insert(mail);
                }
            }
        }
    }

    /// Whatever waits meets something that may end its waiting in another way.
    fn disturb(&mut self) {
        self.may.extend(self.waiting.drain(..));
    }

    /// The server has been back for long enough.
    fn settle(&mut self, now: i64) {
        for mail in std::mem::take(&mut self.waiting) {
            let in_time = mail.0.1 > now && self.is_wanted(mail.0);
            if in_time {
                self.must.insert(mail)
            } else {
                self.may.insert(mail)
            };
        }
    }
}

/// The year as it runs.
struct Year {
    site: Site,
    server: MailServer,
    model: Model,
    dice: Dice,
    url: String,
    daemons: Vec<Reminders>,
    failing_until: Option<i64>,
    back_since: Option<i64>,
    down_until: i64,
    wake: Option<Moment>,
    /// What the year had of everything.
    story: BTreeMap<&'static str, u32>,
}

impl Year {
    async fn new(base: &Base, seed: u64) -> Self {
        let site = Site::new(base, Moment(START)).await;
        let template = TemplateRow {
            subject: "{{ group }}|{{ due_end }}".into(),
            text: "{{ days_left }}".into(),
            html: "{{ days_left }}".into(),
        };
        site.store.set_template("license_ending", Some(&template), site.terms()).await.unwrap();
        let server = MailServer::start();
        let mut year = Self {
            site,
            server,
            model: Model::default(),
            dice: Dice(seed),
            url: base.url(),
            daemons: Vec::new(),
            failing_until: None,
            back_since: None,
            down_until: 0,
            wake: None,
            story: BTreeMap::new(),
        };
        year.furnish().await;
        year.published().await;
        for _ in 0..2 {
            let daemon = year.daemon().await;
            year.daemons.push(daemon);
        }
        year
    }

    /// A daemon that has just started, on connections of its own.
    async fn daemon(&self) -> Reminders {
        let store = Arc::new(Store::open(&self.url, Path::new("")).await.unwrap());
        let site = Site { store, world: Arc::clone(&self.site.world), now: self.site.now };
        site.reminders(&self.server.config())
    }

    async fn furnish(&mut self) {
        for n in 0..8 {
            let zone = *self.dice.of(&ZONES);
            let root = self.site.group(&format!("root{n}"), SERVER, zone, true).await;
            self.grant(root, 40).await;
            let restricted = self.dice.one_in(2);
            let zone = *self.dice.of(&ZONES);
            let below = self.site.group(&format!("below{n}"), root, zone, restricted).await;
            if restricted {
                self.grant(below, 4).await;
            }
            for group in [root, below] {
                self.set_reminder(group).await;
            }
        }
    }

    async fn grant(&mut self, group: GroupId, sip: u64) {
        let now = self.site.now.0;
        let sip = 1 + u32::try_from(self.dice.below(sip)).unwrap();
        let mut features = FeatureSet::NONE;
        if self.dice.one_in(2) {
            features.insert(Feature::SipTrunks);
        }
        let until = Moment(now + self.dice.hours(48, 24 * 90));
        let license = License {
            id: LicenseId(0),
            holder: Holder::Group(group),
            license_type: String::new(),
            sip_numbers: sip,
            mobile_apps: sip - u32::try_from(self.dice.below(u64::from(sip))).unwrap(),
            features,
            validity: Validity { from: None, until: Some(until) },
            suspended: false,
        };
        refused_or(self.site.store.add_license(license, self.site.terms()).await);
    }

    async fn set_reminder(&mut self, group: GroupId) {
        let mut also = vec![format!("g{group}@example.com")];
        if self.dice.one_in(3) {
            also.push(format!("h{group}@example.com"));
        }
        let reminder = Reminder {
            group,
            days: *self.dice.of(&[1, 3, 7, 14, 30, 45]),
            every: *self.dice.of(&[Every::Once, Every::Daily, Every::Weekly, Every::ThirtyDays]),
            also,
            users: false,
            enabled: !self.dice.one_in(6),
        };
        self.site.remind(&reminder).await;
        self.model.reminders.retain(|old| old.group != group);
        self.model.reminders.push(reminder);
    }

    /// The daemons and the model take over what stands on record.
    async fn published(&mut self) {
        self.site.publish().await;
        let world = self.site.world.load_full();
        self.model.groups = world.tree.groups().cloned().collect();
        self.model.licenses = world.tree.licenses().cloned().collect();
        // The tree lists them in no order, and a seed is to tell the same year again.
        self.model.licenses.sort_by_key(|license| license.id);
        self.model.renew();
        self.model.disturb();
        self.wake = None;
    }

    fn tell(&mut self, what: &'static str) {
        *self.story.entry(what).or_default() += 1;
    }

    /// Something that an administrator does.
    async fn change(&mut self) {
        self.tell("changes");
        let license = self.dice.of(&self.model.licenses).clone();
        let Holder::Group(group) = license.holder else { return };
        let now = self.site.now.0;
        let (store, terms) = (Arc::clone(&self.site.store), self.site.terms());
        match self.dice.below(10) {
            0 | 1 => {
                // Renewed without a gap.
                let from = license.validity.until;
                let until = from.map(|from| Moment(from.0 + self.dice.hours(24, 24 * 90)));
                let next = License { validity: Validity { from, until }, ..license };
                refused_or(store.add_license(next, terms).await);
            }
            2 => {
                let until = Some(Moment(now + self.dice.hours(2, 24 * 90)));
                let edit = |license: &mut License| license.validity.until = until;
                refused_or(store.edit_license(license.id, edit, terms).await);
            }
            3 | 4 => self.grant(group, 20).await,
            5 if license.suspended => refused_or(store.resume_license(license.id, terms).await),
            5 => refused_or(store.suspend_license(license.id, terms).await),
            6 => refused_or(store.remove_license(license.id, terms).await),
            _ => {
                let groups = self.model.reminders.iter().map(|one| one.group);
                let groups: Vec<GroupId> = groups.collect();
                let group = *self.dice.of(&groups);
                self.set_reminder(group).await;
            }
        }
        self.published().await;
    }

    async fn weather(&mut self, now: i64) {
        if self.failing_until.is_some_and(|until| until <= now) {
            self.server.mood("");
            (self.failing_until, self.back_since) = (None, Some(now));
        }
        if self.back_since.is_some_and(|since| since + LONGEST_WAIT <= now) {
            self.model.settle(now);
            self.back_since = None;
        }
        if self.failing_until.is_none() && self.dice.one_in(24 * 30) {
            self.tell("failures of the server");
            let mood = *self.dice.of(&["data 451", "rcpt 450", "greet", "close"]);
            self.server.mood(mood);
            self.failing_until = Some(now + self.dice.hours(4, 80));
            self.back_since = None;
            self.model.disturb();
        }
        if self.dice.one_in(24 * 40) {
            self.tell("downtimes");
            self.down_until = now + self.dice.hours(4, 100);
            self.model.disturb();
        }
        if self.dice.one_in(24 * 4) {
            self.tell("restarts");
            self.daemons.remove(0);
            let daemon = self.daemon().await;
            self.daemons.push(daemon);
            self.wake = None;
        }
    }

    async fn step(&mut self, now: i64) {
        let [one, two] = &mut self.daemons[..] else { panic!("two daemons") };
        let at = Moment(now);
        let (one, two) = if self.dice.one_in(3) {
            (one.step(at).await, two.step(at).await)
        } else {
            tokio::join!(one.step(at), two.step(at))
        };
        let wakes = [one.unwrap().wake, two.unwrap().wake];
        self.wake = wakes.into_iter().flatten().min();
        self.model.step(now, self.failing_until.is_some());
    }

    async fn run(&mut self) {
        for hour in 0..24 * 365 {
            let now = START + hour * HOUR;
            self.site.now = Moment(now);
            self.weather(now).await;
            if self.dice.one_in(50) {
                self.change().await;
            }
            if now < self.down_until {
                self.wake = None;
                continue;
            }
            if self.dice.one_in(24 * 20) {
                self.tell("jumps of the clock");
                let by = self.dice.hours(-72, 72);
                self.model.disturb();
                self.step(now + by).await;
                self.wake = None;
            }
            if self.wake.is_some_and(|wake| now < wake.0) {
                assert_eq!(self.model.due(now), [], "slept through {now}");
            } else {
                self.step(now).await;
            }
        }
        self.server.mood("");
        self.model.disturb();
    }

    async fn compare(&self) {
        let mails = self.site.store.mails(None, None, None, 1_000_000).await.unwrap();
        let mut arrived = BTreeSet::new();
        let mut letters = Vec::new();
        for mail in &mails {
            let day = mail.day.parse::<NaiveDate>().unwrap();
            let one = ((mail.group.0, mail.due_end.0, day), mail.address.clone());
            if mail.state != MailState::Sent {
                assert!(!self.model.must.contains(&one), "{mail:?}");
                assert!(self.model.may.contains(&one), "{mail:?}");
                continue;
            }
            let group = self.model.group(mail.group);
            let end = mail.due_end.in_zone(group.time_zone.unwrap());
            letters.push((mail.address.clone(), format!("{}|{end}", group.name)));
            assert!(arrived.insert(one), "twice: {mail:?}");
        }
        let missing: Vec<_> = self.model.must.difference(&arrived).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        let allowed: BTreeSet<_> = self.model.must.union(&self.model.may).cloned().collect();
        let extra: Vec<_> = arrived.difference(&allowed).collect();
        assert!(extra.is_empty(), "not due: {extra:?}");

        let received = self.server.mails();
        let ids: BTreeSet<_> = received.iter().map(|mail| &mail.message_id).collect();
        assert_eq!(ids.len(), received.len(), "a mail came twice");
        let mut told: Vec<_> =
            received.iter().map(|mail| (mail.to.clone(), mail.subject.clone())).collect();
        told.sort();
        letters.sort();
        assert_eq!(told, letters, "the server has what the queue says");
    }
}

/// A rule may forbid what the dice want; anything else is a fault.
fn refused_or<T>(written: Result<T, Error>) {
    match written {
        Ok(_) | Err(Error::Refused(_) | Error::Invalid(_)) => {}
        Err(fault) => panic!("{fault}"),
    }
}

async fn a_year(base: Base, seed: u64) {
    let mut year = Year::new(&base, seed).await;

    year.run().await;

    let (must, may) = (year.model.must.len(), year.model.may.len());
    eprintln!("seed {seed}: {must} mails due, {may} doubtful; {:?}", year.story);
    assert!(must > 100 && may < must, "{must} due, {may} doubtful");
    year.compare().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_mails_is_what_was_due() {
    a_year(Base::sqlite(), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_year_of_mails_is_what_was_due_on_postgres() {
    a_year(Base::postgres().await, 2).await;
}

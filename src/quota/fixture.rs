//! A small tree, a directory and devices for the tests of this room.

#![cfg_attr(feature = "loom", allow(dead_code, reason = "the models use a part of it"))]

use std::sync::Arc;

use super::*;
use crate::clock::Now;
use crate::license::{
    Claim, ClaimId, ClaimRule, Directory, FeatureSet, Group, GroupId, HandOut, Holder, License,
    LicenseId, Moment, Number, NumberId, NumberKind, SERVER, Tree, Validity,
};

/// Seconds since 1970 at which the tests' clock starts.
pub const START: i64 = 1_700_000_000;

/// So many milliseconds after the start.
pub fn at(ms: u64) -> Now {
    Now { wall_ms: START * 1000 + ms as i64, mono_ms: ms }
}

/// So many seconds after the start.
pub fn sec(secs: i64) -> Moment {
    Moment(START + secs)
}

/// A tree being edited, and the quota that it is published to.
pub struct World {
    pub tree: Tree,
    pub directory: Directory,
    pub quota: Quota,
    next: i64,
}

impl World {
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub fn with_limits(limits: Limits) -> Self {
        let tree = Tree::new(chrono_tz::UTC);
        Self { tree, directory: Directory::new(), quota: Quota::new(limits), next: 10 }
    }

    pub fn id(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    pub fn group(&mut self, parent: GroupId, restricted: bool) -> GroupId {
        let id = GroupId(self.id());
        self.put_group(id, parent, restricted, HandOut::Split, false);
        id
    }

    pub fn root(&mut self) -> GroupId {
        self.group(SERVER, true)
    }

    pub fn put_group(
        &mut self,
        id: GroupId,
        parent: GroupId,
        restricted: bool,
        hand_out: HandOut,
        monitor: bool,
    ) {
        self.tree.upsert_group(Group {
            id,
            parent: Some(parent),
            name: format!("g{id}"),
            kind: "building".into(),
            restricted,
            hand_out,
            time_zone: None,
            monitor,
            admin_emails: Vec::new(),
        });
    }

    pub fn license(&mut self, group: GroupId, sip_numbers: u32, mobile_apps: u32) -> LicenseId {
        self.license_for(group, sip_numbers, mobile_apps, Validity::default(), FeatureSet::NONE)
    }

    pub fn license_for(
        &mut self,
        group: GroupId,
        sip_numbers: u32,
        mobile_apps: u32,
        validity: Validity,
        features: FeatureSet,
    ) -> LicenseId {
        let id = LicenseId(self.id());
        self.put_license(id, group, sip_numbers, mobile_apps, validity, features, false);
        id
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of a license")]
    pub fn put_license(
        &mut self,
        id: LicenseId,
        group: GroupId,
        sip_numbers: u32,
        mobile_apps: u32,
        validity: Validity,
        features: FeatureSet,
        suspended: bool,
    ) {
        self.tree.upsert_license(License {
            id,
            holder: Holder::Group(group),
            license_type: "Basic".into(),
            sip_numbers,
            mobile_apps,
            features,
            validity,
            suspended,
        });
    }

    pub fn claim(&mut self, group: GroupId, first: &str, last: &str) {
        let domain = "example.com".into();
        let rule = ClaimRule::Range { domain, first: first.into(), last: last.into() };
        let id = ClaimId(self.id());
        self.directory.insert_claim(Claim { id, group, rule, kind: NumberKind::Phone });
    }

    pub fn number(&mut self, user: u32, owner: Holder, kind: NumberKind) -> NumberId {
        let id = NumberId(self.id());
        self.directory.insert_number(&Number { id, aor: aor(user), owner, kind, password: None });
        self.tree.add_created(owner, kind, 1);
        id
    }

    pub fn publish(&self, now: Now) -> Changes {
        let changes =
            self.quota.publish(&self.tree, self.directory.clone(), &Touched::Everything, now);
        self.check();
        changes
    }

    /// Has requests that come together looked ahead at, however small the table is.
    pub fn widen(&self) {
        self.quota.wide.store(true, super::sync::Ordering::Relaxed);
    }

    /// What the ledger would be told: what changed, then what went.
    pub fn drained(&self) -> Vec<Dirty> {
        let mut drained = self.quota.changed(usize::MAX);
        drained.extend(self.quota.gone(usize::MAX));
        drained
    }

    /// Every gate's use is what its seats add up to.
    pub fn check(&self) {
        let counted = self.quota.counted();
        for view in self.quota.gates(at(0)) {
            let seats = counted.get(&view.holder).copied().unwrap_or_default();
            let used = Counts::in_use(view.sip, view.apps, view.claimed);
            assert_eq!(used, seats, "gate {:?}", view.holder);
        }
        for seat in self.quota.list(&|_| true, at(0)) {
            self.check_standing(&seat.aor);
        }
    }

    /// Who asks a seat alone is told what the tree says.
    fn check_standing(&self, number: &str) {
        let told = self.quota.look_standing(number, |entry| {
            (entry.holder(), entry.kind(), entry.created(), Arc::clone(entry.held().path()))
        });
        let Some((holder, kind, created, path)) = told else { return };
        let owned = self.quota.owned(number).expect("an owner");
        assert_eq!((holder, kind, created), (owned.holder, owned.kind, owned.created), "{number}");
        assert!(path.is_same(&owned.path), "{number}");
    }

    pub fn phone<'a>(&'a self, user: u32, instance: &'a str) -> Phone<'a> {
        Phone { world: self, user, instance, app: false, push: false, needs: FeatureSet::NONE }
    }

    pub fn in_use(&self, group: GroupId) -> (i64, i64, i64) {
        let view = self.quota.gate(Holder::Group(group), at(0)).expect("a gate");
        (view.sip.in_use, view.apps.in_use, view.claimed.in_use)
    }
}

/// `sip:USER@example.com`.
pub fn aor(user: u32) -> String {
    format!("sip:{user}@example.com")
}

/// A device that registers.
#[derive(Clone, Copy)]
pub struct Phone<'a> {
    world: &'a World,
    pub user: u32,
    instance: &'a str,
    pub app: bool,
    pub push: bool,
    pub needs: FeatureSet,
}

/// How a registration ended, in short.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    Ok { no: u32, until_mono_ms: u64 },
    Refused(crate::license::Cause, Option<Holder>),
    Late(crate::license::Cause),
    Stale,
}

impl Ending {
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. })
    }
}

impl<'a> Phone<'a> {
    pub fn app(self) -> Self {
        Self { app: true, push: true, ..self }
    }

    pub fn ids(&self) -> Ids {
        let source = Some(binding(at(0), 0).reach.remote);
        Ids { instances: vec![self.instance.as_bytes().into()], source, ..Ids::default() }
    }

    /// The registrar's 2xx to a refresh, settled in place where it is plain.
    pub fn renew(
        &self,
        order: u64,
        change: impl Fn(&mut Renewal),
        secs: u64,
        now: Now,
    ) -> Option<u64> {
        let matcher = same(self.instance);
        let granted = binding(now, secs);
        let mut renewal = Renewal {
            is_it: &|device| matcher(device).is_some(),
            contact: &granted.contact,
            reg_id: granted.reg_id,
            reach: granted.reach,
            granted_ms: granted.granted_ms,
            order,
            alone: false,
            unchallenged: false,
            may: &|_| true,
        };
        change(&mut renewal);
        let until_mono_ms = self.world.quota.renew(&aor(self.user), &renewal, now);
        self.world.check();
        until_mono_ms
    }

    pub fn owned(&self) -> Option<Owned> {
        self.world.quota.owned(&aor(self.user))
    }

    /// Asks for a seat.
    pub fn reserve(&self, standing: Standing, now: Now) -> Decision {
        let owned = self.owned().expect("an owner");
        self.asking(standing, |request| {
            self.world.quota.reserve(&aor(self.user), &owned, request, now)
        })
    }

    /// What it is refused for, if its number is new, before its device is looked at.
    fn refused_as_newcomer(&self, now: Now) -> Option<Refusal> {
        let owned = self.owned().expect("an owner");
        self.asking(Standing::Proved, |request| {
            self.world.quota.refuse_newcomer(&aor(self.user), &owned, request, now)
        })
    }

    fn asking<R>(&self, standing: Standing, ask: impl FnOnce(&Registering) -> R) -> R {
        let matcher = same(self.instance);
        let ids = || self.ids();
        let wanted = Wanted {
            matcher: &matcher,
            ids: &ids,
            app: self.app,
            push: self.push,
            needs: self.needs,
        };
        ask(&Registering { adds: &[wanted], leaves: &[], standing })
    }

    /// The registrar's 2xx to the request with this `order`.
    pub fn settle(&self, ticket: Option<Ticket>, order: u64, secs: u64, now: Now) -> Settled {
        let owned = self.owned().expect("an owner");
        let matcher = same(self.instance);
        let granted = Granted {
            matcher: &matcher,
            ids: self.ids(),
            app: self.app,
            push: self.push,
            needs: self.needs,
            binding: binding(now, secs),
        };
        let answer =
            Answer { granted: &[granted], gone: &[], order, listed: None, unchallenged: false };
        self.world.quota.settle(&aor(self.user), &owned, ticket, &answer, now)
    }

    /// A REGISTER with good credentials, answered 200 where it is sent on. A newcomer is refused the same
    /// whichever way it is asked.
    pub fn register(&self, secs: u64, now: Now) -> Ending {
        let is_new = self.world.quota.look(&aor(self.user), |_| ()).is_none();
        let told = self.refused_as_newcomer(now);
        let decision = self.reserve(Standing::Proved, now);
        let refused = match &decision {
            Decision::Refuse(refusal) => Some(*refusal),
            _ => None,
        };
        assert_eq!(told, refused.filter(|_| is_new));
        let ticket = match decision {
            Decision::Renew(_) | Decision::Unreserved(_) => None,
            Decision::Take(ticket) => Some(ticket),
            Decision::Refuse(refusal) => {
                return Ending::Refused(refusal.cause, refusal.gate);
            }
        };
        let settled = self.settle(ticket, now.mono_ms + 1, secs, now);
        self.world.check();
        match (settled.kept.first(), settled.late_refusal) {
            (Some(Kept::Until { no, until_mono_ms }), _) => {
                Ending::Ok { no: *no, until_mono_ms: *until_mono_ms }
            }
            (Some(Kept::Stale), _) => Ending::Stale,
            (_, Some(refusal)) => Ending::Late(refusal.cause),
            (kept, None) => panic!("neither kept nor refused: {kept:?}"),
        }
    }

    /// A REGISTER with Expires 0, answered 200.
    pub fn leave(&self, order: u64, now: Now) -> Settled {
        let owned = self.owned().expect("an owner");
        let matcher = same(self.instance);
        let answer =
            Answer { granted: &[], gone: &[&matcher], order, listed: None, unchallenged: false };
        let settled = self.world.quota.settle(&aor(self.user), &owned, None, &answer, now);
        self.world.check();
        settled
    }

    pub fn state(&self, now: Now) -> Option<State> {
        let matcher = same(self.instance);
        self.world
            .quota
            .look(&aor(self.user), |entry| entry.find(&matcher).map(|device| device.state(now)))?
    }
}

/// Recognises a device by its instance.
pub fn same(instance: &str) -> impl Fn(&Device) -> Option<u8> {
    move |device| device.ids.instances().any(|id| *id == *instance.as_bytes()).then_some(0)
}

pub fn binding(now: Now, secs: u64) -> Binding {
    let any = "127.0.0.1:5060".parse().expect("an address");
    Binding {
        reg_id: None,
        contact: b"sip:x@127.0.0.1".as_slice().into(),
        reach: Reach { transport: 0, remote: any, local: any, socket: 0, connection: 0 },
        until_mono_ms: now.mono_ms + secs * 1000,
        upstream_until_mono_ms: now.mono_ms + secs * 1000,
        granted_ms: secs * 1000,
    }
}

//! An installation in this very process: eight gates over each number, ten numbers to a group of the
//! lowest level, phones as they are sold.

use admitd::clock::Now;
use admitd::license::{
    Created, Directory, FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId, Moment,
    Number, NumberId, NumberKind, SERVER, Tree, Validity,
};
use admitd::quota::{
    Answer, Binding, Decision, Device, Granted, Ids, Limits, Names, Quota, Reach, Registering,
    Standing, Ticket, Touched, Wanted,
};

/// When the licenses of the lowest level end.
pub const END: i64 = 1_700_000_000;
/// Levels above the lowest.
const ABOVE: i64 = 7;

/// A quota that knows so many numbers.
pub struct House {
    pub quota: Quota,
    pub tree: Tree,
    pub directory: Directory,
    pub numbers: usize,
    /// Numbers of one group of the lowest level.
    pub each: usize,
}

/// So many milliseconds before the end.
pub fn before(ms: i64) -> Now {
    Now { wall_ms: END * 1000 - ms, mono_ms: (10_000_000 - ms) as u64 }
}

pub fn aor(n: usize) -> String {
    format!("sip:{}@example.com", 1_000_000 + n)
}

fn group(id: i64, parent: i64) -> Group {
    Group {
        id: GroupId(id),
        parent: Some(GroupId(parent)),
        name: format!("G{id}"),
        kind: "building".into(),
        restricted: true,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    }
}

fn license(group: i64, places: usize, until: Option<Moment>) -> License {
    License {
        id: LicenseId(group),
        holder: Holder::Group(GroupId(group)),
        license_type: String::new(),
        sip_numbers: places as u32,
        mobile_apps: places as u32,
        features: FeatureSet::NONE,
        validity: Validity { from: None, until },
        suspended: false,
    }
}

impl House {
    /// Without numbers; `lowest` groups on the eighth level.
    pub fn build(numbers: usize, each: usize) -> Self {
        let lowest = numbers.div_ceil(each);
        let mut tree = Tree::new(chrono_tz::UTC);
        let mut parent = SERVER.0;
        for level in 0..ABOVE {
            tree.upsert_group(group(2 + level, parent));
            tree.upsert_license(license(2 + level, numbers * 2, None));
            parent = 2 + level;
        }
        for at in 0..lowest as i64 {
            tree.upsert_group(group(100 + at, parent));
            tree.upsert_license(license(100 + at, each * 2, Some(Moment(END))));
        }
        let limits = Limits { late_margin_ms: 0, ..Limits::default() };
        let directory = Directory::new();
        Self { quota: Quota::new(limits), tree, directory, numbers, each }
    }

    pub fn owner(&self, n: usize) -> Holder {
        Holder::Group(GroupId(100 + (n / self.each) as i64))
    }

    pub fn fill(&mut self) {
        for n in 0..self.numbers {
            let (owner, kind) = (self.owner(n), NumberKind::Phone);
            let id = NumberId(n as i64 + 1);
            let number = Number { id, aor: aor(n), owner, kind, password: None };
            self.directory.insert_number(&number);
        }
        let created = Created::default().with(NumberKind::Phone, self.each as i64);
        (0..self.numbers).step_by(self.each).for_each(|n| {
            self.tree.set_created(self.owner(n), created);
        });
    }

    pub fn publish(&self, touched: &Touched, now: Now) -> usize {
        self.quota.publish(&self.tree, self.directory.clone(), touched, now).revoked.len()
    }

    /// The first half: what becomes of a REGISTER of the number's phone.
    pub fn decide(&self, aor: &str, shown: &Ids, now: Now) -> Decision {
        let owned = self.quota.owned(aor).expect("an owner");
        let matcher = matcher(shown);
        let ids = || shown.clone();
        let wanted = Wanted {
            matcher: &matcher,
            ids: &ids,
            app: false,
            push: false,
            needs: FeatureSet::NONE,
        };
        let request = Registering { adds: &[wanted], leaves: &[], standing: Standing::Proved };
        self.quota.reserve(aor, &owned, &request, now)
    }

    /// The second half: its 2xx.
    pub fn settle(&self, aor: &str, shown: Ids, ticket: Option<Ticket>, now: Now) {
        let owned = self.quota.owned(aor).expect("an owner");
        let matcher = matcher(&shown);
        let contact = shown.contacts.first().cloned().expect("a contact");
        let remote = shown.source.expect("a source");
        let local = "10.0.0.1:5060".parse().expect("an address");
        let until_mono_ms = now.mono_ms + 3_600_000;
        let granted = Granted {
            matcher: &matcher,
            ids: shown.clone(),
            app: false,
            push: false,
            needs: FeatureSet::NONE,
            binding: Binding {
                reg_id: None,
                contact,
                reach: Reach { transport: 0, remote, local, socket: 0, connection: 0 },
                until_mono_ms,
                upstream_until_mono_ms: until_mono_ms,
                granted_ms: 3_600_000,
            },
        };
        let (granted, order) = ([granted], now.mono_ms);
        let answer =
            Answer { granted: &granted, gone: &[], order, listed: None, unchallenged: false };
        let settled = self.quota.settle(aor, &owned, ticket, &answer, now);
        assert_eq!(settled.late_refusal, None);
    }

    /// A first registration, whole.
    pub fn register(&self, aor: &str, shown: Ids, now: Now) {
        let Decision::Take(ticket) = self.decide(aor, &shown, now) else {
            panic!("{aor} is let in")
        };
        self.settle(aor, shown, Some(ticket), now);
    }
}

/// What a phone shows of itself.
pub fn shown(n: usize) -> Ids {
    let [_, _, high, low] = (n as u32 % 60_000).to_be_bytes();
    let instance = format!("<urn:uuid:5d3f9a10-7c2e-11ee-b962-{n:012x}>");
    let contact = format!("sip:{}@10.1.{high}.{low}:5060;transport=udp", 1_000_000 + n);
    Ids {
        instances: vec![instance.into_bytes().into()],
        contacts: vec![contact.into_bytes().into()],
        user_agent: b"LinphoneAndroid/5.2.3 (Pixel 7) LinphoneSDK/5.3.47".as_slice().into(),
        source: Some(std::net::SocketAddr::from(([10, 1, high, low], 5060))),
        ..Ids::default()
    }
}

/// By instance, as most are recognised.
pub fn matcher(shown: &Ids) -> impl Fn(&Device) -> Option<u8> {
    move |device| {
        shown
            .instances
            .iter()
            .any(|id| device.ids.instances().any(|known| *known == **id))
            .then_some(0)
    }
}

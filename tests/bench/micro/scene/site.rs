//! An installation in memory: ten numbers to a group, groups on eight levels, every one of them a gate.
//! All seated numbers have registered through the proxy. Built once for each size.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use admitd::admission::{Admission, Settings};
use admitd::clock::Now;
use admitd::license::{
    Directory, FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId, Number, NumberId,
    NumberKind, SERVER, Touched, Tree, Validity,
};
use admitd::proxy::{Keys, Names, Parts, Proxy, Registry, Upstream};
use admitd::quota::{Limits, Quota};
use admitd::telemetry::{Metrics, RefusalLog, RefusalQueue};
use admitd::transport::{Handler, Outbox, Protocol, Side, Source};

use super::message::{AOR_LEN, answer, register};

/// The one instant at which everything happens.
pub const NOW: Now = Now { wall_ms: 1_800_000_000_000, mono_ms: 1_000_000 };

/// The first number that has a seat.
pub const SEATED: u32 = 20_000_000;
/// The first of those that have none and would get one.
pub const FREE: u32 = 30_000_000;
/// The first of those under a gate that is full.
pub const FULL: u32 = 40_000_000;
/// How many there are of either.
pub const OTHERS: u32 = 1_000;

const PER_GROUP: u32 = 10;
const LEVELS: u32 = 8;

const US: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
const OWN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5063);
const REGISTRAR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 5060);

/// One installation.
pub struct Site {
    pub admission: Arc<Admission>,
    pub proxy: Proxy,
    /// Numbers that have seats.
    pub seated: u32,
    /// Where the refusals end.
    refused: Mutex<RefusalQueue>,
}

/// The site of so many numbers; a process has those of a few sizes, for good.
pub fn site(numbers: u32) -> &'static Site {
    static SITES: Mutex<Vec<&Site>> = Mutex::new(Vec::new());
    let mut sites = SITES.lock().expect("one thread");
    if let Some(site) = sites.iter().find(|site| site.seated == numbers) {
        return site;
    }
    let site = Box::leak(Box::new(Site::build(numbers)));
    sites.push(site);
    site
}

impl Site {
    fn build(numbers: u32) -> Self {
        let (tree, directory) = records(numbers);
        let quota = Quota::new(Limits::default());
        quota.publish(&tree, directory, &Touched::Everything, NOW);
        let domain = "example.com".to_owned();
        let settings = Settings {
            domains: [(domain.clone(), domain)].into_iter().collect(),
            challenges: false,
            ..Settings::default()
        };
        let admission = Arc::new(Admission::new(Arc::new(quota), settings));
        let (refusals, queue) = RefusalLog::new();
        let proxy = proxy(&admission, refusals);
        let site = Self { admission, proxy, seated: numbers, refused: Mutex::new(queue) };
        site.seat_all();
        site
    }

    /// A REGISTER of everybody, answered 200.
    fn seat_all(&self) {
        let mut picks = Picks::new(SEATED, self.seated);
        let (mut letter, mut out) = (register(), Outbox::new(0));
        for _ in 0..self.seated {
            let aor = picks.next();
            let request = self.forwarded(letter.address(aor), aor, &mut out);
            self.proxy.message(&answer(&request), &from_registrar(), NOW, &mut out);
            out.clear();
        }
        assert_eq!(self.proxy.pending(), 0, "every reservation is settled");
        // As once a second.
        let _ = self.admission.quota().tick(NOW);
    }

    /// What the registrar gets of a REGISTER.
    pub fn forwarded(&self, request: &[u8], aor: &str, out: &mut Outbox) -> Vec<u8> {
        out.clear();
        self.proxy.message(request, &from_device(aor), NOW, out);
        let (_, forwarded) = out.iter().next().expect("it is forwarded");
        let forwarded = forwarded.to_vec();
        out.clear();
        assert!(forwarded.starts_with(b"REGISTER "), "it is forwarded");
        forwarded
    }

    /// Takes the refusals that wait for their writer.
    pub fn take_refused(&self) {
        self.refused.lock().expect("one thread").take(&mut Vec::new());
    }
}

/// Numbers of a range in random order, over and over. Their texts stand one behind the other, so that
/// reading the next one costs nothing.
pub struct Picks {
    aors: String,
    at: usize,
}

impl Picks {
    /// The `count` numbers from `first` on.
    pub fn new(first: u32, count: u32) -> Self {
        let mut users: Vec<u32> = (first..first + count).collect();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for at in (1..users.len()).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            users.swap(at, (random % (at as u64 + 1)) as usize);
        }
        Self { aors: users.into_iter().map(aor_of).collect(), at: 0 }
    }

    /// The next address-of-record.
    pub fn next(&mut self) -> &str {
        if self.at == self.aors.len() {
            self.at = 0;
        }
        let from = self.at;
        self.at += AOR_LEN;
        &self.aors[from..self.at]
    }
}

impl Picks {
    /// The next ones.
    pub fn some<const N: usize>(&mut self) -> [&str; N] {
        if self.at + N * AOR_LEN > self.aors.len() {
            self.at = 0;
        }
        let from = self.at;
        self.at += N * AOR_LEN;
        std::array::from_fn(|place| {
            let from = from + place * AOR_LEN;
            &self.aors[from..from + AOR_LEN]
        })
    }
}

fn aor_of(user: u32) -> String {
    format!("sip:{user}@example.com")
}

/// Where a number's device sends from: everyone has an address of its own.
pub fn from_device(aor: &str) -> Source {
    let digits = aor.as_bytes()[4..12].iter();
    let user = digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) | user & 0xff_ffff);
    Source {
        side: Side::Device,
        protocol: Protocol::Udp,
        remote: SocketAddr::new(ip.into(), 5062),
        local: US,
        socket: 0,
        connection: None,
    }
}

/// Where answers come from.
pub fn from_registrar() -> Source {
    Source { side: Side::Upstream, remote: REGISTRAR, local: OWN, ..from_device(&aor_of(SEATED)) }
}

fn proxy(admission: &Arc<Admission>, refusals: RefusalLog) -> Proxy {
    Proxy::new(Parts {
        keys: keys(),
        names: Names { advertise: None, bind: Some(US.into()), own: vec![OWN.into()] },
        admission: Arc::clone(admission),
        registry: Registry::Upstream(Upstream {
            protocol: Protocol::Udp,
            follows_device: false,
            address: REGISTRAR,
            sources: Vec::new(),
            rewrites_contact: false,
            min_expires_secs: 60,
            lists_all: false,
            trusts_us: false,
        }),
        cells: vec![Metrics::new(0).worker()],
        refusals,
        max_pending: 10_000,
        hold: None,
        beat: Box::new(|_| {}),
    })
}

/// Keys that nobody else knows.
pub fn keys() -> Keys {
    Keys { current: [7; 16], previous: None, epoch: 1 }
}

/// Who stands under whom, and who owns which number.
fn records(numbers: u32) -> (Tree, Directory) {
    let (mut tree, mut directory) = (Tree::new(chrono_tz::UTC), Directory::new());
    let lowest = numbers / PER_GROUP;
    let mut next = SERVER.0;
    let mut above = vec![SERVER];
    for level in (0..LEVELS).rev() {
        let width = (lowest / 10_u32.pow(level)).max(1) as usize;
        let groups: Vec<GroupId> = (0..width)
            .map(|at| {
                next += 1;
                let seats = if level == 0 { 2 * PER_GROUP } else { 2 * numbers };
                put_group(&mut tree, next, above[at * above.len() / width], seats);
                GroupId(next)
            })
            .collect();
        if level == 0 {
            for full in 0..OTHERS / PER_GROUP {
                put_group(&mut tree, next + 1 + i64::from(full), above[0], 0);
            }
        }
        above = groups;
    }
    let mut put = |user: u32, group: GroupId| put_number(&mut directory, user, group);
    for at in 0..numbers {
        put(SEATED + at, above[(at / PER_GROUP) as usize]);
    }
    for at in 0..OTHERS {
        put(FREE + at, above[(at as usize * above.len()) / OTHERS as usize]);
        put(FULL + at, GroupId(next + 1 + i64::from(at / PER_GROUP)));
    }
    (tree, directory)
}

fn put_group(tree: &mut Tree, id: i64, parent: GroupId, sip_numbers: u32) {
    tree.upsert_group(Group {
        id: GroupId(id),
        parent: Some(parent),
        name: format!("G{id}"),
        kind: "building".to_owned(),
        restricted: true,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    });
    tree.upsert_license(License {
        id: LicenseId(id),
        holder: Holder::Group(GroupId(id)),
        license_type: "Basic".to_owned(),
        sip_numbers,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    });
}

fn put_number(directory: &mut Directory, user: u32, group: GroupId) {
    directory.insert_number(&Number {
        id: NumberId(user.into()),
        aor: aor_of(user),
        owner: Holder::Group(group),
        kind: NumberKind::Phone,
        password: None,
    });
}

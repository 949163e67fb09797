//! Decisions without a packet: refresh, new seat, refusal, each of a number that nobody asked for lately.

use std::sync::Arc;

use admitd::admission::Registration;
use admitd::license::FeatureSet;
use admitd::quota::{AHEAD, Decision, Device, Ids, Owned, Quota, Registering, Standing, Wanted};
use admitd::sip::{Index, Limits};

use super::message::register;
use super::site::{FREE, FULL, NOW, OTHERS, Picks, SEATED, from_device, site};
use super::{Operation, site::Site};

/// How many requests come in one batch.
const RING: u32 = 32;

/// Whether the device of a number may stay, as a plain refresh asks.
pub fn refresh(numbers: u32) -> Operation {
    let site = site(numbers);
    let mut picks = Picks::new(SEATED, site.seated);
    Operation::new(move || ask_to_stay(site.admission.quota(), picks.next()))
}

/// The same of numbers that came together, looked ahead at where the table is large.
pub fn refreshes_together(numbers: u32) -> Operation {
    let site = site(numbers);
    let quota = site.admission.quota();
    let mut picks = Picks::new(SEATED, site.seated);
    Operation::batch(RING.into(), move || {
        for _ in 0..RING as usize / AHEAD {
            let aors = picks.some::<AHEAD>();
            if quota.is_wide() {
                quota.look_ahead(aors.into_iter());
            }
            aors.into_iter().for_each(|aor| ask_to_stay(quota, aor));
        }
    })
}

fn ask_to_stay(quota: &Quota, aor: &str) {
    let path = quota.look_standing(aor, |entry| {
        let seated = entry.devices().iter().any(Device::counts);
        seated.then(|| Arc::clone(entry.held().path()))
    });
    let path = path.flatten().expect("a seat");
    assert!(path.invalid(NOW.moment(), FeatureSet::NONE).is_none());
}

/// The same with the device told from its ids, as a packet does.
pub fn refresh_of_device(numbers: u32) -> Operation {
    let site = site(numbers);
    let mut picks = Picks::new(SEATED, site.seated);
    let ring: Vec<_> = (0..RING).map(|_| registration(picks.next())).collect();
    let mut at = 0;
    Operation::new(move || {
        at = (at + 1) % ring.len();
        let (aor, registration) = &ring[at];
        let owned = owned(site.admission.quota(), aor);
        let dead = |_: &Device| false;
        let admission = &site.admission;
        let decision = admission.register(aor, &owned, registration, Standing::Proved, &dead, NOW);
        assert!(matches!(decision, Decision::Renew(_)));
    })
}

/// A seat on eight gates is reserved and given back.
pub fn new_seat(numbers: u32) -> Operation {
    let site = site(numbers);
    let mut picks = Picks::new(FREE, OTHERS);
    check_gates(site);
    let (_, registration) = registration(picks.next());
    let ids = registration.adds[0].ids.clone();
    Operation::new(move || match ask(site.admission.quota(), picks.next(), &ids) {
        Decision::Take(ticket) => ticket.withdraw(),
        other => panic!("no seat: {other:?}"),
    })
}

/// A number under a full gate asks for a seat.
pub fn refusal(numbers: u32) -> Operation {
    let site = site(numbers);
    let mut picks = Picks::new(FULL, OTHERS);
    let ids = Ids::default();
    Operation::new(move || {
        let decision = ask(site.admission.quota(), picks.next(), &ids);
        assert!(matches!(decision, Decision::Refuse(_)));
    })
}

fn ask(quota: &Quota, aor: &str, ids: &Ids) -> Decision {
    let owned = owned(quota, aor);
    let wanted = Wanted {
        matcher: &|_| Some(0),
        ids: &|| ids.clone(),
        app: false,
        push: false,
        needs: FeatureSet::NONE,
    };
    let request = Registering { adds: &[wanted], leaves: &[], standing: Standing::Proved };
    quota.reserve(aor, &owned, &request, NOW)
}

fn owned(quota: &Quota, aor: &str) -> Owned {
    quota.owned(aor).expect("an owner")
}

/// A number's REGISTER as admission sees it.
fn registration(aor: &str) -> (String, Registration) {
    let mut letter = register();
    let bytes = letter.address(aor);
    let index = Index::parse(bytes, &Limits::default()).expect("a message");
    let registration = Registration::read(&index.message(), from_device(aor).remote);
    (aor.to_owned(), registration)
}

fn check_gates(site: &Site) {
    let gates = owned(site.admission.quota(), Picks::new(FREE, 1).next()).path.stops().len();
    assert_eq!(gates, 8, "gates over a number");
}

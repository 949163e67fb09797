//! The seats against a slow model that keeps plain lists and adds them up every time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::license::{
    FeatureSet, GroupId, Holder, LicenseId, NumberKind, RevokeClass, RevokeOrder, Validity,
};
use crate::quota::fixture::*;
use crate::quota::*;

const LATE_MS: u64 = 30_000;
const NUMBERS: [u32; 11] = [1, 2, 3, 1000, 1001, 1002, 1003, 2000, 2001, 2002, 2003];
const INSTANCES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Register {
        number: usize,
        instance: usize,
        secs: u64,
    },
    /// Reserved, and answered by anything but a 2xx.
    Fail {
        number: usize,
        instance: usize,
    },
    /// Granted without a reservation.
    Granted {
        number: usize,
        instance: usize,
        secs: u64,
    },
    Leave {
        number: usize,
        instance: usize,
    },
    Wait {
        ms: u64,
    },
    Limits {
        root: (u32, u32),
        flat: (u32, u32),
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = || (0..NUMBERS.len(), 0..INSTANCES.len());
    let secs = || prop::sample::select(vec![5u64, 20, 100, 700]);
    let limits = || (0u32..14, 0u32..8);
    let step = prop_oneof![
        8 => (who(), secs()).prop_map(|((number, instance), secs)| Step::Register {
            number,
            instance,
            secs
        }),
        1 => who().prop_map(|(number, instance)| Step::Fail { number, instance }),
        2 => (who(), secs()).prop_map(|((number, instance), secs)| Step::Granted {
            number,
            instance,
            secs
        }),
        3 => who().prop_map(|(number, instance)| Step::Leave { number, instance }),
        2 => (0u64..60_000).prop_map(|ms| Step::Wait { ms }),
        2 => (limits(), limits()).prop_map(|(root, flat)| Step::Limits { root, flat }),
    ];
    prop::collection::vec(step, 1..80)
}

/// A number in the model.
#[derive(Clone, Debug)]
struct Line {
    class: RevokeClass,
    in_flat: bool,
    claimed: bool,
    since: u64,
    /// By instance: until when, and since when.
    devices: BTreeMap<usize, (u64, u64)>,
}

struct Model {
    lines: Vec<Line>,
    root: (u32, u32),
    flat: (u32, u32),
}

/// SIP, apps, claimed: what is in use at a gate, or what it allows.
type Sums = [i64; 3];

fn is_app(instance: usize) -> bool {
    instance % 2 == 1
}

impl Model {
    fn new() -> Self {
        let line = |number: &u32| Line {
            class: match number {
                1 | 3 => RevokeClass::Last,
                2 => RevokeClass::Created,
                _ => RevokeClass::Claimed,
            },
            in_flat: matches!(number, 2 | 3 | 1000..2000),
            claimed: *number >= 1000,
            since: 0,
            devices: BTreeMap::new(),
        };
        Self { lines: NUMBERS.iter().map(line).collect(), root: (0, 0), flat: (0, 0) }
    }

    fn limits(&self) -> [Sums; 2] {
        let wide = |(sip, apps): (u32, u32)| (i64::from(sip), i64::from(apps));
        let ((root, root_apps), (flat, flat_apps)) = (wide(self.root), wide(self.flat));
        // One created number of the root's own and what the flat was granted; two in the flat.
        [[root, root_apps, (root - flat - 1).max(0)], [flat, flat_apps, (flat - 2).max(0)]]
    }

    fn used(&self) -> [Sums; 2] {
        let mut used = [[0; 3]; 2];
        for line in self.lines.iter().filter(|line| !line.devices.is_empty()) {
            let apps = line.devices.keys().filter(|instance| is_app(**instance)).count() as i64;
            used[0][0] += 1;
            used[0][1] += apps;
            if line.in_flat {
                used[1][0] += 1;
                used[1][1] += apps;
            }
            // Split: only the nearest gate's promise binds.
            used[usize::from(line.in_flat)][2] += i64::from(line.claimed);
        }
        used
    }

    fn gates(line: &Line) -> &'static [usize] {
        if line.in_flat { &[1, 0] } else { &[0] }
    }

    fn over(&self, line: &Line, resource: usize) -> bool {
        let (used, limits) = (self.used(), self.limits());
        Self::gates(line).iter().any(|gate| used[*gate][resource] > limits[*gate][resource])
    }

    fn register(&mut self, number: usize, instance: usize, secs: u64, now: u64) -> bool {
        let before = self.lines[number].clone();
        let until = now + secs * 1000;
        let line = &mut self.lines[number];
        if let Some(device) = line.devices.get_mut(&instance) {
            device.0 = until;
            return true;
        }
        if line.devices.is_empty() {
            line.since = now;
        }
        let takes_sip = line.devices.is_empty();
        line.devices.insert(instance, (until, now));
        let after = &self.lines[number];
        let nearest = usize::from(after.in_flat);
        let (used, limits) = (self.used(), self.limits());
        let sip = takes_sip && self.over(after, 0);
        let promise = takes_sip && after.claimed && used[nearest][2] > limits[nearest][2];
        let apps = is_app(instance) && self.over(after, 1);
        if sip || promise || apps {
            self.lines[number] = before;
            return false;
        }
        true
    }

    fn expire(&mut self, now: u64) {
        for line in &mut self.lines {
            line.devices.retain(|_, (until, _)| now < *until + LATE_MS);
        }
    }

    fn revoke(&mut self) {
        let mut order: Vec<_> = (0..self.lines.len()).collect();
        let place = |line: &Line, since: u64| RevokeOrder::new(line.class, since as i64);
        order.sort_by_key(|number| place(&self.lines[*number], self.lines[*number].since));
        for number in order {
            let line = &self.lines[number];
            let nearest = usize::from(line.in_flat);
            let promise = line.claimed && self.used()[nearest][2] > self.limits()[nearest][2];
            if !line.devices.is_empty() && (self.over(line, 0) || promise) {
                self.lines[number].devices.clear();
            }
        }
        let mut apps = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            for (instance, (_, since)) in &line.devices {
                if is_app(*instance) {
                    apps.push((place(line, *since), number, *instance));
                }
            }
        }
        apps.sort();
        for (_, number, instance) in apps {
            if self.over(&self.lines[number], 1) {
                self.lines[number].devices.remove(&instance);
            }
        }
    }
}

/// The real thing, set up as the model is.
struct Real {
    world: World,
    root: GroupId,
    flat: GroupId,
    licenses: [LicenseId; 2],
}

impl Real {
    fn new() -> Self {
        let mut world = World::new();
        let root = world.root();
        let flat = world.group(root, true);
        let licenses = [world.license(root, 0, 0), world.license(flat, 0, 0)];
        world.claim(flat, "1000", "1999");
        world.claim(root, "2000", "2999");
        world.number(1, Holder::Group(root), NumberKind::Panel);
        world.number(2, Holder::Group(flat), NumberKind::Phone);
        world.number(3, Holder::Group(flat), NumberKind::Panel);
        world.publish(at(0));
        Self { world, root, flat, licenses }
    }

    fn limit(&mut self, root: (u32, u32), flat: (u32, u32), now: Now) {
        for (id, group, (sip, apps)) in
            [(self.licenses[0], self.root, root), (self.licenses[1], self.flat, flat)]
        {
            let (always, none) = (Validity::default(), FeatureSet::NONE);
            self.world.put_license(id, group, sip, apps, always, none, false);
        }
        self.world.publish(now);
    }

    fn phone(&self, number: usize, instance: usize) -> Phone<'_> {
        let mut phone = self.world.phone(NUMBERS[number], INSTANCES[instance]);
        phone.app = is_app(instance);
        phone
    }

    fn used(&self) -> [Sums; 2] {
        [self.root, self.flat].map(|gate| {
            let (sip, apps, claimed) = self.world.in_use(gate);
            [sip, apps, claimed]
        })
    }

    fn devices(&self, number: usize) -> Vec<(usize, u64)> {
        let of = |device: &Device| {
            let id = device.ids.instances().next();
            let instance = INSTANCES.iter().position(|name| Some(name.as_bytes()) == id.as_deref());
            (instance.expect("an instance"), device.until_mono_ms())
        };
        let all = |entry: &Entry| entry.devices().iter().map(of).collect();
        let mut devices: Vec<_> =
            self.world.quota.look(&aor(NUMBERS[number]), all).unwrap_or_default();
        devices.sort_unstable();
        devices
    }
}

type Now = crate::clock::Now;

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut real, mut model) = (Real::new(), Model::new());
    let (mut now, mut order) = (0, 0);
    (model.root, model.flat) = ((10, 6), (6, 4));
    real.limit(model.root, model.flat, at(now));
    for step in steps {
        // Each at a time of its own, so that "newest" has one meaning.
        now += 1;
        order += 1;
        // The model ends seats to the millisecond; the real table does so once it is told the time.
        model.expire(now);
        real.world.quota.tick(at(now));
        match step {
            Step::Register { number, instance, secs } => {
                let admitted = model.register(number, instance, secs, now);
                let ending = real.phone(number, instance).register(secs, at(now));
                prop_assert_eq!(ending.is_ok(), admitted, "{:?}: {:?}", step, ending);
            }
            Step::Fail { number, instance } => {
                drop(real.phone(number, instance).reserve(Standing::Proved, at(now)));
            }
            Step::Granted { number, instance, secs } => {
                let admitted = model.register(number, instance, secs, now);
                let phone = real.phone(number, instance);
                let settled = phone.settle(None, now + 1, secs, at(now));
                prop_assert_eq!(settled.late_refusal.is_none(), admitted, "{:?}", step);
            }
            Step::Leave { number, instance } => {
                model.lines[number].devices.remove(&instance);
                real.phone(number, instance).leave(now + 1, at(now));
            }
            Step::Wait { ms } => {
                now += ms;
                model.expire(now);
                real.world.quota.tick(at(now));
            }
            Step::Limits { root, flat } => {
                (model.root, model.flat) = (root, flat);
                model.revoke();
                real.limit(root, flat, at(now));
            }
        }
        prop_assert_eq!(real.used(), model.used(), "{:?}, step {}", step, order);
        for (number, line) in model.lines.iter().enumerate() {
            let devices: Vec<_> =
                line.devices.iter().map(|(name, (until, _))| (*name, *until)).collect();
            prop_assert_eq!(real.devices(number), devices, "{:?}, step {}", step, order);
        }
        real.world.check();
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn seats_do_what_the_slow_model_does(steps in steps()) {
        run(steps)?;
    }
}

//! Messages that came together: where the seat table is large, all are read first and what they will ask
//! for is on its way while others are handled. Each is handled as if it had come alone.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::Proxy;
use crate::admission::address_of;
use crate::clock::Now;
use crate::quota::AHEAD;
use crate::sip::{Fault, Index, Message, Method};
use crate::transport::{Outbox, Received, Side, Source};

/// A message that was read, and its source.
type Read<'r, 'a> = (&'r Received<'a>, &'r Index<'a>);

impl Proxy {
    /// Handles messages that came together, in their order.
    pub(super) fn turn(&self, turn: &[Received<'_>], now: Now, out: &mut Outbox) {
        for some in turn.chunks(AHEAD) {
            match some {
                some if some.len() > 1 && self.admission.quota().is_wide() => {
                    self.together(some, now, out);
                }
                some => some.iter().for_each(|one| self.alone(one.bytes, &one.source, now, out)),
            }
        }
    }

    /// Reads one message and handles it.
    pub(super) fn alone(&self, bytes: &[u8], source: &Source, now: Now, out: &mut Outbox) {
        self.measured(Duration::ZERO, out, |out| {
            let mut index = Index::new(bytes);
            let read = index.read(&self.limits);
            self.handle(&index, read, source, now, out);
        });
    }

    /// Reads at most [`AHEAD`] messages, asks for what they need, and handles them.
    fn together(&self, some: &[Received<'_>], now: Now, out: &mut Outbox) {
        let begun = Instant::now();
        let mut indexes: [Index<'_>; AHEAD] =
            std::array::from_fn(|at| Index::new(some.get(at).map_or(&[], |one| one.bytes)));
        let read: SmallVec<[Result<(), Fault>; AHEAD]> =
            indexes.iter_mut().take(some.len()).map(|index| index.read(&self.limits)).collect();
        self.look_ahead(some.iter().zip(&indexes));
        let each = begun.elapsed().div_f32(some.len() as f32);
        for ((one, index), read) in some.iter().zip(&indexes).zip(read) {
            self.measured(each, out, |out| self.handle(index, read, &one.source, now, out));
        }
    }

    fn look_ahead<'r, 'a: 'r>(&self, read: impl Iterator<Item = Read<'r, 'a>>) {
        let settings = self.admission.settings();
        let aors: SmallVec<[Cow<'_, str>; AHEAD]> = read
            .filter_map(|(one, index)| {
                let uri = asked_for(&index.message(), one.source.side)?;
                Some(address_of(&uri, &settings)?.aor)
            })
            .collect();
        self.admission.quota().look_ahead(aors.iter().map(AsRef::as_ref));
    }
}

/// The URI of the number whose seat a message will ask for, most likely.
fn asked_for<'a>(message: &Message<'a>, side: Side) -> Option<crate::sip::Uri<'a>> {
    let named = match (message.method(), message.is_request(), side) {
        (Method::Register, true, Side::Device) | (Method::Register, false, Side::Upstream) => {
            message.to()
        }
        (Method::Invite, true, Side::Device) => message.from(),
        _ => None,
    };
    named.map(|named| named.uri)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use super::super::{Keys, Names, OwnAddress, Parts, Registry, Upstream};
    use super::*;
    use crate::admission::{Admission, Settings};
    use crate::license::Holder;
    use crate::quota::fixture::{World, at};
    use crate::telemetry::{Cells, RefusalLog};
    use crate::transport::{Handler, Protocol};

    const REGISTRAR: &str = "192.0.2.2:5060";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn source(side: Side) -> Source {
        let remote = match side {
            Side::Device => address("192.0.2.9:5062"),
            Side::Upstream => address(REGISTRAR),
        };
        let local = address("192.0.2.1:5060");
        Source { side, protocol: Protocol::Udp, remote, local, socket: 0, connection: None }
    }

    /// Where two of three numbers may have a seat.
    fn proxy() -> Proxy {
        let mut world = World::new();
        let root = world.root();
        world.license(root, 2, 0);
        for user in [101, 102, 103] {
            world.number(user, Holder::Group(root), crate::license::NumberKind::Phone);
        }
        world.publish(at(0));
        world.widen();
        let domain = "example.com".to_owned();
        let domains = [(domain.clone(), domain)].into_iter().collect();
        let settings = Settings { domains, challenges: false, ..Settings::default() };
        let upstream = Upstream {
            protocol: Protocol::Udp,
            follows_device: false,
            address: address(REGISTRAR),
            sources: Vec::new(),
            rewrites_contact: false,
            min_expires_secs: 60,
            lists_all: false,
            trusts_us: false,
        };
        let own: OwnAddress = address("192.0.2.1:5063").into();
        Proxy::new(Parts {
            keys: Keys { current: [7; 16], previous: None, epoch: 1 },
            names: Names { advertise: None, bind: Some(own.clone()), own: vec![own] },
            admission: Arc::new(Admission::new(Arc::new(world.quota), settings)),
            registry: Registry::Upstream(upstream),
            cells: vec![Arc::<Cells>::default()],
            refusals: RefusalLog::new().0,
            max_pending: 10,
            hold: None,
            beat: Box::new(|_| {}),
        })
    }

    fn request(method: &str, user: u32, cseq: u32) -> Vec<u8> {
        format!(
            "{method} sip:example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK{user}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@example.com>;tag=1\r\n\
             To: <sip:{user}@example.com>\r\nCall-ID: {user}@h\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{user}@192.0.2.9:5062>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n"
        )
        .into()
    }

    /// The registrar's 200 to what was sent on.
    fn ok(request: &[u8]) -> Vec<u8> {
        let text = str::from_utf8(request).unwrap();
        text.replacen("REGISTER sip:example.com SIP/2.0", "SIP/2.0 200 OK", 1).into()
    }

    /// What is sent of these, handled as one turn or one after the other.
    fn sent(proxy: &Proxy, turn: &[Vec<u8>], side: Side, together: bool) -> Vec<Vec<u8>> {
        let (mut out, source) = (Outbox::new(0), source(side));
        let turn: Vec<_> = turn.iter().map(|bytes| Received { bytes, source }).collect();
        if together {
            proxy.messages(&turn, at(1_000), &mut out);
        } else {
            turn.iter().for_each(|one| proxy.message(one.bytes, &source, at(1_000), &mut out));
        }
        out.iter().map(|(_, bytes)| bytes.to_vec()).collect()
    }

    fn starts(sent: &[Vec<u8>]) -> Vec<&str> {
        let start = |bytes| str::from_utf8(bytes).unwrap().split([' ', '\r']).take(2);
        sent.iter().map(|bytes| start(bytes).find(|word| *word != "SIP/2.0").unwrap()).collect()
    }

    /// What comes of three turns: numbers that are new, their answers, and refreshes.
    fn course(together: bool) -> [Vec<Vec<u8>>; 3] {
        let proxy = proxy();
        let mut first: Vec<_> =
            [101, 102, 103, 104].map(|user| request("REGISTER", user, 1)).into();
        first.push(b"REGISTER sip:x".to_vec());
        first.extend([request("INVITE", 104, 1), request("OPTIONS", 101, 1)]);
        // More than one look ahead takes.
        first.extend(vec![request("REGISTER", 105, 1); AHEAD]);
        let new = sent(&proxy, &first, Side::Device, together);
        let answers: Vec<_> =
            new.iter().filter(|one| one.starts_with(b"REG")).map(|one| ok(one)).collect();
        let answered = sent(&proxy, &answers, Side::Upstream, together);
        let again = [102, 103, 101].map(|user| request("REGISTER", user, 2));
        [new, answered, sent(&proxy, &again, Side::Device, together)]
    }

    #[test]
    fn a_turn_is_answered_as_its_messages_one_by_one() {
        let [new, answered, again] = course(true);

        assert_eq!(starts(&new)[..4], ["REGISTER", "REGISTER", "403", "403"]);
        assert_eq!(starts(&answered), ["200", "200"]);
        assert_eq!(starts(&again), ["REGISTER", "403", "REGISTER"]);
        assert_eq!([new, answered, again], course(false));
    }
}

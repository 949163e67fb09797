//! What our own Via, Path and Record-Route carry: where an answer or a later request goes, under a
//! MAC. A token whose MAC is not ours is none. Knows no licenses: a seat is a name and a number.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

use super::codec::{Body, Reader, put_flow};
use crate::transport::{ConnectionId, Protocol, Side};

/// The MAC keys: what is made is made with `current`; what was made with `previous` is still ours.
#[derive(Clone)]
pub struct Keys {
    pub current: [u8; 16],
    pub previous: Option<[u8; 16]>,
    /// Differs at every start: connection serials of another epoch mean nothing here.
    pub epoch: u32,
}

/// What a MAC is for; one use can't be passed off as another.
#[derive(Clone, Copy)]
pub enum Purpose {
    ViaToken = 2,
    FlowToken = 3,
    DialogToken = 4,
    /// The key of what need not be a token: see [`Marks`](super::Marks).
    MarkKey = 7,
}

/// Where a message came from, and so where an answer or a later request to it goes.
pub use crate::transport::Source as Flow;

/// The serial of no connection: what a serial of another epoch is read as.
pub(super) const NO_CONNECTION: ConnectionId = ConnectionId(0);

impl Flow {
    /// None in particular: it leads to the newest flow of its seat. A token of it is the same in
    /// every REGISTER of a device, whatever flow that comes by and whenever we started.
    pub fn newest_of_seat() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self {
            side: Side::Device,
            protocol: Protocol::Tcp,
            remote: nowhere,
            local: nowhere,
            socket: 0,
            connection: Some(NO_CONNECTION),
        }
    }
}

/// Whose flow it is: the device `no` of the number `aor` (0: the number itself).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeatName {
    pub aor: String,
    pub device: u32,
}

/// What a request was when it was forwarded: what its answer settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A REGISTER that adds or refreshes.
    Register,
    /// A REGISTER that removes one Contact.
    Leave,
    /// A REGISTER with `Contact: *`.
    LeaveAll,
    Invite,
    /// In a dialog of a call that holds a seat: a BYE, or a refresh of the session.
    Dialog,
    Other,
}

impl Errand {
    const ALL: [Self; 6] =
        [Self::Register, Self::Leave, Self::LeaveAll, Self::Invite, Self::Dialog, Self::Other];
}

/// To whom a request was forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    Upstream,
    Device,
}

/// The second parameter of our Via.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViaToken {
    /// The flow that the request came by.
    pub flow: Flow,
    /// The port that the answer goes to over UDP (RFC 3261 18.2.2).
    pub answer_port: u16,
    pub errand: Errand,
    pub receiver: Receiver,
    /// Unix milliseconds at which it was forwarded: our order of requests.
    pub order: u64,
    /// The device that it is about, by name; 0 where none.
    pub device: u32,
    /// The hash of its Contact URI; 0 where none.
    pub contact: u32,
    /// It asks for less time than the device did.
    pub clamped: bool,
    /// It carried no credentials.
    pub bare: bool,
    /// Made by ourselves (a de-registration): its answer ends here.
    pub own: bool,
}

/// The user part of our Path (or rewritten Contact), and of our Record-Route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteToken {
    /// To this device's flow.
    Device { flow: Flow, seat: SeatName },
    /// To the upstream; `seat` is the caller whose call it is.
    Upstream { seat: SeatName },
}

const TAG_LEN: usize = 8;

impl ViaToken {
    /// The flow that the answer goes to.
    pub fn answer_flow(&self) -> Flow {
        let mut flow = self.flow;
        if flow.protocol == Protocol::Udp {
            flow.remote.set_port(self.answer_port);
        }
        flow
    }
}

impl Keys {
    /// A keyed hash over `parts`, each told apart from its neighbours.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> u128 {
        mac_with(&self.current, purpose, parts.iter().copied())
    }

    /// Appends the Via token; `branch` ties it to its request.
    pub fn put_via(&self, out: &mut Vec<u8>, token: &ViaToken, branch: &[u8]) {
        let body = |body: &mut Vec<u8>| {
            let receiver = token.receiver == Receiver::Device;
            let flags = [receiver, token.own, token.clamped, token.bare];
            let flags = flags.iter().fold(0, |bits, flag| bits << 1 | u8::from(*flag));
            body.push((token.errand as u8) << 4 | flags);
            body.extend_from_slice(&token.order.to_be_bytes()[2..]);
            body.extend_from_slice(&token.device.to_be_bytes());
            body.extend_from_slice(&token.contact.to_be_bytes());
            body.extend_from_slice(&token.answer_port.to_be_bytes());
            put_flow(body, &token.flow, self.epoch);
        };
        self.put(out, Purpose::ViaToken, body, &[branch]);
    }

    /// The Via token as text.
    pub fn seal_via(&self, token: &ViaToken, branch: &str) -> String {
        text(|out| self.put_via(out, token, branch.as_bytes()))
    }

    /// Reads a Via token of ours; `None` where the MAC isn't. A connection of another epoch is gone.
    pub fn open_via(&self, text: impl AsRef<[u8]>, branch: &str) -> Option<ViaToken> {
        let body = self.open(Purpose::ViaToken, text.as_ref(), &[branch.as_bytes()])?;
        let mut read = Reader(&body);
        let head = read.byte()?;
        let mut order = [0; 8];
        order[2..].copy_from_slice(read.take(6)?);
        let device = read.u32()?;
        let contact = read.u32()?;
        let answer_port = read.u16()?;
        let flow = read.flow(self.epoch)?;
        let flag = |bit: u8| head & bit != 0;
        Some(ViaToken {
            flow,
            answer_port,
            errand: *Errand::ALL.get(usize::from(head >> 4))?,
            receiver: if flag(8) { Receiver::Device } else { Receiver::Upstream },
            order: u64::from_be_bytes(order),
            device,
            contact,
            own: flag(4),
            clamped: flag(2),
            bare: flag(1),
        })
    }

    /// Writes a flow token: what Path and a rewritten Contact carry.
    pub fn seal_flow(&self, token: &RouteToken) -> String {
        text(|out| self.put(out, Purpose::FlowToken, |body| self.put_route(body, token), &[]))
    }

    /// Appends the flow token of a device's flow.
    pub fn put_device_token(&self, out: &mut Vec<u8>, flow: &Flow, device: u32, aor: &str) {
        let body = |body: &mut Vec<u8>| self.put_device(body, flow, device, aor);
        self.put(out, Purpose::FlowToken, body, &[]);
    }

    /// Reads a flow token of ours.
    pub fn open_flow(&self, text: &str) -> Option<RouteToken> {
        self.read_route(&self.open(Purpose::FlowToken, text.as_bytes(), &[])?)
    }

    /// A device's flow as the built-in registrar keeps it, under no MAC: nobody else sees it.
    pub fn flow_text(&self, flow: &Flow, device: u32) -> String {
        text(|out| {
            put_flow(out, flow, self.epoch);
            out.extend_from_slice(&device.to_be_bytes());
            encode(out, 0);
        })
    }

    /// Reads that.
    pub fn read_flow_text(&self, text: &str) -> Option<(Flow, u32)> {
        let body = decode(text.as_bytes())?;
        let mut read = Reader(&body);
        Some((read.flow(self.epoch)?, read.u32()?))
    }

    /// Writes a Record-Route token, good for one dialog only.
    pub fn seal_dialog(
        &self,
        token: &RouteToken,
        call_id: &[u8],
        invite_from_tag: &[u8],
    ) -> String {
        let body = |body: &mut Vec<u8>| self.put_route(body, token);
        text(|out| self.put(out, Purpose::DialogToken, body, &[call_id, invite_from_tag]))
    }

    /// Reads a Record-Route token of ours that belongs to this dialog. The INVITE's From tag is one
    /// of the request's two tags, whoever sends it.
    pub fn open_dialog(&self, text: &str, call_id: &[u8], tags: [&[u8]; 2]) -> Option<RouteToken> {
        tags.into_iter()
            .filter(|tag| !tag.is_empty())
            .find_map(|tag| self.open(Purpose::DialogToken, text.as_bytes(), &[call_id, tag]))
            .and_then(|body| self.read_route(&body))
    }

    fn put_route(&self, body: &mut Vec<u8>, token: &RouteToken) {
        match token {
            RouteToken::Device { flow, seat } => {
                self.put_device(body, flow, seat.device, &seat.aor);
            }
            RouteToken::Upstream { seat } => {
                body.push(1);
                put_seat(body, seat.device, &seat.aor);
            }
        }
    }

    fn put_device(&self, body: &mut Vec<u8>, flow: &Flow, device: u32, aor: &str) {
        body.push(0);
        put_flow(body, flow, self.epoch);
        put_seat(body, device, aor);
    }

    fn read_route(&self, body: &[u8]) -> Option<RouteToken> {
        let mut read = Reader(body);
        let flow = match read.byte()? {
            0 => Some(read.flow(self.epoch)?),
            _ => None,
        };
        let device = read.u32()?;
        let seat = SeatName { aor: String::from_utf8(read.0.to_vec()).ok()?, device };
        Some(match flow {
            Some(flow) => RouteToken::Device { flow, seat },
            None => RouteToken::Upstream { seat },
        })
    }

    /// Appends the token of what `body` appends.
    fn put(
        &self,
        out: &mut Vec<u8>,
        purpose: Purpose,
        body: impl FnOnce(&mut Vec<u8>),
        context: &[&[u8]],
    ) {
        let from = out.len();
        body(out);
        let tag = tag_with(&self.current, purpose, out.get(from..).unwrap_or_default(), context);
        out.extend_from_slice(&tag);
        encode(out, from);
    }

    fn open(&self, purpose: Purpose, text: &[u8], context: &[&[u8]]) -> Option<Body> {
        let mut decoded = decode(text)?;
        let (body, tag) = decoded.split_last_chunk::<TAG_LEN>()?;
        let made_with = |key: &[u8; 16]| {
            let expected = tag_with(key, purpose, body, context);
            bool::from(subtle::ConstantTimeEq::ct_eq(&expected[..], &tag[..]))
        };
        let ours = made_with(&self.current) || self.previous.as_ref().is_some_and(made_with);
        decoded.truncate(decoded.len() - TAG_LEN);
        ours.then_some(decoded)
    }
}

fn mac_with<'a>(key: &[u8; 16], purpose: Purpose, parts: impl Iterator<Item = &'a [u8]>) -> u128 {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write_u8(purpose as u8);
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}

fn put_seat(body: &mut Vec<u8>, device: u32, aor: &str) {
    body.extend_from_slice(&device.to_be_bytes());
    body.extend_from_slice(aor.as_bytes());
}

/// Turns the bytes from `from` on into letters.
fn encode(out: &mut Vec<u8>, from: usize) {
    let end = out.len();
    // Behind them, where there is room; three bytes become four letters.
    out.resize(end + (end - from).div_ceil(3) * 4, 0);
    let (bytes, room) = out.split_at_mut(end);
    let bytes = bytes.get(from..).unwrap_or_default();
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, room).unwrap_or_default();
    out.copy_within(end..end + written, from);
    out.truncate(from + written);
}

/// The bytes of such letters.
fn decode(text: &[u8]) -> Option<Body> {
    let mut decoded = Body::from_elem(0, text.len().div_ceil(4) * 3);
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn tag_with(key: &[u8; 16], purpose: Purpose, body: &[u8], context: &[&[u8]]) -> [u8; TAG_LEN] {
    let parts = std::iter::once(body).chain(context.iter().copied());
    // Its upper half.
    ((mac_with(key, purpose, parts) >> 64) as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys { current: [7; 16], previous: None, epoch: 9 }
    }

    fn flow() -> Flow {
        Flow {
            side: Side::Device,
            protocol: Protocol::Tcp,
            remote: "192.0.2.7:40001".parse().unwrap(),
            local: "[2001:db8::1]:5060".parse().unwrap(),
            socket: 1,
            connection: Some(ConnectionId(77)),
        }
    }

    fn via_token() -> ViaToken {
        ViaToken {
            flow: flow(),
            answer_port: 5061,
            errand: Errand::Invite,
            receiver: Receiver::Device,
            order: 1_730_000_000_123,
            device: 0xdead_beef,
            contact: 5,
            clamped: true,
            bare: true,
            own: false,
        }
    }

    #[test]
    fn a_via_token_comes_back_as_it_was_sealed() {
        let sealed = keys().seal_via(&via_token(), "z9hG4bKabc");

        assert_eq!(keys().open_via(&sealed, "z9hG4bKabc"), Some(via_token()));
    }

    /// They wait at registrars and in dialogs while we are replaced.
    #[test]
    fn tokens_read_as_they_always_did() {
        let seat = SeatName { aor: "sip:101@example.com".into(), device: 3 };

        let via = keys().seal_via(&via_token(), "z9hG4bKabc");
        let flow = keys().seal_flow(&RouteToken::Upstream { seat });

        let expected = "OwGSzAkUe96tvu8AAAAFE8UGBMAAAgecQQYgAQ24AAAAAAAAAAAAAAABE8QAAQAAAAkAAAAAAAAATUQhlM5ytReP";
        assert_eq!(via, expected);
        assert_eq!(flow, "AQAAAANzaXA6MTAxQGV4YW1wbGUuY29tTD86EIY0L1o");
    }

    #[test]
    fn a_via_token_opens_with_its_own_branch_and_key_only() {
        let sealed = keys().seal_via(&via_token(), "z9hG4bKabc");
        let other = Keys { current: [8; 16], ..keys() };

        assert_eq!(keys().open_via(&sealed, "z9hG4bKabd"), None);
        assert_eq!(other.open_via(&sealed, "z9hG4bKabc"), None);
        assert!(keys().open_via("", "z9hG4bKabc").is_none());
    }

    #[test]
    fn the_previous_key_still_opens() {
        let sealed = keys().seal_via(&via_token(), "b");
        let rolled = Keys { current: [8; 16], previous: Some([7; 16]), epoch: 9 };

        assert!(rolled.open_via(&sealed, "b").is_some());
    }

    #[test]
    fn a_connection_of_another_epoch_names_nobody() {
        let sealed = keys().seal_via(&via_token(), "b");
        let restarted = Keys { epoch: 10, ..keys() };

        let token = restarted.open_via(&sealed, "b").unwrap();

        assert_eq!(token.flow.connection, Some(ConnectionId(0)));
    }

    #[test]
    fn a_seats_token_is_the_same_after_a_restart() {
        let seat = SeatName { aor: "sip:101@example.com".into(), device: 3 };
        let token = RouteToken::Device { flow: Flow::newest_of_seat(), seat };
        let sealed = keys().seal_flow(&token);
        let restarted = Keys { epoch: 10, ..keys() };

        assert_eq!(restarted.seal_flow(&token), sealed);
        assert_eq!(restarted.open_flow(&sealed), Some(token));
    }

    #[test]
    fn a_flow_at_the_built_in_registrar_comes_back_but_for_a_connection_of_another_epoch() {
        let text = keys().flow_text(&flow(), 7);
        let restarted = Keys { epoch: 10, ..keys() };

        assert_eq!(keys().read_flow_text(&text), Some((flow(), 7)));
        let gone = Flow { connection: Some(NO_CONNECTION), ..flow() };
        assert_eq!(restarted.read_flow_text(&text), Some((gone, 7)));
        assert_eq!(keys().read_flow_text(&text[..text.len() - 1]), None);
        assert_eq!(keys().read_flow_text("<sip:edge;lr>"), None);
    }

    #[test]
    fn a_dialog_token_opens_for_either_side_of_its_dialog_only() {
        let seat = SeatName { aor: "sip:101@example.com".into(), device: 3 };
        let token = RouteToken::Device { flow: flow(), seat };
        let sealed = keys().seal_dialog(&token, b"call-1", b"caller");

        let by_caller = keys().open_dialog(&sealed, b"call-1", [b"caller", b"callee"]);
        let by_callee = keys().open_dialog(&sealed, b"call-1", [b"callee", b"caller"]);

        assert_eq!(by_caller, Some(token.clone()));
        assert_eq!(by_callee, Some(token));
        assert_eq!(keys().open_dialog(&sealed, b"call-2", [b"caller", b"callee"]), None);
        assert_eq!(keys().open_dialog(&sealed, b"call-1", [b"made-up", b""]), None);
        assert_eq!(keys().open_flow(&sealed), None);
    }
}

//! What real clients sent, replayed byte by byte against the running daemon: every request of every
//! capture has the verdict that its row expects. Nothing is rewritten, so nonces and dialog tokens
//! are those of the day of the recording: strangers' to this daemon.

mod scene;

use std::collections::HashMap;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_file::pcap::PcapReader;
use scene::{Daemon, Link, Message, Phone, take_message};

const SOON: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(300);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Answer(u16),
    /// It arrives at one of the capture's clients.
    GoesOn,
    Silence,
}

use Verdict::{Answer, GoesOn, Silence};

/// A capture, the licenses it meets, and what becomes of its requests, in order.
struct Row {
    file: &'static str,
    licenses: &'static [&'static str],
    verdicts: &'static [(&'static str, Verdict)],
}

const TWO: &[&str] = &[
    "group add Home --restrict",
    "license add Home --sip 2",
    "claim add Home --domain example.com --range 1000-1009",
    "claim add Home --domain example.com --range 101-102",
];
const ONE: &[&str] = &[
    "group add Home --restrict",
    "license add Home --sip 1",
    "claim add Home --domain example.com --range 101-103",
];
const TWO_APPS: &[&str] = &[
    "group add Home --restrict",
    "license add Home --sip 9 --apps 2",
    "claim add Home --domain example.com --range 1000-1009",
];
const PASSWORDS: &[&str] = &[
    "group add Home --restrict",
    "license add Home --sip 3 --apps 1",
    "number add sip:101@example.com --group Home --kind phone --password secret-101",
    "number add sip:102@example.com --group Home --kind phone --password secret-102",
    "number add sip:103@example.com --group Home --kind phone --password secret",
];
const OVER: &[&str] = &[
    "group add Home --restrict",
    "license add Home --sip 9 --until 2020-01-01",
    "claim add Home --domain example.com --range 101-102",
    "claim add Home --domain example.com --range 1000-1009",
];

const REGISTER: &str = "REGISTER";

const THIRD_IS_REFUSED: &[(&str, Verdict)] =
    &[(REGISTER, Answer(200)), (REGISTER, Answer(200)), (REGISTER, Answer(403))];
/// The dialog's tokens are another daemon's.
const CALL: &[(&str, Verdict)] =
    &[(REGISTER, Answer(200)), ("INVITE", GoesOn), ("ACK", Silence), ("BYE", Answer(481))];
const FREED: &[(&str, Verdict)] = &[
    (REGISTER, Answer(200)),
    (REGISTER, Answer(403)),
    (REGISTER, Answer(200)),
    (REGISTER, Answer(200)),
];
/// Each first asks without credentials, then with them.
const TWO_CALL: &[(&str, Verdict)] = &[
    (REGISTER, Answer(200)),
    (REGISTER, Answer(200)),
    (REGISTER, Answer(200)),
    (REGISTER, Answer(200)),
    ("INVITE", GoesOn),
    ("ACK", Silence),
    ("BYE", Answer(481)),
    (REGISTER, Answer(200)),
    (REGISTER, Answer(200)),
    (REGISTER, Answer(200)),
    (REGISTER, Answer(200)),
];
/// The recorded nonce is not this daemon's: right credentials are asked for again.
const TWO_STALE: &[(&str, Verdict)] = &[
    (REGISTER, Answer(401)),
    (REGISTER, Answer(401)),
    (REGISTER, Answer(401)),
    (REGISTER, Answer(401)),
    ("INVITE", Answer(407)),
    ("ACK", Silence),
    ("BYE", Answer(481)),
    (REGISTER, Answer(401)),
    (REGISTER, Answer(401)),
    (REGISTER, Answer(401)),
    (REGISTER, Answer(401)),
];
const SECOND_IS_REFUSED: &[(&str, Verdict)] =
    &[(REGISTER, Answer(200)), (REGISTER, Answer(403)), (REGISTER, Answer(200))];

const ROWS: &[Row] = &[
    Row {
        file: "sipp-udp-third-of-two-is-refused.pcap",
        licenses: TWO,
        verdicts: THIRD_IS_REFUSED,
    },
    Row {
        file: "sipp-tcp-third-of-two-is-refused.pcap",
        licenses: TWO,
        verdicts: THIRD_IS_REFUSED,
    },
    Row {
        file: "sipp-tcp-third-of-two-is-refused.pcap",
        licenses: OVER,
        verdicts: &[(REGISTER, Answer(403)), (REGISTER, Answer(403)), (REGISTER, Answer(403))],
    },
    Row {
        file: "sipp-udp-third-app-of-two-is-refused.pcap",
        licenses: TWO_APPS,
        verdicts: THIRD_IS_REFUSED,
    },
    Row { file: "sipp-udp-call-is-answered-and-hung-up.pcap", licenses: TWO, verdicts: CALL },
    Row { file: "sipp-tcp-call-is-answered-and-hung-up.pcap", licenses: TWO, verdicts: CALL },
    Row {
        file: "sipsak-udp-second-of-one-is-refused-until-the-first-leaves.pcap",
        licenses: ONE,
        verdicts: FREED,
    },
    Row {
        file: "sipsak-tcp-second-of-one-is-refused-until-the-first-leaves.pcap",
        licenses: ONE,
        verdicts: FREED,
    },
    Row {
        file: "sipsak-udp-wrong-password-then-the-right-one.pcap",
        licenses: PASSWORDS,
        verdicts: &[
            (REGISTER, Answer(401)),
            (REGISTER, Answer(403)),
            (REGISTER, Answer(401)),
            (REGISTER, Answer(401)),
        ],
    },
    Row {
        file: "baresip-udp-wrong-password.pcap",
        licenses: PASSWORDS,
        verdicts: &[(REGISTER, Answer(401)), (REGISTER, Answer(403))],
    },
    Row {
        file: "baresip-udp-two-with-passwords-call-and-hang-up.pcap",
        licenses: TWO,
        verdicts: TWO_CALL,
    },
    Row {
        file: "baresip-tcp-two-with-passwords-call-and-hang-up.pcap",
        licenses: TWO,
        verdicts: TWO_CALL,
    },
    Row {
        file: "baresip-udp-two-with-passwords-call-and-hang-up.pcap",
        licenses: PASSWORDS,
        verdicts: TWO_STALE,
    },
    Row {
        file: "linphone-udp-second-of-one-is-refused.pcap",
        licenses: ONE,
        verdicts: SECOND_IS_REFUSED,
    },
    Row {
        file: "linphone-tcp-second-of-one-is-refused.pcap",
        licenses: ONE,
        verdicts: SECOND_IS_REFUSED,
    },
    Row {
        file: "linphone-udp-app-with-password.pcap",
        licenses: PASSWORDS,
        verdicts: &[(REGISTER, Answer(401)), (REGISTER, Answer(401)), (REGISTER, Answer(401))],
    },
    Row {
        file: "linphone-udp-app-with-password.pcap",
        // No app license: the push parameters make it one.
        licenses: ONE,
        verdicts: &[(REGISTER, Answer(403)), (REGISTER, Answer(403)), (REGISTER, Answer(200))],
    },
    Row {
        file: "linphone-udp-call-is-answered-and-hung-up.pcap",
        licenses: TWO,
        verdicts: &[
            (REGISTER, Answer(200)),
            (REGISTER, Answer(200)),
            ("INVITE", GoesOn),
            // 102 at 127.0.0.1, which is a name of ours here: it may be the ACK to a refusal, which
            // goes where its INVITE went. Nothing is kept of either.
            ("ACK", GoesOn),
            ("BYE", Answer(481)),
            (REGISTER, Answer(200)),
            (REGISTER, Answer(200)),
        ],
    },
];

#[test]
fn every_request_of_every_capture_has_its_verdict() {
    for row in ROWS {
        replay(row);
    }
}

#[test]
fn every_capture_has_a_row_and_a_word_on_how_it_was_made() {
    let made = fs::read_to_string(folder().join("README.md")).expect("the README");
    for entry in fs::read_dir(folder()).expect("the folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        if name != "README.md" {
            assert!(ROWS.iter().any(|row| row.file == name), "no row for {name}");
            assert!(made.contains(&name), "the README does not name {name}");
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures")
}

/// One end of what was recorded: over TCP or not, and the client's address.
type Client = (bool, SocketAddr);

/// A request as a client sent it.
struct Sent {
    client: Client,
    bytes: Vec<u8>,
}

fn replay(row: &Row) {
    let requests = requests(row.file);
    let methods: Vec<_> =
        requests.iter().map(|sent| Message::read(&sent.bytes).method().to_owned()).collect();
    let expected: Vec<_> = row.verdicts.iter().map(|(method, _)| (*method).to_owned()).collect();
    assert_eq!(methods, expected, "{}: other requests than its row names", row.file);
    let mut daemon = Daemon::prepare("");
    for line in row.licenses {
        daemon.tell(&line.split(' ').collect::<Vec<_>>());
    }
    daemon.run();

    let mut clients: HashMap<Client, Phone> = HashMap::new();
    let mut arrived: Vec<Message> = Vec::new();
    for (at, (sent, (method, verdict))) in requests.iter().zip(row.verdicts).enumerate() {
        let client = clients.entry(sent.client).or_insert_with(|| connect(&daemon, sent.client));
        client.send(std::str::from_utf8(&sent.bytes).expect("text"));
        let found = verdict_of(&Message::read(&sent.bytes), *verdict, &mut clients, &mut arrived);
        assert_eq!(found, *verdict, "{}: request {at}, {method}", row.file);
    }
}

fn connect(daemon: &Daemon, (tcp, _): Client) -> Phone {
    let link = match tcp {
        true => Link::Tcp(TcpStream::connect(daemon.tcp).expect("a connection"), Vec::new()),
        false => Link::Udp(UdpSocket::bind("127.0.0.1:0").expect("a socket"), daemon.udp),
    };
    Phone::on(link, "replayed")
}

/// What becomes of a request, as soon as it can be told; silence takes its time.
fn verdict_of(
    request: &Message,
    expected: Verdict,
    clients: &mut HashMap<Client, Phone>,
    arrived: &mut Vec<Message>,
) -> Verdict {
    let deadline = Instant::now() + if expected == Silence { MOMENT } else { SOON };
    let same = |message: &Message, name: &str| message.header(name) == request.header(name);
    while Instant::now() < deadline {
        for client in clients.values_mut() {
            while let Some(message) = client.receive(Duration::from_millis(2)) {
                arrived.push(message);
            }
        }
        for message in arrived.drain(..) {
            let ours = call_id(&message) == call_id(request) && same(&message, "cseq");
            if ours && message.status() >= 200 {
                return Answer(message.status());
            }
            if ours && message.method() == request.method() {
                return GoesOn;
            }
        }
    }
    Silence
}

fn call_id(message: &Message) -> Option<&str> {
    message.header("call-id").or_else(|| message.header("i"))
}

/// The requests that clients sent to the daemon: to the port that the first REGISTER went to.
fn requests(file: &str) -> Vec<Sent> {
    let messages = messages(file);
    let is = |bytes: &[u8], start: &str| bytes.starts_with(start.as_bytes());
    let daemon = messages
        .iter()
        .find(|(_, _, bytes)| is(bytes, "REGISTER "))
        .map(|(_, to, _)| *to)
        .expect("a REGISTER");
    messages
        .into_iter()
        .filter(|(_, to, bytes)| *to == daemon && !is(bytes, "SIP/2.0 "))
        .map(|(client, _, bytes)| Sent { client, bytes })
        .collect()
}

/// Every SIP message of a capture: who sent it, where to, its bytes.
fn messages(file: &str) -> Vec<(Client, SocketAddr, Vec<u8>)> {
    let capture = File::open(folder().join(file)).expect("the capture");
    let mut reader = PcapReader::new(capture).expect("a pcap file");
    let mut streams: HashMap<(SocketAddr, SocketAddr), Stream> = HashMap::new();
    let mut messages = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("a packet");
        let sliced = SlicedPacket::from_ethernet(&packet.data).expect("Ethernet, as lo records it");
        let Some(NetSlice::Ipv4(ip)) = &sliced.net else { panic!("{file}: not IPv4") };
        // Nothing is cut on loopback, whose packets may have 64 KiB.
        assert!(!ip.payload().fragmented, "{file}: a fragment");
        let [from, to] = [ip.header().source_addr(), ip.header().destination_addr()];
        let at = |ip: std::net::Ipv4Addr, port| SocketAddr::new(IpAddr::V4(ip), port);
        match &sliced.transport {
            Some(TransportSlice::Udp(udp)) => {
                let client = (false, at(from, udp.source_port()));
                // Less is a keep-alive (RFC 5626 3.5.1).
                if udp.payload().len() > 4 {
                    let bytes = udp.payload().to_vec();
                    messages.push((client, at(to, udp.destination_port()), bytes));
                }
            }
            Some(TransportSlice::Tcp(tcp)) => {
                let (from, to) = (at(from, tcp.source_port()), at(to, tcp.destination_port()));
                let stream = streams.entry((from, to)).or_default();
                stream.take(tcp.sequence_number(), tcp.syn(), tcp.payload(), file);
                while let Some(message) = take_message(&mut stream.unread) {
                    messages.push(((true, from), to, message.text.into_bytes()));
                }
            }
            _ => panic!("{file}: neither UDP nor TCP"),
        }
    }
    messages
}

/// One direction of a connection. Loopback keeps the order; what is sent again is passed over.
#[derive(Default)]
struct Stream {
    next: u32,
    unread: Vec<u8>,
}

impl Stream {
    fn take(&mut self, sequence: u32, syn: bool, payload: &[u8], file: &str) {
        if syn {
            self.next = sequence.wrapping_add(1);
            return;
        }
        if payload.is_empty() || self.next.wrapping_sub(sequence) as i32 > 0 {
            return;
        }
        assert_eq!(sequence, self.next, "{file}: a segment is missing");
        self.next = sequence.wrapping_add(payload.len() as u32);
        self.unread.extend_from_slice(payload);
    }
}

//! An upstream that speaks TCP only: UDP devices behind it, requests both ways, the connection lost.

mod scene;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use scene::{Daemon, Message, Phone, answer_text, eventually, take_message};

const SOON: Duration = Duration::from_secs(5);

/// One accepted connection of the daemon.
struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().expect("the daemon connects");
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a time limit");
        Self { stream, buffer: Vec::new() }
    }

    fn receive(&mut self) -> Message {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(message) = take_message(&mut self.buffer) {
                return message;
            }
            assert!(Instant::now() < deadline, "no message");
            let mut piece = [0; 4096];
            if let Ok(len) = self.stream.read(&mut piece) {
                self.buffer.extend_from_slice(&piece[..len]);
            }
        }
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("sent");
    }

    fn accept_register(&mut self, request: &Message) {
        let contact = request.header("contact").unwrap();
        let contact = format!("Contact: {contact};expires=600\r\n");
        self.send(&answer_text(request, 200, "OK", "up", &contact, ""));
    }
}

fn scene() -> (Daemon, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let daemon = Daemon::start(&format!(
        "[upstream]\nuri = \"sip:{address};transport=tcp\"\nbind = \"127.0.0.1:0\"\nchallenges = false\n"
    ));
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", "2"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    eventually(SOON, "the number is known", || {
        daemon.ask(&["explain", "sip:20@example.com"])["cause"] != "unknown_number"
    });
    (daemon, listener)
}

#[test]
fn a_udp_device_registers_over_a_tcp_upstream_and_is_called_over_it() {
    let (daemon, listener) = scene();
    let mut phone = Phone::udp(daemon.udp, "20");

    let text = phone.register_text(600);
    phone.send(&text);
    let mut line = Line::accept(&listener);
    let register = line.receive();
    // A copy of the request is absorbed: the hop behind us loses nothing.
    phone.send(&text);
    line.accept_register(&register);
    assert_eq!(phone.receive(SOON).expect("an answer").status(), 200);
    let path = register.header("path").unwrap().to_owned();
    assert!(path.contains(";transport=tcp"), "{path}");

    let mut to_bind = TcpStream::connect(daemon.bind.unwrap()).expect("the upstream connects");
    let invite = format!(
        "INVITE sip:20@{} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKt\r\n\
         Route: {path}\r\nMax-Forwards: 70\r\nFrom: <sip:o@elsewhere.net>;tag=s\r\n\
         To: <sip:20@example.com>\r\nCall-ID: t\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        phone.local()
    );
    to_bind.write_all(invite.as_bytes()).unwrap();
    let ringing = phone.expect_request("INVITE", SOON).expect("it rings");
    // The device hears it again until it answers: its hop may lose it.
    assert!(phone.expect_request("INVITE", SOON).is_some(), "resent over UDP");
    phone.answer(&ringing, 486, "Busy Here", "", "");
    assert!(phone.expect_request("ACK", SOON).is_some(), "acknowledged on the UDP hop");
    to_bind.set_read_timeout(Some(SOON)).unwrap();
    let mut piece = [0; 4096];
    let len = to_bind.read(&mut piece).unwrap();
    assert_eq!(Message::read(&piece[..len]).status(), 486);
}

#[test]
fn when_the_upstream_is_away_a_tcp_device_is_told_and_nothing_stays_reserved() {
    let (daemon, listener) = scene();
    drop(listener);
    let mut phone = Phone::tcp(daemon.tcp, "20");

    let answer = phone.register(600);

    assert_eq!(answer.status(), 503, "{}", answer.text);
    assert!(answer.header("retry-after").is_some());
    eventually(SOON, "given back", || daemon.ask(&["state", "R"])["sip_numbers"]["in_use"] == 0);
}

#[test]
fn where_the_uri_says_nothing_a_tcp_device_goes_out_over_tcp_and_a_udp_device_over_udp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let by_udp = std::net::UdpSocket::bind(address).expect("the same port");
    by_udp.set_read_timeout(Some(SOON)).unwrap();
    let daemon = Daemon::start(&format!(
        "[upstream]\nuri = \"sip:{address}\"\nbind = \"127.0.0.1:0\"\nchallenges = false\n"
    ));
    daemon.tell(&["group", "add", "R"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    eventually(SOON, "the number is known", || {
        daemon.ask(&["explain", "sip:20@example.com"])["cause"] != "unknown_number"
    });
    // The first connection asks whether there is TCP.
    drop(Line::accept(&listener));
    let (mut one, mut other) = (Phone::tcp(daemon.tcp, "20"), Phone::udp(daemon.udp, "21"));

    let text = one.register_text(600);
    one.send(&text);
    let mut line = Line::accept(&listener);
    let register = line.receive();
    assert!(register.header("via").unwrap().starts_with("SIP/2.0/TCP"));
    line.accept_register(&register);
    assert_eq!(one.receive(SOON).expect("an answer").status(), 200);

    let text = other.register_text(600);
    other.send(&text);
    let mut buffer = [0; 4096];
    let (len, _) = by_udp.recv_from(&mut buffer).expect("by UDP");
    assert!(Message::read(&buffer[..len]).header("via").unwrap().starts_with("SIP/2.0/UDP"));
}

//! Devices on TCP, an upstream on UDP, and one datagram in ten lost between: everything completes,
//! and nothing reaches a device twice.

mod scene;

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use scene::{Daemon, Message, Phone, answer_text, eventually};

const DEVICES: u32 = 50;
const EACH: usize = 20;
const SOON: Duration = Duration::from_secs(30);

/// An upstream behind a line that loses one datagram in ten, each way.
struct LossyUpstream {
    socket: UdpSocket,
    stop: AtomicBool,
    dice: Mutex<u64>,
    /// Path by user, as registered.
    paths: Mutex<HashMap<String, String>>,
    /// INVITEs answered 200 whose ACK has not come: text, destination, next time.
    unacknowledged: Mutex<HashMap<String, (String, SocketAddr, Instant)>>,
    /// Our own MESSAGEs without an answer.
    unanswered: Mutex<HashMap<String, (String, Instant, Duration)>>,
}

impl LossyUpstream {
    fn new() -> Arc<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Arc::new(Self {
            socket,
            stop: AtomicBool::new(false),
            dice: Mutex::new(0x2545_f491_4f6c_dd1d),
            paths: Mutex::default(),
            unacknowledged: Mutex::default(),
            unanswered: Mutex::default(),
        })
    }

    fn is_lost(&self) -> bool {
        let mut dice = self.dice.lock().unwrap();
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        dice.is_multiple_of(10)
    }

    fn send(&self, text: &str, to: SocketAddr) {
        if !self.is_lost() {
            self.socket.send_to(text.as_bytes(), to).unwrap();
        }
    }

    /// Receives, answers and resends until told to stop.
    fn serve(&self, bind: SocketAddr) {
        let mut buffer = vec![0; 65_535];
        while !self.stop.load(Ordering::Relaxed) {
            if let Ok((len, from)) = self.socket.recv_from(&mut buffer)
                && !self.is_lost()
            {
                self.handle(&Message::read(&buffer[..len]), from);
            }
            self.resend(bind);
        }
    }

    fn handle(&self, message: &Message, from: SocketAddr) {
        let call_id = message.header("call-id").unwrap().to_owned();
        match message.method() {
            "" => {
                self.unanswered.lock().unwrap().remove(&call_id);
            }
            "ACK" => {
                self.unacknowledged.lock().unwrap().remove(&call_id);
            }
            "REGISTER" => {
                let user =
                    message.header("to").unwrap().split([':', '@']).nth(1).unwrap().to_owned();
                let path = message.header("path").unwrap().to_owned();
                self.paths.lock().unwrap().insert(user, path);
                let contact = message.header("contact").unwrap();
                let contact = format!("Contact: {contact};expires=3600\r\n");
                self.send(&answer_text(message, 200, "OK", "up", &contact, ""), from);
            }
            "INVITE" => {
                let contact =
                    format!("Contact: <sip:up@{}>\r\n", self.socket.local_addr().unwrap());
                let text = answer_text(message, 200, "OK", "up", &contact, "");
                self.send(&text, from);
                let next = Instant::now() + Duration::from_millis(500);
                self.unacknowledged.lock().unwrap().insert(call_id, (text, from, next));
            }
            _ => self.send(&answer_text(message, 200, "OK", "up", "", ""), from),
        }
    }

    fn resend(&self, bind: SocketAddr) {
        let now = Instant::now();
        for (text, to, next) in self.unacknowledged.lock().unwrap().values_mut() {
            if *next <= now {
                *next = now + Duration::from_millis(500);
                self.send(text, *to);
            }
        }
        for (text, next, pause) in self.unanswered.lock().unwrap().values_mut() {
            if *next <= now {
                *next = now + *pause;
                *pause = (*pause * 2).min(Duration::from_secs(4));
                self.send(text, bind);
            }
        }
    }

    /// Sends a MESSAGE to a registered user, and goes on until it is answered.
    fn message(&self, user: &str, serial: usize) {
        let path = self.paths.lock().unwrap()[user].clone();
        let me = self.socket.local_addr().unwrap();
        let call_id = format!("m-{user}-{serial}");
        let text = format!(
            "MESSAGE sip:{user}@example.com SIP/2.0\r\n\
             Via: SIP/2.0/UDP {me};branch=z9hG4bKm{user}x{serial}\r\nRoute: {path}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:up@example.com>;tag=u\r\n\
             To: <sip:{user}@example.com>\r\nCall-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\n\
             Content-Length: 2\r\n\r\nhi"
        );
        // One after the other: a burst would lose more than the line does, in the sockets' buffers.
        let first = Instant::now() + Duration::from_millis(150) * u32::try_from(serial).unwrap();
        let entry = (text, first, Duration::from_millis(500));
        self.unanswered.lock().unwrap().insert(call_id, entry);
    }
}

/// What a device remembers.
#[derive(Default)]
struct Memory {
    /// How often each MESSAGE came.
    delivered: HashMap<String, usize>,
    /// The ACK of each call: said again whenever its 200 comes again (RFC 3261 13.2.2.4).
    acks: HashMap<String, String>,
}

/// One device's life: it registers, calls and hangs up, over and over, and answers what comes.
fn live(mut phone: Phone, registered: &AtomicU32) -> HashMap<String, usize> {
    let mut memory = Memory::default();
    for serial in 0..EACH {
        let register = phone.register_text(3600);
        assert_eq!(exchange(&mut phone, &register, &mut memory).status(), 200);
        if serial == 0 {
            registered.fetch_add(1, Ordering::SeqCst);
        }
    }
    for call in 0..EACH {
        phone.call_id = format!("c-{}-{call}", phone.user);
        let contact = format!("Contact: {}\r\n", phone.contact());
        let to = "<sip:up@elsewhere.example.com>";
        let invite = phone.request("INVITE", "sip:up@example.com", to, &contact, "");
        let ok = exchange(&mut phone, &invite, &mut memory);
        assert_eq!(ok.status(), 200, "{}", ok.text);
        let routes: String =
            ok.all("record-route").iter().rev().map(|r| format!("Route: {r}\r\n")).collect();
        let target = ok.header("contact").unwrap().trim_matches(['<', '>']).to_owned();
        let to = ok.header("to").unwrap().to_owned();
        let branch = phone.branch();
        let ack = phone.request_on(&branch, "ACK", &target, &to, &routes, "");
        phone.send(&ack);
        memory.acks.insert(phone.call_id.clone(), ack);
        let bye = phone.request("BYE", &target, &to, &routes, "");
        assert_eq!(exchange(&mut phone, &bye, &mut memory).status(), 200);
    }
    // What is still on its way arrives.
    let deadline = Instant::now() + Duration::from_secs(12);
    while memory.delivered.len() < EACH && Instant::now() < deadline {
        if let Some(message) = phone.receive(Duration::from_millis(200)) {
            take(&mut phone, message, &mut memory);
        }
    }
    // And nothing comes twice.
    while let Some(message) = phone.receive(Duration::from_millis(1500)) {
        take(&mut phone, message, &mut memory);
    }
    memory.delivered
}

/// Answers a MESSAGE and counts it; gives back what is an answer.
fn take(phone: &mut Phone, message: Message, memory: &mut Memory) -> Option<Message> {
    if message.method() == "MESSAGE" {
        *memory.delivered.entry(message.header("call-id").unwrap().to_owned()).or_default() += 1;
        phone.answer(&message, 200, "OK", "", "");
        return None;
    }
    if let Some(ack) = memory.acks.get(message.header("call-id").unwrap())
        && message.header("cseq").unwrap().ends_with("INVITE")
    {
        let ack = ack.clone();
        phone.send(&ack);
    }
    Some(message)
}

fn exchange(phone: &mut Phone, text: &str, memory: &mut Memory) -> Message {
    let cseq = text.lines().find(|line| line.starts_with("CSeq")).unwrap()[6..].to_owned();
    phone.send(text);
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline {
        let Some(message) = phone.receive(Duration::from_millis(500)) else { continue };
        if let Some(answer) = take(phone, message, memory)
            && answer.status() >= 200
            && answer.header("cseq") == Some(&cseq)
        {
            return answer;
        }
    }
    panic!("no answer within {SOON:?} to\n{text}");
}

#[test]
fn with_one_datagram_in_ten_lost_everything_completes_and_each_message_arrives_once() {
    let upstream = LossyUpstream::new();
    let address = upstream.socket.local_addr().unwrap();
    let config = format!(
        "[upstream]\nuri = \"sip:{address}\"\nbind = \"127.0.0.1:0\"\nchallenges = false\n"
    );
    let daemon = Daemon::start(&config);
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", &DEVICES.to_string()]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "100-199"]);
    eventually(Duration::from_secs(3), "the number is known", || {
        daemon.ask(&["explain", "sip:100@example.com"])["cause"] != "unknown_number"
    });
    let bind = daemon.bind.unwrap();
    let server = thread::spawn({
        let upstream = Arc::clone(&upstream);
        move || upstream.serve(bind)
    });

    let registered = Arc::new(AtomicU32::new(0));
    let devices: Vec<_> = (100..100 + DEVICES)
        .map(|user| {
            let phone = Phone::tcp(daemon.tcp, &user.to_string());
            let registered = Arc::clone(&registered);
            thread::spawn(move || live(phone, &registered))
        })
        .collect();
    // A device is reachable from its first 200 on.
    eventually(SOON, "all have registered", || registered.load(Ordering::SeqCst) == DEVICES);
    for user in 100..100 + DEVICES {
        for serial in 0..EACH {
            upstream.message(&user.to_string(), serial);
        }
    }
    let delivered: Vec<_> = devices.into_iter().map(|device| device.join().unwrap()).collect();
    eventually(SOON, "all MESSAGEs are answered", || {
        upstream.unanswered.lock().unwrap().is_empty()
    });
    upstream.stop.store(true, Ordering::Relaxed);
    server.join().unwrap();

    for messages in &delivered {
        assert_eq!(messages.len(), EACH, "every MESSAGE arrived");
        assert!(messages.values().all(|times| *times == 1), "each once: {messages:?}");
    }
    assert_eq!(daemon.ask(&["state", "R"])["sip_numbers"]["in_use"], DEVICES);
}

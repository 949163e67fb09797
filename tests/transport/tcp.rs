use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use admitd::sip::Fault;
use admitd::transport::{ConnectionId, Destination, Discard, Limits, Protocol, Settings, Side};

use crate::bench::{Daemon, Event, echo, expect, message, on, rest, tcp};

fn listening(ip: &str, limits: Limits) -> Settings {
    Settings { listen_tcp: on(ip), workers: 2, limits, ..Settings::default() }
}

fn echoing(limits: Limits) -> Daemon {
    Daemon::start(listening("127.0.0.1", limits), echo)
}

/// Whether the daemon closed it without a word.
fn is_closed(mut stream: TcpStream) -> bool {
    rest(&mut stream).is_empty()
}

#[test]
fn a_message_is_answered_over_ipv4_and_ipv6() {
    for ip in ["127.0.0.1", "::1"] {
        let daemon = Daemon::start(listening(ip, Limits::default()), echo);
        let mut device = tcp(daemon.addresses.tcp[0]);

        device.write_all(&message("hello")).unwrap();

        expect(&mut device, &message("hello"));
        let Event::Message { source, .. } = daemon.event() else { panic!() };
        assert_eq!(source.remote, device.local_addr().unwrap());
        assert_eq!(source.local, daemon.addresses.tcp[0]);
        assert_eq!((source.side, source.protocol), (Side::Device, Protocol::Tcp));
        daemon.stop();
    }
}

#[test]
fn a_message_in_single_bytes_is_one_message() {
    let daemon = echoing(Limits::default());
    let mut device = tcp(daemon.addresses.tcp[0]);

    for byte in message("hello") {
        device.write_all(&[byte]).unwrap();
        std::thread::yield_now();
    }

    expect(&mut device, &message("hello"));
}

#[test]
fn messages_and_pings_in_one_segment_are_told_apart() {
    let daemon = echoing(Limits::default());
    let mut device = tcp(daemon.addresses.tcp[0]);
    let (one, two) = (message("one"), message("two"));

    device.write_all(&[&one[..], b"\r\n\r\n", &two, b"\r\n"].concat()).unwrap();

    expect(&mut device, &[&one[..], b"\r\n", &two].concat());
}

#[test]
fn the_largest_message_passes_and_a_larger_one_does_not() {
    let daemon = echoing(Limits::default());
    let body = "x".repeat(65_536);
    let mut device = tcp(daemon.addresses.tcp[0]);

    device.write_all(&message(&body)).unwrap();
    expect(&mut device, &message(&body));
    device.write_all(&message(&format!("{body}y"))).unwrap();

    assert!(rest(&mut device).starts_with(b"SIP/2.0 400"));
}

#[test]
fn the_first_framing_error_is_answered_and_closes() {
    let daemon = echoing(Limits::default());
    for (bytes, fault) in [
        (
            &b"OPTIONS sip:a@b SIP/2.0\r\nTo: x\r\n\r\nwho knows how long"[..],
            Fault::NoContentLength,
        ),
        (b"\x16\x03\x01\x02\x00 a TLS hello", Fault::BadStartLine),
        (b"OPTIONS sip:a@b SIP/2.0\nContent-Length: 0\n\r\n\r\n", Fault::BareLineBreak),
    ] {
        let mut device = tcp(daemon.addresses.tcp[0]);

        device.write_all(bytes).unwrap();
        let _ = device.write_all(&message("never seen"));

        assert!(rest(&mut device).starts_with(b"SIP/2.0 400"));
        assert_eq!(daemon.event(), Event::Fault(fault));
        assert!(matches!(daemon.event(), Event::Closed(_, Side::Device)));
    }
    assert_eq!(daemon.discards.get(Discard::Fault), 3);
}

#[test]
fn a_message_cut_by_the_end_of_the_stream_is_never_handed_over() {
    let daemon = echoing(Limits::default());
    let mut device = tcp(daemon.addresses.tcp[0]);

    let whole = message("hello");
    device.write_all(&whole[..whole.len() - 1]).unwrap();
    drop(device);

    assert!(matches!(daemon.event(), Event::Closed(_, Side::Device)));
    assert_eq!(daemon.discards.get(Discard::Partial), 1);
}

#[test]
fn a_thousand_connections_are_served_and_not_one_more() {
    let limits = Limits { connections: 1000, connections_per_source: 5000, ..Limits::default() };
    let daemon = echoing(limits);
    let mut devices: Vec<_> = (0..1000)
        .map(|n| {
            let mut device = tcp(daemon.addresses.tcp[0]);
            device.write_all(&message(&n.to_string())).unwrap();
            expect(&mut device, &message(&n.to_string()));
            device
        })
        .collect();

    for _ in 0..20 {
        assert!(is_closed(tcp(daemon.addresses.tcp[0])));
    }
    assert_eq!(daemon.discards.get(Discard::ConnectionLimit), 20);
    for (n, device) in devices.iter_mut().enumerate() {
        device.write_all(&message(&n.to_string())).unwrap();
        expect(device, &message(&n.to_string()));
    }
    drop(devices.split_off(500));
    let mut newcomer = retry(|| {
        let mut device = tcp(daemon.addresses.tcp[0]);
        device.write_all(&message("new")).ok()?;
        let mut first = [0; 1];
        let got = std::io::Read::read(&mut device, &mut first).ok()?;
        (got == 1).then_some(device)
    });
    expect(&mut newcomer, &message("new")[1..]);
}

fn retry<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(start.elapsed() < crate::bench::PATIENCE, "never worked");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_source_does_not_take_the_connections_of_all() {
    let daemon = echoing(Limits { connections_per_source: 3, ..Limits::default() });
    let kept: Vec<_> = (0..3)
        .map(|_| {
            let mut device = tcp(daemon.addresses.tcp[0]);
            device.write_all(&message("")).unwrap();
            expect(&mut device, &message(""));
            device
        })
        .collect();

    assert!(is_closed(tcp(daemon.addresses.tcp[0])));

    assert_eq!(daemon.discards.get(Discard::SourceLimit), 1);
    drop(kept);
}

#[test]
fn silence_ends_a_connection_and_keep_alives_keep_it() {
    let daemon = echoing(Limits { idle: Duration::from_millis(800), ..Limits::default() });
    let silent = tcp(daemon.addresses.tcp[0]);
    let mut alive = tcp(daemon.addresses.tcp[0]);

    for _ in 0..12 {
        std::thread::sleep(Duration::from_millis(100));
        alive.write_all(b"\r\n\r\n").unwrap();
        expect(&mut alive, b"\r\n");
    }

    assert!(is_closed(silent));
    assert_eq!(daemon.discards.get(Discard::Idle), 1);
}

#[test]
fn a_message_that_drips_in_is_given_up() {
    let daemon = echoing(Limits { partial: Duration::from_millis(300), ..Limits::default() });
    let mut device = tcp(daemon.addresses.tcp[0]);

    let start = Instant::now();
    while device.write_all(b"O").is_ok() && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }

    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(daemon.discards.get(Discard::Partial), 1);
}

#[test]
fn half_messages_of_all_connections_together_are_bounded() {
    let daemon = echoing(Limits { buffered_bytes: 10_000, ..Limits::default() });
    let half = format!("OPTIONS sip:a@b SIP/2.0\r\nX: {}", "x".repeat(4_000));
    let mut devices: Vec<_> = (0..3).map(|_| tcp(daemon.addresses.tcp[0])).collect();

    for device in &mut devices {
        device.write_all(half.as_bytes()).unwrap();
    }

    assert!(matches!(daemon.event(), Event::Closed(..)));
    assert_eq!(daemon.discards.get(Discard::Memory), 1);
    daemon.no_event_for(Duration::from_millis(100));
    let mut other = tcp(daemon.addresses.tcp[0]);
    other.write_all(&message("small")).unwrap();
    expect(&mut other, &message("small"));
}

#[test]
fn a_peer_that_does_not_read_is_closed_and_what_waits_is_reported() {
    let limits = Limits { queue_messages: 20, ..Limits::default() };
    let daemon = echoing(limits);
    let mut device = tcp(daemon.addresses.tcp[0]);
    let body = "x".repeat(30_000);

    let mut undelivered = 0;
    device.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    for _ in 0..2000 {
        if device.write_all(&message(&body)).is_err() {
            break;
        }
    }

    loop {
        match daemon.event() {
            Event::Undelivered(bytes, Destination::Connection(_)) => {
                assert!(bytes == message(&body));
                undelivered += 1;
            }
            Event::Closed(..) => break,
            _ => {}
        }
    }
    assert!(undelivered > 0);
    assert!(daemon.discards.get(Discard::SlowReader) > 0);
    assert!(matches!(daemon.event(), Event::Undelivered(..)), "what waited in the queue");
}

#[test]
fn a_peer_that_reads_is_never_too_slow_however_much_it_sends_at_once() {
    let daemon = echoing(Limits { queue_messages: 40, ..Limits::default() });
    let mut device = tcp(daemon.addresses.tcp[0]);
    let many = message("x").repeat(5_000);

    let mut reading = device.try_clone().unwrap();
    let expected = many.clone();
    let reader = std::thread::spawn(move || expect(&mut reading, &expected));
    device.write_all(&many).unwrap();

    reader.join().unwrap();
    assert_eq!(daemon.discards.get(Discard::SlowReader), 0);
}

#[test]
fn what_the_socket_does_not_take_at_once_follows_in_order() {
    let limits =
        Limits { queue_messages: 1000, queue_bytes: 64 * 1024 * 1024, ..Limits::default() };
    let daemon = echoing(limits);
    let mut device = tcp(daemon.addresses.tcp[0]);
    let padding = "x".repeat(40_000);
    let messages = (0..400).map(|n| message(&format!("{n} {padding}"))).collect::<Vec<_>>();

    for message in &messages {
        device.write_all(message).unwrap();
    }
    while !matches!(daemon.event(), Event::Message { bytes, .. } if bytes == messages[399]) {}

    messages.iter().for_each(|message| expect(&mut device, message));
    assert_eq!(daemon.discards.get(Discard::SlowReader), 0);
}

#[test]
fn any_worker_writes_to_any_connection_through_its_owner() {
    let called = Mutex::new(None);
    let settings = Settings {
        listen_udp: on("127.0.0.1"),
        listen_tcp: on("127.0.0.1"),
        workers: 4,
        ..Settings::default()
    };
    let daemon = Daemon::start(settings, move |bytes, source, out| {
        let mut called = called.lock().unwrap();
        match (source.connection, *called) {
            (Some(connection), _) => *called = Some(connection),
            (None, Some(connection)) => out.push(Destination::Connection(connection), bytes),
            (None, None) => {}
        }
    });
    let mut device = tcp(daemon.addresses.tcp[0]);
    device.write_all(&message("here I am")).unwrap();
    let _ = daemon.event();

    for n in 0..40 {
        let call = message(&format!("call {n}"));
        crate::bench::udp("127.0.0.1").send_to(&call, daemon.addresses.udp[0]).unwrap();
        expect(&mut device, &call);
    }
}

#[test]
fn a_message_for_a_connection_that_is_gone_is_reported() {
    let first = Mutex::new(None);
    let daemon =
        Daemon::start(listening("127.0.0.1", Limits::default()), move |bytes, source, out| {
            let first = *first.lock().unwrap().get_or_insert(source.connection);
            out.push(Destination::Connection(first.unwrap_or(ConnectionId(0))), bytes);
        });
    let mut device = tcp(daemon.addresses.tcp[0]);
    device.write_all(&message("one")).unwrap();
    expect(&mut device, &message("one"));
    let _ = daemon.event();
    drop(device);
    let Event::Closed(closed, _) = daemon.event() else { panic!() };

    tcp(daemon.addresses.tcp[0]).write_all(&message("two")).unwrap();

    let undelivered = Event::Undelivered(message("two"), Destination::Connection(closed));
    let events = [daemon.event(), daemon.event()];
    assert!(events.contains(&undelivered), "{events:?}");
}

#[test]
fn what_was_answered_is_written_before_the_daemon_ends() {
    let daemon = echoing(Limits::default());
    let mut device = tcp(daemon.addresses.tcp[0]);
    device.write_all(&message("bye")).unwrap();
    let _ = daemon.event();

    let start = Instant::now();
    daemon.stop();

    assert!(start.elapsed() < Duration::from_millis(900), "a peer that stays does not hold us up");
    assert_eq!(rest(&mut device), message("bye"));
}

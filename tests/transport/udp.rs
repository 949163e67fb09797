use std::collections::HashSet;
use std::time::Duration;

use admitd::transport::{
    ConnectionId, Destination, Discard, Protocol, Settings, Side, UpstreamTarget, address_facing,
    bind,
};

use crate::bench::{Daemon, Event, address, echo, on, receive, udp, upstream};

#[test]
fn a_datagram_is_answered_over_ipv4_and_ipv6() {
    for ip in ["127.0.0.1", "::1"] {
        let daemon =
            Daemon::start(Settings { listen_udp: on(ip), workers: 2, ..Settings::default() }, echo);
        let device = udp(ip);

        device.send_to(b"hello", daemon.addresses.udp[0]).unwrap();

        assert_eq!(receive(&device), (b"hello".to_vec(), daemon.addresses.udp[0]));
        let Event::Message { source, .. } = daemon.event() else { panic!() };
        assert_eq!(source.remote, device.local_addr().unwrap());
        assert_eq!(source.local, daemon.addresses.udp[0]);
        assert_eq!((source.side, source.protocol), (Side::Device, Protocol::Udp));
        daemon.stop();
    }
}

#[test]
fn a_wildcard_socket_answers_from_the_address_asked() {
    let daemon = Daemon::start(Settings { listen_udp: on("0.0.0.0"), ..Settings::default() }, echo);
    let port = daemon.addresses.udp[0].port();
    let device = udp("127.0.0.1");

    device.send_to(b"hello", address("127.0.0.2", port)).unwrap();

    assert_eq!(receive(&device).1, address("127.0.0.2", port));
    let Event::Message { source, .. } = daemon.event() else { panic!() };
    assert_eq!(source.local, address("127.0.0.2", port));
}

#[test]
fn the_largest_datagram_goes_both_ways() {
    for ip in ["127.0.0.1", "::1"] {
        let daemon = Daemon::start(Settings { listen_udp: on(ip), ..Settings::default() }, echo);
        let device = udp(ip);
        let large = vec![b'x'; 65_507];

        device.send_to(&large, daemon.addresses.udp[0]).unwrap();

        assert!(receive(&device).0 == large);
    }
}

#[test]
fn a_burst_is_handed_over_datagram_by_datagram_in_order() {
    let daemon = Daemon::start(
        Settings { listen_udp: on("127.0.0.1"), ..Settings::default() },
        |_, _, _| {},
    );
    let device = udp("127.0.0.1");

    for n in 0..200 {
        device.send_to(format!("message {n}").as_bytes(), daemon.addresses.udp[0]).unwrap();
    }

    for n in 0..200 {
        let Event::Message { bytes, .. } = daemon.event() else { panic!() };
        assert_eq!(bytes, format!("message {n}").as_bytes());
    }
}

#[test]
fn keep_alives_are_counted_and_not_handed_over() {
    let daemon =
        Daemon::start(Settings { listen_udp: on("127.0.0.1"), ..Settings::default() }, echo);
    let device = udp("127.0.0.1");

    for keep_alive in [&b"\r\n\r\n"[..], b"", b"\0\0\0\0"] {
        device.send_to(keep_alive, daemon.addresses.udp[0]).unwrap();
    }
    device.send_to(b"hello", daemon.addresses.udp[0]).unwrap();

    assert_eq!(receive(&device).0, b"hello");
    assert_eq!(daemon.discards.get(Discard::KeepAlive), 3);
}

#[test]
fn answers_of_the_upstream_come_back_to_the_worker_that_asked() {
    let registrar = udp("127.0.0.1");
    let settings = Settings {
        listen_udp: on("127.0.0.1"),
        workers: 3,
        upstream: upstream(registrar.local_addr().unwrap()),
        ..Settings::default()
    };
    let daemon = Daemon::start(settings, |bytes, source, out| {
        if source.side == Side::Device {
            out.push(Destination::Upstream(UpstreamTarget::Udp), bytes);
        }
    });

    let mut workers = HashSet::new();
    for n in 0..60 {
        let device = udp("127.0.0.1");
        let text = format!("request {n}");
        device.send_to(text.as_bytes(), daemon.addresses.udp[0]).unwrap();
        let (bytes, from) = receive(&registrar);
        registrar.send_to(&bytes, from).unwrap();

        let Event::Message { worker: asked, .. } = daemon.event() else { panic!() };
        let Event::Message { worker: answered, source, bytes } = daemon.event() else { panic!() };
        assert_eq!(asked, answered);
        assert_eq!(from, daemon.addresses.upstream_own[asked]);
        assert_eq!(source.side, Side::Upstream);
        assert_eq!(source.local, from);
        assert_eq!(bytes, text.as_bytes());
        workers.insert(asked);
    }
    assert!(workers.len() > 1, "the kernel spreads 60 devices over more than one worker");
}

#[test]
fn what_is_forwarded_together_arrives_datagram_by_datagram_in_order() {
    for ip in ["127.0.0.1", "::1"] {
        let registrar = udp(ip);
        let settings = Settings {
            listen_udp: on(ip),
            upstream: upstream(registrar.local_addr().unwrap()),
            ..Settings::default()
        };
        let daemon = Daemon::start(settings, |bytes, _, out| {
            if bytes == b"first" {
                // Meanwhile the others come.
                std::thread::sleep(Duration::from_millis(300));
            }
            out.push(Destination::Upstream(UpstreamTarget::Udp), bytes);
        });
        let device = udp(ip);
        let lengths = [900, 900, 900, 700, 900, 901, 901, 2000, 2000, 1300, 1300, 1, 1, 40_000];
        let sent = lengths.iter().zip(b'a'..).map(|(length, byte)| vec![byte; *length]);
        let sent: Vec<Vec<u8>> = std::iter::once(b"first".to_vec()).chain(sent).collect();

        for datagram in &sent {
            device.send_to(datagram, daemon.addresses.udp[0]).unwrap();
        }

        for datagram in &sent {
            assert!(receive(&registrar).0 == *datagram);
        }
    }
}

#[test]
fn requests_of_the_upstream_come_in_at_bind_and_are_answered_from_there() {
    let registrar = udp("127.0.0.1");
    let settings = Settings {
        workers: 2,
        upstream: upstream(registrar.local_addr().unwrap()),
        ..Settings::default()
    };
    let daemon = Daemon::start(settings, echo);
    let bind = daemon.addresses.upstream_bind.unwrap();

    registrar.send_to(b"INVITE", bind).unwrap();

    assert_eq!(receive(&registrar), (b"INVITE".to_vec(), bind));
    let stranger = udp("127.0.0.1");
    stranger.send_to(b"INVITE", bind).unwrap();
    let _ = daemon.event();
    let Event::Message { source, .. } = daemon.event() else { panic!() };
    assert_eq!(source.remote, stranger.local_addr().unwrap(), "the proxy sees who it was");
}

#[test]
fn a_stranger_does_not_reach_a_workers_own_socket() {
    let registrar = udp("127.0.0.1");
    let settings =
        Settings { upstream: upstream(registrar.local_addr().unwrap()), ..Settings::default() };
    let daemon = Daemon::start(settings, echo);

    let _ = udp("127.0.0.1").send_to(b"SIP/2.0 200 OK", daemon.addresses.upstream_own[0]);

    daemon.no_event_for(Duration::from_millis(200));
}

#[test]
fn an_upstream_that_was_down_is_reached_again_with_the_next_message() {
    let registrar = udp("127.0.0.1");
    let at = registrar.local_addr().unwrap();
    drop(registrar);
    let settings =
        Settings { listen_udp: on("127.0.0.1"), upstream: upstream(at), ..Settings::default() };
    let daemon = Daemon::start(settings, |bytes, _, out| {
        out.push(Destination::Upstream(UpstreamTarget::Udp), bytes);
    });
    let device = udp("127.0.0.1");
    for _ in 0..5 {
        device.send_to(b"lost", daemon.addresses.udp[0]).unwrap();
        let _ = daemon.event();
    }

    let registrar = std::net::UdpSocket::bind(at).unwrap();
    registrar.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    device.send_to(b"found", daemon.addresses.udp[0]).unwrap();

    // The last of the lost may have been sent after the registrar came back.
    let found = (0..2).any(|_| receive(&registrar).0 == b"found");
    assert!(found);
}

#[test]
fn what_cannot_be_sent_is_reported_once() {
    let daemon = Daemon::start(
        Settings { listen_udp: on("127.0.0.1"), ..Settings::default() },
        |bytes, source, out| {
            out.push(Destination::Connection(ConnectionId(99)), bytes);
            out.push(Destination::Upstream(UpstreamTarget::Udp), bytes);
            out.push(Destination::Upstream(UpstreamTarget::Tcp), bytes);
            out.push(Destination::Datagram { socket: 7, from: None, to: source.remote }, bytes);
            let family = address("::1", 9);
            out.push(Destination::Datagram { socket: 0, from: None, to: family }, bytes);
        },
    );

    udp("127.0.0.1").send_to(b"hello", daemon.addresses.udp[0]).unwrap();

    let events: Vec<_> = (0..6).map(|_| daemon.event()).collect();
    let undelivered =
        |event: &&Event| matches!(event, Event::Undelivered(bytes, _) if bytes == b"hello");
    assert_eq!(events.iter().filter(undelivered).count(), 5);
    daemon.no_event_for(Duration::from_millis(100));
    assert_eq!(daemon.discards.get(Discard::ConnectionGone), 2, "the retry is counted too");
}

#[test]
fn worker_ports_are_kept_over_a_restart_and_taken_ones_are_passed_over() {
    let registrar = udp("127.0.0.1").local_addr().unwrap();
    let settings = Settings { workers: 2, upstream: upstream(registrar), ..Settings::default() };
    let first = bind(settings.clone()).unwrap().addresses().clone();
    let ports: Vec<u16> = first.upstream_own.iter().map(|own| own.port()).collect();

    let mut again = settings;
    let bind_at = first.upstream_bind.unwrap();
    let taken = std::net::UdpSocket::bind(address("127.0.0.1", ports[1])).unwrap();
    if let Some(upstream) = &mut again.upstream {
        upstream.ports = ports.clone();
        upstream.bind = bind_at;
    }
    let second = bind(again).unwrap().addresses().clone();

    assert_eq!(second.upstream_bind, Some(bind_at));
    assert_eq!(second.upstream_own[0].port(), ports[0]);
    assert!(second.upstream_own[1].port() > bind_at.port());
    drop(taken);
}

#[test]
fn a_second_daemon_does_not_share_the_ports_of_the_first() {
    let settings =
        |udp, tcp| Settings { listen_udp: udp, listen_tcp: tcp, workers: 2, ..Settings::default() };
    let first = bind(settings(on("127.0.0.1"), on("127.0.0.1"))).unwrap();
    let at = first.addresses().clone();

    assert!(bind(settings(at.udp, vec![])).is_err());
    assert!(bind(settings(vec![], at.tcp)).is_err());
}

#[test]
fn ticks_come_fast_on_the_first_worker_and_each_second_on_an_idle_one() {
    let daemon = Daemon::start(
        Settings { listen_udp: on("127.0.0.1"), workers: 2, ..Settings::default() },
        echo,
    );

    std::thread::sleep(Duration::from_millis(1300));

    assert!(daemon.ticks_of(0).len() >= 20);
    assert!((2..=3).contains(&daemon.ticks_of(1).len()));
}

#[test]
fn the_address_that_faces_a_peer_is_never_a_wildcard() {
    assert_eq!(address_facing(address("127.0.0.1", 5060)).unwrap(), address("127.0.0.1", 0).ip());
}

#[test]
fn a_worker_that_panics_ends_all_of_them() {
    let settings = Settings { listen_udp: on("127.0.0.1"), workers: 3, ..Settings::default() };
    let daemon = Daemon::start(settings, |_, _, _| panic!("a fault of the handler"));

    udp("127.0.0.1").send_to(b"hello", daemon.addresses.udp[0]).unwrap();

    assert!(daemon.wait().is_err());
}

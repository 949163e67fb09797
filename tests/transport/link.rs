use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use admitd::transport::{Destination, Discard, Limits, Protocol, Settings, Side, UpstreamTarget};

use crate::bench::{Daemon, Event, PATIENCE, back, expect, message, on, tcp, udp, upstream};

const TO_UPSTREAM: Destination = Destination::Upstream(UpstreamTarget::Tcp);

/// What devices send goes to the upstream by TCP; its own requests come back to it.
fn forwarding(listener: &TcpListener, limits: Limits) -> Daemon {
    let settings = Settings {
        listen_udp: on("127.0.0.1"),
        workers: 1,
        upstream: upstream(listener.local_addr().unwrap()),
        limits,
        ..Settings::default()
    };
    Daemon::start(settings, |bytes, source, out| match source.side {
        Side::Device => out.push(TO_UPSTREAM, bytes),
        Side::Upstream if bytes.starts_with(b"OPTIONS") => out.push(back(source), bytes),
        Side::Upstream => {}
    })
}

fn send(daemon: &Daemon, text: &str) {
    udp("127.0.0.1").send_to(&message(text), daemon.addresses.udp[0]).unwrap();
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn one_connection_is_opened_on_demand_and_kept() {
    let registrar = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = forwarding(&registrar, Limits::default());

    for n in 0..20 {
        send(&daemon, &n.to_string());
        let Event::Message { .. } = daemon.event() else { panic!() };
    }
    let mut connection = accept(&registrar);
    for n in 0..20 {
        expect(&mut connection, &message(&n.to_string()));
    }

    let answer = b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n";
    connection.write_all(answer).unwrap();
    let Event::Message { source, bytes, .. } = daemon.event() else { panic!() };
    assert_eq!((source.side, source.protocol), (Side::Upstream, Protocol::Tcp));
    assert_eq!(source.remote, registrar.local_addr().unwrap());
    assert_eq!(bytes, answer);
    registrar.set_nonblocking(true).unwrap();
    assert!(registrar.accept().is_err(), "no second connection");
}

#[test]
fn a_connection_that_the_upstream_closed_is_opened_again() {
    let registrar = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = forwarding(&registrar, Limits::default());
    send(&daemon, "one");
    expect(&mut accept(&registrar), &message("one"));
    let Event::Message { .. } = daemon.event() else { panic!() };
    assert!(matches!(daemon.event(), Event::Closed(_, Side::Upstream)));

    send(&daemon, "two");

    expect(&mut accept(&registrar), &message("two"));
}

#[test]
fn an_upstream_that_is_down_is_reported_and_tried_again_after_a_pause() {
    let registrar = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = registrar.local_addr().unwrap();
    let back_off = (Duration::from_millis(300), Duration::from_millis(600));
    let daemon = forwarding(&registrar, Limits { back_off, ..Limits::default() });
    drop(registrar);

    for text in ["one", "two"] {
        send(&daemon, text);
        let Event::Message { .. } = daemon.event() else { panic!() };
        assert_eq!(daemon.event(), Event::Undelivered(message(text), TO_UPSTREAM));
    }
    assert!(daemon.discards.get(Discard::UpstreamUnreachable) >= 2);
    let registrar = TcpListener::bind(at).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    send(&daemon, "three");

    expect(&mut accept(&registrar), &message("three"));
}

#[test]
fn what_waits_for_a_connection_that_never_opens_is_reported_in_time() {
    // Its backlog is full, so a further connection gets no answer at all.
    let registrar =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    registrar.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    registrar.listen(0).unwrap();
    let registrar: TcpListener = registrar.into();
    let _fills_it = tcp(registrar.local_addr().unwrap());
    let connect = Duration::from_millis(500);
    let daemon = forwarding(&registrar, Limits { connect, queue_messages: 2, ..Limits::default() });

    for n in 0..3 {
        send(&daemon, &n.to_string());
    }

    let undelivered = (0..6)
        .map(|_| daemon.event())
        .filter(|event| matches!(event, Event::Undelivered(_, TO_UPSTREAM)))
        .count();
    assert_eq!(undelivered, 3, "one above the queue, two with the time-out");
}

#[test]
fn requests_of_the_upstream_come_in_at_bind_by_tcp() {
    let registrar = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = forwarding(&registrar, Limits::default());

    let mut connection = tcp(daemon.addresses.upstream_bind.unwrap());
    connection.write_all(&message("hello")).unwrap();

    expect(&mut connection, &message("hello"));
    let Event::Message { source, .. } = daemon.event() else { panic!() };
    assert_eq!(source.side, Side::Upstream);
    assert_eq!(source.local, daemon.addresses.upstream_bind.unwrap());
}

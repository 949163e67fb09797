use std::borrow::Cow;

use super::*;
use crate::clock::Now;
use crate::registrar::{Bound, CallId, Registrar, Saved, Which};
use crate::sip::{self, Index};

const AOR: &str = "sip:101@example.com";

fn at(secs: u64) -> Now {
    let ms = secs * 1000;
    Now { wall_ms: 1_700_000_000_000 + i64::try_from(ms).unwrap(), mono_ms: 10_000 + ms }
}

fn asked(contact: &str) -> Asked<'_> {
    Asked { contact, expires_secs: None, instance: None, reg_id: None, q: 1000 }
}

fn device<'a>(contact: &'a str, instance: &'a str, reg_id: Option<u32>) -> Asked<'a> {
    Asked { instance: Some(Cow::Borrowed(instance)), reg_id, ..asked(contact) }
}

fn request<'a>(contacts: &'a [Asked<'a>], cseq: u32, now: Now) -> Registering<'a> {
    Registering {
        aor: AOR,
        contacts,
        star: false,
        call_id: CallId::of(b"call"),
        cseq,
        path: None,
        expires_secs: Some(600),
        now,
    }
}

fn star(cseq: u32, now: Now) -> Registering<'static> {
    Registering { star: true, expires_secs: Some(0), ..request(&[], cseq, now) }
}

fn registrar() -> Registrar {
    Registrar::new(Limits::default())
}

fn uris(bound: &[Bound]) -> Vec<&str> {
    bound.iter().map(|one| one.contact.as_str()).collect()
}

#[test]
fn a_contact_is_bound_renewed_and_removed() {
    let registrar = registrar();
    let a = [asked("sip:a@192.0.2.1")];

    let first = registrar.register(&request(&a, 1, at(0))).unwrap();
    assert_eq!((uris(&first), first[0].expires_secs), (vec!["sip:a@192.0.2.1"], 600));
    assert_eq!(registrar.register(&request(&[], 2, at(100))).unwrap()[0].expires_secs, 500);
    assert_eq!(registrar.register(&request(&a, 3, at(300))).unwrap()[0].expires_secs, 600);
    let gone = Registering { expires_secs: Some(0), ..request(&a, 4, at(301)) };

    assert_eq!(registrar.register(&gone), Ok(vec![]));
    assert!(registrar.targets(AOR, at(301)).is_empty());
}

#[test]
fn a_binding_ends_to_the_second() {
    let registrar = registrar();
    registrar.register(&request(&[asked("sip:a@b")], 1, at(0))).unwrap();

    assert_eq!(registrar.bindings(AOR, at(599))[0].expires_secs, 1);
    assert!(registrar.bindings(AOR, at(600)).is_empty());
    assert!(registrar.targets(AOR, at(600)).is_empty());
    assert_eq!(registrar.expire(at(600)), [AOR]);
    assert_eq!(registrar.numbers(), 0);
}

#[test]
fn equal_uris_are_one_binding() {
    let registrar = registrar();
    registrar.register(&request(&[asked("sip:%61@EXAMPLE.com;x=1")], 1, at(0))).unwrap();

    let bound = registrar.register(&request(&[asked("sip:a@example.com")], 2, at(1))).unwrap();

    assert_eq!(uris(&bound), ["sip:a@example.com"]);
}

#[test]
fn several_contacts_come_and_go_in_one_request() {
    let registrar = registrar();
    registrar.register(&request(&[asked("sip:a@b"), asked("sip:c@d")], 1, at(0))).unwrap();

    let leaves = Asked { expires_secs: Some(0), ..asked("sip:a@b") };
    let stays = Asked { expires_secs: Some(60), ..asked("sip:c@d") };
    let bound = registrar.register(&request(&[leaves, stays, asked("sip:e@f")], 2, at(1))).unwrap();

    let expiries: Vec<_> =
        bound.iter().map(|one| (one.contact.as_str(), one.expires_secs)).collect();
    assert_eq!(expiries, [("sip:c@d", 60), ("sip:e@f", 600)]);
}

#[test]
fn a_request_that_fails_changes_nothing() {
    let limits = Limits { min_expires_secs: 60, ..Limits::default() };
    let registrar = Registrar::new(limits);
    registrar.register(&request(&[asked("sip:a@b")], 1, at(0))).unwrap();

    let leaves = Asked { expires_secs: Some(0), ..asked("sip:a@b") };
    let brief = Asked { expires_secs: Some(59), ..asked("sip:c@d") };
    let failure = registrar.register(&request(&[leaves, brief], 2, at(1))).unwrap_err();

    assert_eq!((failure.status, failure.header), (423, Some(("Min-Expires", "60".to_owned()))));
    assert_eq!(uris(&registrar.bindings(AOR, at(1))), ["sip:a@b"]);
}

#[test]
fn times_are_the_contacts_own_else_the_headers_else_the_default_and_at_most_the_longest() {
    let registrar = registrar();
    let own = Asked { expires_secs: Some(u32::MAX), ..asked("sip:a@b") };

    let bound = registrar.register(&request(&[own, asked("sip:c@d")], 1, at(0))).unwrap();
    assert_eq!((bound[0].expires_secs, bound[1].expires_secs), (7200, 600));
    let silent = [asked("sip:c@d")];
    let silent = Registering { expires_secs: None, ..request(&silent, 2, at(0)) };

    assert_eq!(registrar.register(&silent).unwrap()[1].expires_secs, 3600);
}

#[test]
fn a_star_removes_all_but_only_alone_and_with_expires_0() {
    let registrar = registrar();
    let both = [asked("sip:a@b"), asked("sip:c@d")];
    registrar.register(&request(&both, 1, at(0))).unwrap();

    for wrong in [
        Registering { expires_secs: Some(60), ..star(2, at(1)) },
        Registering { expires_secs: None, ..star(2, at(1)) },
        Registering { contacts: &both, ..star(2, at(1)) },
    ] {
        assert_eq!(registrar.register(&wrong).unwrap_err().status, 400);
    }

    assert_eq!(registrar.bindings(AOR, at(1)).len(), 2);
    assert_eq!(registrar.register(&star(2, at(1))), Ok(vec![]));
}

#[test]
fn an_older_request_of_the_same_call_id_fails_and_a_copy_changes_nothing() {
    let registrar = registrar();
    let a = [asked("sip:a@b")];
    registrar.register(&request(&a, 5, at(0))).unwrap();

    assert_eq!(registrar.register(&request(&a, 4, at(10))).unwrap_err().status, 500);
    assert_eq!(registrar.register(&star(4, at(10))).unwrap_err().status, 500);
    assert_eq!(registrar.register(&request(&a, 5, at(10))).unwrap()[0].expires_secs, 590);
    let other_call = Registering { call_id: CallId::of(b"other"), ..request(&a, 1, at(10)) };
    assert_eq!(registrar.register(&other_call).unwrap()[0].expires_secs, 600);
}

#[test]
fn a_device_that_restarted_may_count_from_one() {
    let registrar = registrar();
    let a = [asked("sip:a@b")];
    registrar.register(&request(&a, 500, at(0))).unwrap();

    assert!(registrar.register(&request(&a, 1, at(31))).is_err());
    assert!(registrar.register(&request(&a, 1, at(32))).is_ok());
}

#[test]
fn a_late_copy_does_not_bring_back_what_was_removed() {
    let registrar = registrar();
    let a = [asked("sip:a@b")];
    registrar.register(&request(&a, 1, at(0))).unwrap();
    registrar.register(&star(2, at(5))).unwrap();

    assert_eq!(registrar.register(&star(2, at(6))), Ok(vec![]), "a copy of the removal");
    assert_eq!(registrar.register(&request(&a, 1, at(7))).unwrap_err().status, 500);
    assert!(registrar.register(&request(&a, 3, at(8))).is_ok());
}

#[test]
fn instance_and_reg_id_name_a_flow_whatever_the_uri() {
    let registrar = registrar();
    let flows = [device("sip:a@b", "<urn:x>", Some(1)), device("sip:a@b", "<urn:x>", Some(2))];
    assert_eq!(registrar.register(&request(&flows, 1, at(0))).unwrap().len(), 2);

    let moved = [device("sip:a@new", "<urn:x>", Some(2))];
    let bound = registrar.register(&request(&moved, 2, at(1))).unwrap();

    assert_eq!(uris(&bound), ["sip:a@b", "sip:a@new"]);
    assert_eq!(bound[1].reg_id, Some(2));
}

#[test]
fn a_device_that_moved_has_one_binding_and_two_devices_with_one_address_have_two() {
    let registrar = registrar();
    let home = [device("sip:101@192.168.0.5", "<urn:x>", None)];
    let twin = [device("sip:101@192.168.0.5", "<urn:y>", None)];
    registrar.register(&request(&home, 1, at(0))).unwrap();
    let other = Registering { call_id: CallId::of(b"twin"), ..request(&twin, 1, at(1)) };
    assert_eq!(registrar.register(&other).unwrap().len(), 2);

    let away = [device("sip:101@10.0.0.9", "<urn:x>", None)];
    let bound = Registering { call_id: CallId::of(b"later"), ..request(&away, 1, at(2)) };
    let bound = registrar.register(&bound).unwrap();

    assert_eq!(uris(&bound), ["sip:101@10.0.0.9", "sip:101@192.168.0.5"]);
}

#[test]
fn bindings_of_one_number_are_bounded() {
    let limits = Limits { bindings_per_number: 3, ..Limits::default() };
    let registrar = Registrar::new(limits);
    let uris: Vec<String> = (0..100).map(|n| format!("sip:a@host{n}")).collect();
    let three: Vec<_> = uris[..3].iter().map(|uri| asked(uri)).collect();
    registrar.register(&request(&three, 1, at(0))).unwrap();

    let failure = registrar.register(&request(&[asked(&uris[3])], 2, at(1))).unwrap_err();
    assert_eq!(failure.status, 403);
    for (n, pair) in (2..).zip(uris[2..].windows(2)) {
        let leaves = Asked { expires_secs: Some(0), ..asked(&pair[0]) };
        assert!(registrar.register(&request(&[leaves, asked(&pair[1])], n, at(1))).is_ok());
    }

    assert!(registrar.numbers.get(AOR).unwrap().len() <= 6, "removed ones are bounded too");
}

#[test]
fn targets_come_by_q_and_then_the_newest_first() {
    let registrar = registrar();
    for (n, (contact, q)) in
        (1u32..).zip([("sip:low@b", 100), ("sip:old@b", 1000), ("sip:new@b", 1000)])
    {
        let contact = [Asked { q, ..asked(contact) }];
        let path =
            Registering { path: Some("<sip:edge;lr>"), ..request(&contact, n, at(n.into())) };
        registrar.register(&path).unwrap();
    }

    let targets = registrar.targets(AOR, at(5));

    let order: Vec<_> = targets.iter().map(|target| target.contact.as_str()).collect();
    assert_eq!(order, ["sip:new@b", "sip:old@b", "sip:low@b"]);
    assert_eq!(targets[0].path.as_deref(), Some("<sip:edge;lr>"));
}

#[test]
fn a_device_is_removed_by_contact_or_instance() {
    let registrar = registrar();
    let three = [asked("sip:a@b"), device("sip:c@d", "<urn:x>", None), asked("sip:e@f")];
    registrar.register(&request(&three, 1, at(0))).unwrap();

    assert!(registrar.remove(AOR, &Which::Contact("sip:%61@B")));
    assert!(registrar.remove(AOR, &Which::Instance("<urn:x>")));
    assert!(!registrar.remove(AOR, &Which::Instance("<urn:none>")));
    assert_eq!(uris(&registrar.bindings(AOR, at(0))), ["sip:e@f"]);
    assert!(registrar.drop_all(AOR));

    assert!(registrar.bindings(AOR, at(0)).is_empty());
}

fn drained(registrar: &Registrar, now: Now) -> Vec<Saved> {
    let mut drained = registrar.drain(10, now);
    assert!(drained.len() <= 1);
    drained.pop().map_or_else(Vec::new, |(_, saved)| saved)
}

#[test]
fn what_an_earlier_build_saved_is_read_back() {
    let details = r#"{"contact":"sip:a@192.0.2.1","path":"<sip:token@192.0.2.2;lr>","q":1000,
        "call_id":"call","cseq":7,"granted_secs":600}"#;
    let until_ms = at(600).wall_ms;
    let saved = Saved { key: "sip:a@192.0.2.1".into(), until_ms, details: details.into() };
    let registrar = registrar();

    assert_eq!(registrar.restore(AOR, &[saved], at(0)), 1);
    assert_eq!(uris(&registrar.bindings(AOR, at(1))), ["sip:a@192.0.2.1"]);
}

#[test]
fn bindings_outlive_a_restart() {
    let registrar = registrar();
    let flow = [device("sip:a@b", "<urn:x>", Some(1))];
    let with_path = Registering { path: Some("<sip:edge;lr>"), ..request(&flow, 7, at(0)) };
    let before = registrar.register(&with_path).unwrap();
    let targets = registrar.targets(AOR, at(0));
    let saved = drained(&registrar, at(1));

    let restarted = self::registrar();
    assert_eq!(restarted.restore(AOR, &saved, at(10)), 1);

    let after = restarted.bindings(AOR, at(10));
    assert_eq!(after[0].expires_secs, before[0].expires_secs - 10 + 60, "a tenth longer");
    assert_eq!(restarted.targets(AOR, at(10)), targets);
    assert_eq!(restarted.restore(AOR, &saved, at(700)), 0, "ended meanwhile");
}

#[test]
fn only_what_changed_is_saved_and_a_renewal_only_when_it_is_worth_it() {
    let registrar = registrar();
    let a = [asked("sip:a@b")];
    registrar.register(&request(&a, 1, at(0))).unwrap();
    assert_eq!(drained(&registrar, at(0)).len(), 1);
    assert!(registrar.drain(10, at(0)).is_empty());

    registrar.register(&request(&a, 2, at(60))).unwrap();
    assert!(registrar.drain(10, at(60)).is_empty(), "a tenth of 600 s is 60 s");
    registrar.register(&request(&a, 3, at(61))).unwrap();
    assert_eq!(drained(&registrar, at(61)).len(), 1);
    let moved = [asked("sip:a@b;x=new")];
    registrar.register(&request(&moved, 4, at(62))).unwrap();
    assert_eq!(drained(&registrar, at(62)).len(), 1);
    registrar.register(&star(5, at(63))).unwrap();

    assert_eq!(registrar.drain(10, at(63)), [(AOR.to_owned(), vec![])]);
    registrar.mark_dirty(AOR);
    assert_eq!(registrar.drain(10, at(63)).len(), 1, "a batch that failed comes again");
}

#[test]
fn two_flows_with_one_uri_are_saved_under_two_keys() {
    let registrar = registrar();
    let flows = [device("sip:a@b", "<urn:x>", Some(1)), device("sip:a@b", "<urn:x>", Some(2))];
    registrar.register(&request(&flows, 1, at(0))).unwrap();

    let saved = drained(&registrar, at(0));

    assert_ne!(saved[0].key, saved[1].key);
}

#[test]
fn contacts_are_read_from_a_message() {
    let bytes = b"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:101@example.com>;tag=1\r\nTo: <sip:101@example.com>\r\nCall-ID: 1\r\n\
        CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
        Contact: \"A\" <sip:a@b;ob>;q=0.5;expires=60;reg-id=1;+sip.instance=\"<urn:x>\", *\r\n\
        Content-Length: 0\r\n\r\n";
    let index = Index::parse(bytes, &sip::Limits::default()).unwrap();

    let contacts: Vec<_> = index.message().contacts().map(Asked::read).collect();

    let read = Asked { expires_secs: Some(60), q: 500, ..device("sip:a@b;ob", "<urn:x>", Some(1)) };
    assert_eq!(contacts, [Some(read), None]);
}

#[test]
fn who_lost_all_bindings_waits_in_a_queue_of_its_own() {
    let registrar = registrar();
    let a = [asked("sip:a@b")];
    registrar.register(&request(&a, 1, at(0))).unwrap();
    assert_eq!(drained(&registrar, at(0)).len(), 1);

    assert!(registrar.drop_all(AOR));
    assert!(registrar.drain(10, at(1)).is_empty());
    assert_eq!(registrar.drain_gone(10, at(1)), [(AOR.to_owned(), vec![])]);

    registrar.register(&request(&a, 2, at(2))).unwrap();
    assert!(registrar.remove(AOR, &Which::Contact("sip:a@b")));
    registrar.register(&request(&a, 3, at(3))).unwrap();
    assert!(registrar.drain_gone(10, at(3)).is_empty(), "it came back");
    assert_eq!(drained(&registrar, at(3)).len(), 1);
}

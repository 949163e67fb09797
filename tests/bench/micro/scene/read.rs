//! What is done with the bytes of one message: index, values, patches, a keyed hash.

use std::hint::black_box;

use admitd::admission::{Registration, Settings, address_of};
use admitd::proxy::{Mark, Marks};
use admitd::sip::{Index, Limits, Patch};

use super::Operation;
use super::message::{self, Letter};
use super::site::{from_device, keys};

const AOR: &str = "sip:20000000@example.com";
/// As long as a Via of ours.
const VIA: &[u8] = b"SIP/2.0/UDP 192.0.2.1:5063;branch=z9hG4bKq7w3e9r5t1y6u2i8o4p0a7s3d9f;rport;\
    adm=Aaz3cGc5hK2Y0mUo7wS5dQxJ4lVtB8iRfEuN1pMzZyXjTqLhOkDwCvGrPbHsWa";
/// As long as a Path of ours.
const PATH: &[u8] =
    b"<sip:AAAKAAABE8bAAAIBE8QAAAAAAABvq3vTc2lwOjIwMDAwMDAwQGV4YW1wbGUuY29tQ7yDp1vWx3o\
    @192.0.2.1:5060;lr>";

/// Finds start line, headers and body.
pub fn index(letter: Letter) -> Operation {
    let limits = Limits::default();
    Operation::new(move || {
        let index = Index::parse(black_box(&letter.bytes), &limits).expect("a message");
        black_box(&index);
    })
}

/// Whose REGISTER it is, and what each Contact shows.
pub fn who() -> Operation {
    let bytes: &'static [u8] = message::register().bytes.leak();
    assert_eq!(bytes.len(), 1_044, "the REGISTER that figures are compared with");
    let index = Index::parse(bytes, &Limits::default()).expect("a message");
    let domain = "example.com".to_owned();
    let settings = Settings {
        domains: [(domain.clone(), domain)].into_iter().collect(),
        ..Settings::default()
    };
    let source = from_device(AOR).remote;
    Operation::new(move || {
        let message = black_box(&index).message();
        let to = message.to().expect("a To");
        black_box(address_of(&to.uri, &settings).expect("an address"));
        black_box(Registration::read(&message, source));
    })
}

/// The changes that a REGISTER leaves with.
pub fn patch() -> Operation {
    let bytes: &'static [u8] = message::register().bytes.leak();
    let index = Index::parse(bytes, &Limits::default()).expect("a message");
    let source = from_device(AOR).remote;
    let (mut patch, mut out) = (Patch::new(), Vec::new());
    Operation::new(move || {
        patch.clear();
        out.clear();
        let message = black_box(&index).message();
        patch.push_path(&message, black_box(PATH));
        patch.stamp_top_via(&message, source);
        let _ = patch.step_max_forwards(&message);
        patch.push_via(&message, black_box(VIA));
        patch.apply(&message, &mut out);
        black_box(&out);
    })
}

/// Our Via is taken off an answer.
pub fn pop_via() -> Operation {
    let bytes: &'static [u8] = message::ok().bytes.leak();
    let index = Index::parse(bytes, &Limits::default()).expect("a message");
    let (mut patch, mut out) = (Patch::new(), Vec::new());
    Operation::new(move || {
        patch.clear();
        out.clear();
        let message = black_box(&index).message();
        patch.pop_top_via(&message);
        patch.apply(&message, &mut out);
        black_box(&out);
    })
}

/// The keyed hash that makes a branch.
pub fn mac() -> Operation {
    let bytes: &'static [u8] = message::register().bytes.leak();
    let index = Index::parse(bytes, &Limits::default()).expect("a message");
    let marks = Marks::new(&keys());
    Operation::new(move || {
        let message = black_box(&index).message();
        let parts = [VIA, message.call_id(), b"4711c0ffee20000000", &[0, 152, 150, 128]];
        black_box(marks.hash(Mark::Branch, &parts));
    })
}

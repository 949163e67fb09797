//! A number's seats as a row: monotonic times become wall time, bytes become text. What cannot be
//! read back is left out, one device at a time.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::clock::Now;
use crate::license::{Feature, FeatureSet};
use crate::quota::{Binding, Bound, Call, Device, Ids, Known, Millis, Reach, Record, Spans};
use crate::store::SeatRow;

/// Marks text that stands for bytes that are no text.
const BASE64: &str = "base64:";

#[derive(Serialize, Deserialize)]
struct Details {
    #[serde(default)]
    unchallenged: bool,
    #[serde(default)]
    devices: Vec<DeviceText>,
    #[serde(default)]
    calls: Vec<CallText>,
}

#[derive(Serialize, Deserialize)]
struct DeviceText {
    no: u32,
    instances: Vec<String>,
    pushes: Vec<String>,
    contacts: Vec<String>,
    user_agent: String,
    source: Option<SocketAddr>,
    app: bool,
    push: bool,
    needs: Vec<String>,
    bindings: Vec<BindingText>,
    since_ms: i64,
    heard_ms: i64,
    dormant: bool,
    over: bool,
}

#[derive(Serialize, Deserialize)]
struct BindingText {
    reg_id: Option<u32>,
    contact: String,
    transport: u8,
    remote: SocketAddr,
    local: SocketAddr,
    socket: u32,
    connection: u64,
    until_ms: i64,
    upstream_until_ms: i64,
    granted_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct CallText {
    call_id: String,
    since_ms: i64,
    until_ms: i64,
}

/// The row of a record.
pub(super) fn row(record: &Record, version: i64, now: Now) -> SeatRow {
    let ends = record.devices.iter().map(Device::until_mono_ms);
    let until_mono_ms = ends.chain(record.calls.iter().map(|call| call.until_mono_ms)).max();
    let details = Details {
        unchallenged: record.unchallenged,
        devices: record.devices.iter().map(|device| device_text(device, now)).collect(),
        calls: record.calls.iter().map(|call| call_text(call, now)).collect(),
    };
    SeatRow {
        number: record.aor.to_string(),
        since_ms: record.since_ms,
        until_ms: now.wall_at(until_mono_ms.unwrap_or(now.mono_ms)),
        node: 0,
        version,
        // Plain data with text keys always has a JSON form.
        details: serde_json::to_string(&details).unwrap_or_else(|_| "{}".into()),
    }
}

/// The record of a row; `None` where the row was edited beyond recognition.
pub fn record(row: &SeatRow, now: Now) -> Option<Record> {
    let details: Details = serde_json::from_str(&row.details).ok()?;
    Some(Record {
        aor: row.number.as_str().into(),
        since_ms: row.since_ms,
        unchallenged: details.unchallenged,
        devices: details.devices.into_iter().map(|text| device(text, now)).collect(),
        calls: details.calls.into_iter().map(|text| call(text, now)).collect(),
    })
}

fn device_text(device: &Device, now: Now) -> DeviceText {
    let texts = |values: &[Box<[u8]>]| values.iter().map(|value| text(value)).collect();
    let ids = device.ids.ids();
    DeviceText {
        no: device.no,
        instances: texts(&ids.instances),
        pushes: texts(&ids.pushes),
        contacts: texts(&ids.contacts),
        user_agent: text(&ids.user_agent),
        source: ids.source,
        app: device.app,
        push: device.push,
        needs: device.needs.iter().map(|feature| feature.name().to_owned()).collect(),
        bindings: device.bindings().map(|binding| binding_text(&binding, now)).collect(),
        since_ms: device.since_ms.into(),
        heard_ms: now.wall_at(device.heard_mono_ms.get()),
        dormant: device.dormant,
        over: device.over,
    }
}

fn device(text: DeviceText, now: Now) -> Device {
    let all = |values: Vec<String>| values.iter().map(|value| bytes(value)).collect();
    let needs = text.needs.iter().filter_map(|name| name.parse::<Feature>().ok());
    let ids = Ids {
        instances: all(text.instances),
        pushes: all(text.pushes),
        contacts: all(text.contacts),
        user_agent: bytes(&text.user_agent),
        source: text.source,
    };
    let bindings: Vec<_> = text.bindings.into_iter().map(|text| binding(text, now)).collect();
    let device = Device {
        no: text.no,
        ids: Known::default(),
        app: text.app,
        push: text.push,
        needs: needs.collect::<FeatureSet>(),
        spans: Spans::default(),
        since_ms: text.since_ms.into(),
        heard_mono_ms: now.mono_at(text.heard_ms).into(),
        order: Millis::default(),
        dormant: text.dormant,
        over: text.over,
        stored_until_secs: 0,
    };
    device.with(&ids, &bindings)
}

fn binding_text(binding: &Bound<'_>, now: Now) -> BindingText {
    BindingText {
        reg_id: binding.reg_id,
        contact: text(&binding.contact.text()),
        transport: binding.reach.transport,
        remote: binding.reach.remote,
        local: binding.reach.local,
        socket: binding.reach.socket,
        connection: binding.reach.connection,
        until_ms: now.wall_at(binding.until_mono_ms),
        upstream_until_ms: now.wall_at(binding.upstream_until_mono_ms),
        granted_ms: binding.granted_ms,
    }
}

fn binding(text: BindingText, now: Now) -> Binding {
    Binding {
        reg_id: text.reg_id,
        contact: bytes(&text.contact),
        reach: Reach {
            transport: text.transport,
            remote: text.remote,
            local: text.local,
            socket: text.socket,
            connection: text.connection,
        },
        until_mono_ms: now.mono_at(text.until_ms),
        upstream_until_mono_ms: now.mono_at(text.upstream_until_ms),
        granted_ms: text.granted_ms,
    }
}

fn call_text(call: &Call, now: Now) -> CallText {
    CallText {
        call_id: text(&call.call_id),
        since_ms: call.since_ms,
        until_ms: now.wall_at(call.until_mono_ms),
    }
}

fn call(text: CallText, now: Now) -> Call {
    Call {
        call_id: bytes(&text.call_id),
        since_ms: text.since_ms,
        until_mono_ms: now.mono_at(text.until_ms),
        legs: Vec::new(),
    }
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with(BASE64) => text.to_owned(),
        _ => format!("{BASE64}{}", BASE64_STANDARD.encode(bytes)),
    }
}

fn bytes(text: &str) -> Box<[u8]> {
    let coded = text.strip_prefix(BASE64).and_then(|coded| BASE64_STANDARD.decode(coded).ok());
    coded.unwrap_or_else(|| text.as_bytes().to_vec()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_by_another_clock() {
        let before = Now { wall_ms: 1_000_000, mono_ms: 500_000 };
        let after = Now { wall_ms: 1_010_000, mono_ms: 1_000 };
        let address = "[2001:db8::1]:5060".parse().unwrap();
        let ids = Ids {
            instances: vec![b"<urn:uuid:1>".to_vec().into()],
            pushes: vec![vec![0xff, 0, 1].into()],
            contacts: vec![b"base64:x".to_vec().into()],
            user_agent: b"Phone \"1\"\x1f".to_vec().into(),
            source: Some(address),
        };
        let reach = Reach {
            transport: 1,
            remote: address,
            local: address,
            socket: 2,
            connection: u64::MAX,
        };
        let binding = Binding {
            reg_id: Some(1),
            contact: b"<sip:1@192.0.2.1;ob>".to_vec().into(),
            reach,
            until_mono_ms: 560_000,
            upstream_until_mono_ms: 600_000,
            granted_ms: 60_000,
        };
        let device = Device {
            no: 3,
            ids: Known::default(),
            app: true,
            push: true,
            needs: [Feature::Ukey2].into_iter().collect(),
            spans: Spans::default(),
            since_ms: 900_000i64.into(),
            heard_mono_ms: 500_000u64.into(),
            order: Millis::default(),
            dormant: false,
            over: true,
            stored_until_secs: 0,
        };
        let device = device.with(&ids, std::slice::from_ref(&binding));
        let call = Call {
            call_id: b"a@b".to_vec().into(),
            since_ms: 1,
            until_mono_ms: 510_000,
            legs: Vec::new(),
        };
        let written = Record {
            aor: "sip:1@e.com".into(),
            since_ms: 900_000,
            unchallenged: true,
            devices: vec![device.clone()],
            calls: vec![call],
        };

        let row = row(&written, 7, before);
        let read = record(&row, after).unwrap();

        assert_eq!((row.until_ms, row.version), (1_060_000, 7));
        assert!(!row.details.contains('\u{1f}'));
        assert_eq!((&*read.aor, read.since_ms, read.unchallenged), ("sip:1@e.com", 900_000, true));
        // 50 s are left of 60: ten passed by the wall clock.
        let binding = Binding { until_mono_ms: 51_000, upstream_until_mono_ms: 91_000, ..binding };
        let expected = Device { heard_mono_ms: Millis::default(), ..device }.with(&ids, &[binding]);
        assert_eq!(read.devices, [expected]);
        assert_eq!(read.calls[0].until_mono_ms, 1_000);
    }

    #[test]
    fn a_row_beyond_recognition_is_no_record() {
        let row = SeatRow {
            number: "sip:1@e.com".into(),
            since_ms: 0,
            until_ms: 0,
            node: 0,
            version: 0,
            details: "7".into(),
        };

        assert!(record(&row, Now { wall_ms: 0, mono_ms: 0 }).is_none());
    }
}

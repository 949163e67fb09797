//! What follows when a seat is gone: the registrar's binding goes too, here or upstream, and the
//! flow leads to nobody.

use super::Proxy;
use super::codec::{WORD, Word};
use super::dialog::flow_of;
use super::marks::Mark;
use super::names::{OwnAddress, via_transport};
use super::parts::{Registry, Upstream};
use super::settle::Listed;
use super::token::{Errand, Flow, Receiver, RouteToken, SeatName, ViaToken};
use crate::admission::{device_name, key_of};
use crate::clock::Now;
use crate::quota::{Changes, Device, Revoked};
use crate::registrar::Which;
use crate::sip::compose;
use crate::transport::{Destination, Protocol, Side, UpstreamTarget};

impl Proxy {
    /// Seats went, or ended: what hangs on them goes too.
    pub fn changed(&self, changes: &Changes, now: Now) {
        for revoked in &changes.revoked {
            self.revoked(revoked, now);
        }
    }

    /// The seats of one number went.
    pub fn revoked(&self, revoked: &Revoked, now: Now) {
        for device in &revoked.devices {
            for binding in device.bindings() {
                self.admission.flows().forget(key_of(&binding.reach), &revoked.aor);
            }
            // What sleeps keeps its binding: nobody re-registers for it after a renewal.
            if !device.dormant {
                self.unbind(&revoked.aor, device, now);
            }
        }
    }

    /// An administrator ended seats: bindings go whatever sleeps.
    pub fn freed(&self, freed: &Revoked, now: Now) {
        self.revoked(freed, now);
        for device in freed.devices.iter().filter(|device| device.dormant) {
            self.unbind(&freed.aor, device, now);
        }
    }

    fn unbind(&self, aor: &str, device: &Device, now: Now) {
        match &self.registry {
            Registry::BuiltIn(built_in) => {
                for binding in device.bindings() {
                    let contact = binding.contact.text();
                    let contact = String::from_utf8_lossy(&contact);
                    built_in.registrar.remove(aor, &Which::Contact(&contact));
                }
            }
            Registry::Upstream(upstream) if upstream.trusts_us => {
                for binding in device.bindings() {
                    let flow = flow_of(&binding.reach);
                    self.deregister(
                        upstream,
                        aor,
                        device_name(&device.ids),
                        &flow,
                        &binding.contact.text(),
                        now,
                    );
                }
            }
            Registry::Upstream(_) => {}
        }
    }

    /// The registrar granted what we had no room for.
    pub(super) fn deregister_refused(
        &self,
        upstream: &Upstream,
        aor: &str,
        token: &ViaToken,
        listed: &[Listed],
        now: Now,
    ) {
        if !upstream.trusts_us {
            return;
        }
        let own = |one: &&Listed| {
            one.named == Some(token.device)
                || one
                    .ids
                    .contacts
                    .iter()
                    .any(|uri| crate::admission::contact_name(uri) == token.contact)
        };
        for one in listed.iter().filter(own) {
            self.deregister(upstream, aor, token.device, &token.flow, &one.contact, now);
        }
    }

    /// A REGISTER of our own with Expires 0 for exactly this Contact, with the Path that it had.
    fn deregister(
        &self,
        upstream: &Upstream,
        aor: &str,
        device: u32,
        flow: &Flow,
        contact: &[u8],
        now: Now,
    ) {
        let Some(bind) = self.names.bind.as_ref().map(OwnAddress::address) else { return };
        let Some((_, domain)) = aor.rsplit_once('@') else { return };
        let serial = now.wall_ms.to_be_bytes();
        let parts: [&[u8]; 3] = [aor.as_bytes(), contact, &serial];
        let word = Word::<WORD>::of(self.marks.hash(Mark::Own, &parts));
        let branch = super::forward::branch_text(self.marks.hash(Mark::Branch, &parts), None);
        let token = ViaToken {
            flow: *flow,
            answer_port: 0,
            errand: Errand::Other,
            receiver: Receiver::Upstream,
            order: u64::try_from(now.wall_ms).unwrap_or(0),
            device,
            contact: 0,
            clamped: false,
            bare: true,
            own: true,
        };
        let sealed = self.keys.seal_via(&token, &branch);
        let transport = via_transport(upstream.protocol);
        let via = format!("SIP/2.0/{transport} {bind};branch={branch};rport;adm={sealed}");
        let seat = SeatName { aor: aor.to_owned(), device };
        let route = self.keys.seal_flow(&RouteToken::Device { flow: *flow, seat });
        let path = self.names.route(&route, Side::Upstream, bind, upstream.protocol);
        let address = format!("<{aor}>");
        let from = format!("<{aor}>;tag={}", word.first(10));
        let contact = [b"<".as_slice(), contact, b">"].concat();
        let uri = format!("sip:{domain}");
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("Via", via.as_bytes()),
            ("Max-Forwards", b"70"),
            ("From", from.as_bytes()),
            ("To", address.as_bytes()),
            ("Call-ID", word.as_str().as_bytes()),
            ("CSeq", b"1 REGISTER"),
            ("Contact", &contact),
            ("Expires", b"0"),
        ];
        if !upstream.rewrites_contact {
            headers.push(("Path", path.as_bytes()));
            headers.push(("Supported", b"path"));
        }
        let outgoing = compose::Outgoing {
            method: "REGISTER",
            uri: uri.as_bytes(),
            headers: &headers,
            body: None,
        };
        let mut bytes = Vec::with_capacity(768);
        compose::request(&outgoing, &mut bytes);
        let target = match upstream.protocol {
            Protocol::Tcp => UpstreamTarget::Tcp,
            Protocol::Udp => UpstreamTarget::Udp,
        };
        self.post((Destination::Upstream(target), bytes));
    }
}

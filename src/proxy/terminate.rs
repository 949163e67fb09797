//! Requests from an upstream to a device: only the callee is looked at, found by the flow token,
//! never by the Request-URI; no seat is taken.

use super::Proxy;
use super::arrival::Arrival;
use super::forward::{Hop, Onward};
use super::invite::errand_of;
use super::routes::Routed;
use super::token::{Errand, Flow, RouteToken, SeatName};
use crate::admission::is_named;
use crate::clock::Now;
use crate::license::FeatureSet;
use crate::quota::{Device, Names, State};
use crate::sip::Patch;
use crate::transport::Outbox;

impl Proxy {
    /// An out-of-dialog request from an upstream.
    pub(super) fn terminate(&self, arrival: &Arrival<'_>, routed: &Routed, out: &mut Outbox) {
        let Some(RouteToken::Device { flow, seat }) = &routed.flow else {
            return self.reply(arrival, 404, "Not Found", &[], out);
        };
        if !self.has_live_seat(seat, arrival.now) {
            return self.gone(arrival, out);
        }
        let Some(flow) = self.live_flow(flow, seat, arrival) else {
            // The registrar then tries another flow of the device (RFC 5626 5.3).
            return match self.is_outbound(seat) {
                true => self.reply(arrival, 430, "Flow Failed", &[], out),
                false => self.gone(arrival, out),
            };
        };
        let mut patch = Patch::new();
        if routed.rewritten {
            let Some(contact) = self.contact_of(seat) else { return self.gone(arrival, out) };
            patch.replace_request_uri(&arrival.message, &contact);
        }
        let mut onward = Onward::to(Hop::Device { flow, seat: seat.clone() }, Errand::Other);
        // Its answer settles nothing: the seat is the callee's own.
        if errand_of(arrival.message.method()) == Errand::Register {
            return self.reply(arrival, 405, "Method Not Allowed", &[], out);
        }
        onward.device = seat.device;
        self.forward(arrival, routed, &onward, patch, out);
    }

    /// The flow to a device whose seat is live and whose licenses are valid.
    pub(super) fn reachable(
        &self,
        flow: &Flow,
        seat: &SeatName,
        arrival: &Arrival<'_>,
    ) -> Option<Flow> {
        if !self.has_live_seat(seat, arrival.now) {
            return None;
        }
        self.live_flow(flow, seat, arrival)
    }

    /// Whether the device that a token names may be called now.
    pub(super) fn has_live_seat(&self, seat: &SeatName, now: Now) -> bool {
        if self.emergencies.is_called_back(&seat.aor, now.mono_ms) {
            return true;
        }
        let quota = self.admission.quota();
        let Some(owned) = quota.owned(&seat.aor) else { return false };
        if owned.path.invalid(now.moment(), FeatureSet::NONE).is_some() {
            return false;
        }
        let live =
            |device: &Device| is_named(device, seat.device) && device.state(now) == State::Live;
        quota.look(&seat.aor, |entry| entry.devices().iter().any(live)) == Some(true)
    }

    fn is_outbound(&self, seat: &SeatName) -> bool {
        let outbound = |device: &Device| {
            is_named(device, seat.device) && device.bindings().any(|one| one.reg_id.is_some())
        };
        let quota = self.admission.quota();
        quota.look(&seat.aor, |entry| entry.devices().iter().any(outbound)) == Some(true)
    }

    /// The Contact that a device gave itself, where the registrar knows one of ours.
    pub(super) fn contact_of(&self, seat: &SeatName) -> Option<Box<[u8]>> {
        let contact = |entry: &crate::quota::Entry| {
            let device = entry.devices().iter().find(|device| is_named(device, seat.device))?;
            device.ids.contacts().last().map(|contact| Box::from(&*contact.text()))
        };
        self.admission.quota().look(&seat.aor, contact).flatten()
    }
}

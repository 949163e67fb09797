//! The join: whose request it is, by which device, and whether the licenses let it through. It knows
//! SIP values and the quota; it refuses to know sockets, stores, and how a message is forwarded.

mod caller;
mod flows;
mod identity;
mod pattern;
mod refresh;
pub mod refusal;
mod register;
mod settings;

pub use caller::{Caller, Proof, Told, credentials_of, key_of};
pub use flows::FlowKey;
pub use identity::{
    Address, address_of, agent_of, contact_name, device_name, display_name, has_name, ids_of,
    is_app, is_named, is_same_contact, match_device, same_uri,
};
pub use pattern::Pattern;
pub use refresh::Refresh;
pub use register::{Registration, Shown};
pub use settings::Settings;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::license::{Cause, FeatureSet};
use crate::quota::{Quota, Refusal};

use flows::Flows;

/// Decides who passes.
pub struct Admission {
    quota: Arc<Quota>,
    settings: ArcSwap<Settings>,
    flows: Flows,
}

impl Admission {
    /// Admission over a quota.
    pub fn new(quota: Arc<Quota>, settings: Settings) -> Self {
        Self { quota, settings: ArcSwap::from_pointee(settings), flows: Flows::new() }
    }

    /// The quota that it asks.
    pub fn quota(&self) -> &Arc<Quota> {
        &self.quota
    }

    /// The settings in force.
    pub fn settings(&self) -> arc_swap::Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// Puts other settings in force (SIGHUP).
    pub fn set(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// Which numbers have registered by a flow.
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Why calls to this number are refused whoever makes them: it is one of ours, and its licenses
    /// are not valid. Whether a device of it is registered does not matter.
    pub fn refuses_callee(&self, address: &Address, now: crate::clock::Now) -> Option<Refusal> {
        if !address.ours {
            return None;
        }
        let owned = self.quota.owned(&address.aor)?;
        owned.path.invalid(now.moment(), FeatureSet::NONE)
    }

    /// A refusal for a number that nobody owns.
    pub fn unknown() -> Refusal {
        Refusal::without_gate(Cause::UnknownNumber)
    }
}

//! A REGISTER that only renews: by far the most of what devices send. It is told from the seat in place,
//! with nothing of it copied; whatever is not plain is read in full.

use std::sync::Arc;

use super::identity::{agent_of, contact_name, is_app_showing};
use super::{Admission, Settings};
use crate::license::FeatureSet;
use crate::quota::{Device, Entry, Names, Path};
use crate::sip::Message;

/// What a REGISTER renews.
#[derive(Clone, Debug)]
pub struct Refresh {
    /// What its number stands on.
    pub path: Arc<Path>,
    /// The device and its Contact URI, by name.
    pub device: u32,
    pub contact: u32,
    /// What it asks for, in seconds.
    pub expires_secs: u32,
}

impl Admission {
    /// What a REGISTER with one Contact renews, where its number has that very device seated and its
    /// licenses are valid; `None` where it has to be read in full.
    pub fn refresh(
        &self,
        message: &Message<'_>,
        aor: &str,
        settings: &Settings,
        now: crate::clock::Now,
    ) -> Option<Refresh> {
        let contact = message.only_contact()?;
        let uri = contact.addr()?.uri.raw;
        // What settings say matters to phones that show nothing else.
        let app =
            |entry: &Entry| is_app_showing(entry.kind(), false, || agent_of(message), settings);
        let seated = self.quota.look_standing(aor, |entry| {
            let instance = contact.instance();
            let is_it = |device: &Device| {
                let same = match &instance {
                    Some(id) => device.ids.has_instance(id),
                    None => {
                        device.ids.instances().next().is_none()
                            && device.ids.contacts().any(|known| known.is(uri))
                    }
                };
                same && device.counts() && (device.app || !app(entry))
            };
            let path = || Arc::clone(entry.held().path());
            entry.devices().iter().any(is_it).then(|| (instance, path()))
        });
        let (instance, path) = seated.flatten()?;
        if path.invalid(now.moment(), FeatureSet::NONE).is_some() {
            return None;
        }
        let expires_secs = message.expires_of(contact);
        if expires_secs == 0 || contact.push().is_some() {
            return None;
        }
        let device = contact_name(instance.as_deref().unwrap_or(uri));
        Some(Refresh { path, device, contact: contact_name(uri), expires_secs })
    }
}

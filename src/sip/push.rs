//! Push parameters of a Contact: what tells a sleeping mobile app (RFC 8599; the older names of
//! Linphone).

use super::Params;

/// Provider, parameter and identifier of a push service, as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Push<'a> {
    pub provider: &'a [u8],
    pub param: &'a [u8],
    pub prid: &'a [u8],
}

const NAMES: [[&str; 3]; 2] = [
    ["pn-provider", "pn-param", "pn-prid"], // RFC 8599 8.1-8.3
    ["pn-type", "app-id", "pn-tok"],        // before RFC 8599
];

/// Of the shortest of those names and a value.
const SHORTEST: usize = 8;

impl<'a> Push<'a> {
    /// The push parameters among those of a URI or of a Contact. A device without an identifier is
    /// none; provider and parameter may be missing and are then empty.
    pub fn find(params: Params<'a>) -> Option<Self> {
        // Nearly all Contacts have none.
        if params.raw().len() < SHORTEST || memchr::memchr(b'-', params.raw()).is_none() {
            return None;
        }
        NAMES.iter().find_map(|[provider, param, prid]| {
            let prid = params.value(prid).filter(|prid| !prid.is_empty())?;
            let text = |name| params.value(name).unwrap_or_default();
            Some(Self { provider: text(provider), param: text(param), prid })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_and_old_names_are_found() {
        let new = Push::find(Params::new(b"pn-provider=fcm;pn-param=app;pn-prid=tok")).unwrap();
        let old = Push::find(Params::new(b"app-id=app;pn-type=google;pn-tok=tok")).unwrap();

        assert_eq!((new.provider, new.param, new.prid), (&b"fcm"[..], &b"app"[..], &b"tok"[..]));
        assert_eq!((old.provider, old.param, old.prid), (&b"google"[..], &b"app"[..], &b"tok"[..]));
        assert!(Push::find(Params::new(b"pn-provider=fcm")).is_none());
    }
}

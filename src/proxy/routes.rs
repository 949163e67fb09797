//! The Route values of a request that name us, and what the last of them says: where the request
//! goes on (RFC 3261 16.4, 16.12).

use super::names::Names;
use super::token::{Keys, RouteToken};
use crate::sip::{Message, Name, Uri};
use crate::transport::Source;

/// What the request's Route said about us.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Routed {
    /// How many leading Route values name us.
    pub ours: usize,
    /// From our Record-Route of this dialog: the request is in-dialog.
    pub dialog: Option<RouteToken>,
    /// From the first of our two Record-Route values: the sender's own side.
    pub first_dialog: Option<RouteToken>,
    /// From our Path, or our rewritten Contact as the Request-URI.
    pub flow: Option<RouteToken>,
    /// A strict router put us into the Request-URI; the last Route value belongs there.
    pub strict: bool,
    /// The Request-URI is a Contact that we rewrote.
    pub rewritten: bool,
}

/// Reads Route values from the top, as long as they are ours.
pub fn read(message: &Message<'_>, source: &Source, keys: &Keys, names: &Names) -> Routed {
    let mut routed = Routed::default();
    let tags = [message.from_tag(), message.to_tag()].map(Option::unwrap_or_default);
    if let Some(uri) = message.request_uri() {
        read_request_uri(message, &uri, tags, keys, &mut routed);
    }
    for (_, route) in message.addrs(Name::Route) {
        let token = token_of(&route.uri);
        let dialog = token.and_then(|text| keys.open_dialog(text, message.call_id(), tags));
        let flow = token.and_then(|text| keys.open_flow(text));
        if dialog.is_none() && flow.is_none() && !names.is_us(&route.uri, source.local) {
            break;
        }
        routed.ours += 1;
        // The last one names the flow of the other side.
        if routed.first_dialog.is_none() {
            routed.first_dialog.clone_from(&dialog);
        }
        routed.dialog = dialog.or(routed.dialog);
        routed.flow = flow.or(routed.flow);
    }
    routed
}

fn read_request_uri(
    message: &Message<'_>,
    uri: &Uri<'_>,
    tags: [&[u8]; 2],
    keys: &Keys,
    routed: &mut Routed,
) {
    let Some(text) = token_of(uri) else { return };
    if uri.params.has("lr") || message.first(Name::Route).is_some() {
        routed.dialog = keys.open_dialog(text, message.call_id(), tags);
        routed.strict = routed.dialog.is_some();
    }
    if !routed.strict {
        routed.flow = keys.open_flow(text);
        routed.rewritten = routed.flow.is_some();
    }
}

/// The shortest of our tokens is longer than any telephone number.
const SHORTEST_TOKEN: usize = 16;

fn token_of<'a>(uri: &Uri<'a>) -> Option<&'a str> {
    let user = uri.user.filter(|user| user.len() >= SHORTEST_TOKEN)?;
    std::str::from_utf8(user).ok()
}

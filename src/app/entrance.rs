//! Who is let in to the API.

use crate::admin::http::{Credentials, Entrance, Later, Turned};
use crate::store::Author;

/// Lets nobody in: there are no tokens yet.
pub struct Closed;

impl Entrance for Closed {
    fn admit<'a>(&'a self, _: &'a Credentials) -> Later<'a, Result<Author, Turned>> {
        Box::pin(std::future::ready(Err(Turned::Unknown)))
    }
}

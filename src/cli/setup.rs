//! `setup`: a link for whoever becomes a server administrator.

use serde_json::json;

use crate::license::Moment;
use crate::people::{LINK_SECS, new_link};

use super::desk::{Desk, Shown};
use super::failure::Failure;

/// Makes a link and prints it.
pub async fn run(desk: &Desk) -> Result<Shown, Failure> {
    let link = new_link(&desk.store, desk.now).await;
    let link = link.map_err(|fault| Failure::new(fault.to_string()))?;
    let expires_at = Moment(desk.now.0.saturating_add(LINK_SECS)).rfc3339();
    let url = format!("http://{}/setup#{}", desk.config.admin.listen, link.reveal());
    let json = json!({"url": url, "token": link.reveal(), "expires_at": expires_at});
    Shown::new(json, url)
}

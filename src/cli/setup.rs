//! `setup`: a link for whoever becomes a server administrator.

use std::net::SocketAddr;

use serde_json::json;

use crate::admin::control::Request;
use crate::license::{Moment, NoSeats};
use crate::people::{LINK_SECS, link_url, new_link};

use super::control;
use super::desk::{Desk, Shown};
use super::failure::Failure;

/// Makes a link and prints it.
pub async fn run(desk: &Desk) -> Result<Shown, Failure> {
    let running: Option<SocketAddr> = control::ask(&desk.config.admin.socket, &Request::Api)?;
    let address = running.unwrap_or(desk.config.admin.listen);
    let link = new_link(&desk.store, desk.terms(&NoSeats)).await;
    let link = link.map_err(|fault| Failure::new(fault.to_string()))?;
    let expires_at = Moment(desk.now.0.saturating_add(LINK_SECS)).rfc3339();
    let url = link_url(address, &link);
    let json = json!({"url": url, "token": link.reveal(), "expires_at": expires_at});
    let unknown = "no daemon runs: put the port that it logs when it starts in place of 0";
    let note = (address.port() == 0).then(|| unknown.to_owned());
    Ok(Shown::new(json, url)?.with_note(note))
}

//! admitd: REGISTER and INVITE pass to a SIP registrar while the groups of the number have license
//! left, and are answered 403 when a limit or a validity has run out.

pub mod admin;
pub mod admission;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod ledger;
pub mod license;
pub mod people;
pub mod proxy;
pub mod quota;
pub mod refresh;
pub mod registrar;
pub mod reminders;
pub mod roster;
pub mod sip;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod transport;
pub mod view;
pub mod webhooks;

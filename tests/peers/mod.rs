//! Real SIP software for the tests with the feature `peers`: each peer in a folder of its own, on
//! free ports of loopback, ended when dropped.
#![allow(dead_code, reason = "every test file uses another part of it")]

mod baresip;
mod home;
mod kamailio;
mod linphone;
mod process;
mod sipp;

#[allow(unused_imports, reason = "every test file uses another part")]
pub use baresip::{Account, Baresip};
#[allow(unused_imports, reason = "every test file uses another part")]
pub use home::{home, seats};
#[allow(unused_imports, reason = "every test file uses another part")]
pub use kamailio::{Kamailio, Way, password};
#[allow(unused_imports, reason = "every test file uses another part")]
pub use linphone::Linphone;
#[allow(unused_imports, reason = "every test file uses another part")]
pub use process::{Process, free_port};
#[allow(unused_imports, reason = "every test file uses another part")]
pub use sipp::{Mode, Run, Sipp, scenario};

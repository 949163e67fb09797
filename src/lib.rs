//! admitd: REGISTER and INVITE pass to a SIP registrar while the groups of the number have license
//! left, and are answered 403 when a limit or a validity has run out.

pub mod clock;
pub mod ledger;
pub mod license;
pub mod quota;
pub mod refresh;
pub mod store;

//! admitd: REGISTER and INVITE pass to a SIP registrar while the groups of the number have license
//! left, and are answered 403 when a limit or a validity has run out.

pub mod clock;
pub mod license;
pub mod registrar;
pub mod sip;
pub mod transport;

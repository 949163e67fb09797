//! How a running daemon is asked and told, apart from the wire.

pub mod control;
pub mod http;

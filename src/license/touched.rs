//! What differs between two states of the records, for whoever has to follow.

use super::Holder;

/// What a new tree differs in from the one before.
#[derive(Clone, Debug)]
pub enum Touched {
    /// Anything may.
    Everything,
    These {
        /// Groups and users whose record, licenses or count of created numbers changed, or that
        /// are gone.
        holders: Vec<Holder>,
        /// Numbers created, removed or changed.
        numbers: Vec<String>,
        /// Claims came or went.
        claims: bool,
    },
}

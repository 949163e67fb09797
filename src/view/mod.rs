//! What is shown of licenses and seats: the same shapes for the daemon's answers and for the command
//! line without one. It knows the domain, not where the figures come from.

mod entitlement;
mod explain;
mod license;
mod mask;
mod renewal;
mod seats;
mod shapes;
mod state;
mod tree;
mod wire;

pub use entitlement::{Subject, entitlements, subject};
pub use explain::{explain, explain_for};
pub use license::{license, license_for, license_status, licenses};
pub use renewal::renewal;
pub use seats::{Tally, seats, seats_for};
pub use shapes::{
    Allowance, Entitlement, Explain, Feature, Figures, Freed, Gate, LicenseRow, NextChange,
    NumberUse, RefusalRow, RenewedRow, SeatKind, SeatRow, SeatState, State, TreeNode, TreeUser,
    Verdict,
};
pub use state::{state, state_for};
pub use tree::{tree, tree_for};
pub use wire::{InUse, Occupancy, Seating};

use crate::license::{GateStatus, GroupId, Holder, Moment, Tree};

/// Until when a gate that is valid at `at` stays so without a gap; `None`: no limit, or not valid.
pub fn valid_until(tree: &Tree, gate: Holder, at: Moment) -> Option<Moment> {
    if tree.gate_status(gate, at) != GateStatus::Valid {
        return None;
    }
    // Only where a license ends can it cease to be.
    let ends = tree.licenses_of(gate).iter().filter_map(|license| license.validity.until);
    ends.filter(|end| *end > at && tree.gate_status(gate, *end) != GateStatus::Valid).min()
}

/// The group at a path, or the user behind `user:NAME`; an error names what is not there.
pub fn find(tree: &Tree, name: &str) -> Result<Holder, String> {
    match name.strip_prefix("user:") {
        Some(user) => {
            let found = tree.user_named(user).map(|user| Holder::User(user.id));
            found.ok_or_else(|| format!("no user is called {user:?}"))
        }
        None => group_at(tree, name).map(Holder::Group),
    }
}

/// The group at a path; an error names what is not there.
pub fn group_at(tree: &Tree, path: &str) -> Result<GroupId, String> {
    tree.find(path).ok_or_else(|| match path.trim_matches('/') {
        "" => format!("the path {path:?} names no group; the server is \"/\""),
        _ => format!("no group is called {path:?}"),
    })
}

#[cfg(test)]
mod tests;

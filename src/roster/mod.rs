//! Users and numbers as files: what a CSV file asks for, every fault of it by line, and the same records
//! as a file that can be read again. It plans; writing is for whoever asked.

mod cell;
mod export;
mod fault;
mod fit;
mod license;
mod numbers;
mod people;
mod sheet;
mod spelling;
mod users;

use crate::license::{Moment, Usage, Viewer, World};

pub use export::{Export, numbers as exported_numbers, users as exported_users};
pub use fault::{Fault, Faults};
pub use numbers::{NUMBER_COLUMNS, NumbersPlan, numbers};
pub use people::{USER_COLUMNS, UsersPlan};
pub use spelling::spell;
pub use users::users;

/// What a file is read against.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// What is on record.
    pub world: &'a World,
    /// Whoever asks: what they do not see is named in no fault.
    pub viewer: &'a Viewer,
    /// A number in the one spelling under which it is known, or why it is none.
    pub spelling: &'a dyn Fn(&str) -> Result<String, String>,
    /// The instant that counts as now.
    pub at: Moment,
    /// What the wire holds.
    pub usage: &'a dyn Usage,
}

#[cfg(test)]
mod tests;

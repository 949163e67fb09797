//! What is wrong with a file, line by line.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::license::distribution::Obstacle;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// The line of the file, the first being 1; of a sum, that from which on it does not fit.
    pub line: u64,
    /// The column, where one is at fault.
    pub column: Option<String>,
    pub error: String,
}

/// Everything that is wrong; nothing of the file may be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// By line.
    pub lines: Vec<Fault>,
    /// The sums among them, as data.
    pub obstacles: Vec<Obstacle>,
}

impl Fault {
    /// A fault of a line as a whole.
    pub fn of_line(line: u64, error: impl Into<String>) -> Self {
        Self { line, column: None, error: error.into() }
    }

    /// A fault of one cell.
    pub fn of_cell(line: u64, column: &str, error: impl Into<String>) -> Self {
        Self { line, column: Some(column.to_owned()), error: error.into() }
    }
}

impl Faults {
    /// A fault that leaves nothing else to look at.
    pub fn one(fault: Fault) -> Self {
        Self { lines: vec![fault], obstacles: Vec::new() }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.obstacles.is_empty()
    }

    pub(super) fn sorted(mut self) -> Self {
        self.lines.sort_by_key(|fault| fault.line);
        self
    }
}

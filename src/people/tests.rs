//! The room as a whole, on a file.

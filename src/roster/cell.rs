//! Cells that a spreadsheet would take for a formula: made harmless in a file, and as they were again
//! when it is read.

use std::borrow::Cow;

/// What marks the rest of a cell as text.
const MARK: char = '\'';

/// A cell that no spreadsheet runs.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if is_formula(text) { format!("{MARK}{text}").into() } else { text.into() }
}

/// What a harmless cell stood for.
pub fn restored(text: &str) -> &str {
    text.strip_prefix(MARK).filter(|_| is_formula(text)).unwrap_or(text)
}

/// Marked ones too, or they could not be told from those that were marked here.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches(MARK).starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_becomes_text_and_comes_back() {
        for text in ["=1+1", "+49", "-x", "@SUM(A1)", "\tx", "'=1", "''@x"] {
            let safe = harmless(text);
            assert!(safe.starts_with('\''), "{text:?}");
            assert_eq!(restored(&safe), text);
        }
        for text in ["", "anna", "o'neil", "'quoted'", "a=b", "sip:+49@example.com"] {
            assert_eq!(harmless(text), text);
            assert_eq!(restored(text), text);
        }
    }
}

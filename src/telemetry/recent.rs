//! The last refusals, by the id that the client was told. Bounded: the oldest go first.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::{REFUSAL_ID, RefusalLine};

/// How many are kept.
const KEPT: usize = 10_000;

/// The last refusals.
#[derive(Debug, Default)]
pub struct Recent {
    lines: Mutex<VecDeque<RefusalLine>>,
}

impl Recent {
    /// Keeps one. A copy of the same request has the same id and replaces nothing.
    pub(super) fn keep(&self, line: RefusalLine) {
        let mut lines = self.lines.lock();
        if lines.len() >= KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Those that are `wanted`, the newest first.
    pub fn newest(&self, wanted: impl Fn(&RefusalLine) -> bool) -> Vec<RefusalLine> {
        self.lines.lock().iter().rev().filter(|line| wanted(line)).cloned().collect()
    }

    /// The newest refusal with this id.
    pub fn find(&self, id: &str) -> Option<RefusalLine> {
        self.lines.lock().iter().rev().find(|line| line.id == id).cloned()
    }
}

/// Whether a text has the form of a refusal's id, and so is no number.
pub fn is_refusal_id(text: &str) -> bool {
    text.len() == REFUSAL_ID && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::Cause;

    fn line(id: &str) -> RefusalLine {
        RefusalLine {
            at_ms: 0,
            method: "REGISTER",
            number: b"sip:1@a".to_vec(),
            source: "192.0.2.1:5060".parse().unwrap(),
            user_agent: Vec::new(),
            cause: Cause::SipLimit,
            bound_by: None,
            id: id.into(),
        }
    }

    #[test]
    fn a_refusal_is_found_by_its_id_until_many_newer_ones_came() {
        let recent = Recent::default();

        recent.keep(line("abcdefghij"));
        assert!(recent.find("abcdefghij").is_some());
        (0..KEPT).for_each(|_| recent.keep(line("other")));

        assert!(recent.find("abcdefghij").is_none());
        assert!(is_refusal_id("abcdefgh27") && !is_refusal_id("sip:1@a.bc"));
    }
}

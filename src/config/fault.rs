//! What is wrong with a file, and how it is drawn under the line it stands in.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::values::password_span;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `section.key`; empty where the text is no TOML.
    pub key: String,
    /// Line of the file, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
    span: Range<usize>,
}

/// All that is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    path: PathBuf,
    /// The text with every password masked, byte for byte as long as the file.
    source: String,
    faults: Vec<Fault>,
}

impl Fault {
    pub(super) fn new(key: String, span: Range<usize>, message: String) -> Self {
        Self { key, line: 0, message, span }
    }
}

impl Report {
    pub(super) fn new(path: &Path, source: &str, mut faults: Vec<Fault>) -> Self {
        for fault in &mut faults {
            fault.span = whole_characters(source, &fault.span);
            fault.line = 1 + source.bytes().take(fault.span.start).filter(|b| *b == b'\n').count();
        }
        faults.sort_by_key(|fault| fault.span.start);
        Self { path: path.to_owned(), source: without_passwords(source), faults }
    }

    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let message = format!("cannot be read: {error}");
        let fault = Fault { key: String::new(), line: 0, message, span: 0..0 };
        Self { path: path.to_owned(), source: String::new(), faults: vec![fault] }
    }

    /// The file that was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every fault, in the order of the lines.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Draws each fault under its line, in colour or plain.
    pub fn render(&self, colour: bool) -> String {
        let path = self.path.display().to_string();
        let groups: Vec<Group<'_>> = self.faults.iter().map(|f| self.drawing(f, &path)).collect();
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        groups
            .iter()
            .map(|group| renderer.render(std::slice::from_ref(group)).trim_end().to_owned())
            .collect::<Vec<_>>()
            .join("\n\n")
    }

    fn drawing<'r>(&'r self, fault: &'r Fault, path: &'r str) -> Group<'r> {
        let title = if fault.key.is_empty() {
            format!("{path}: {}", fault.message)
        } else {
            format!("{}: {}", fault.key, fault.message)
        };
        if fault.line == 0 {
            return Group::with_title(Level::ERROR.primary_title(title));
        }
        let mark = AnnotationKind::Primary.span(fault.span.clone());
        Level::ERROR
            .primary_title(title)
            .element(Snippet::source(self.source.as_str()).path(path).annotation(mark))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

/// Widens a span to the characters that it touches; the parser may point into one.
fn whole_characters(source: &str, span: &Range<usize>) -> Range<usize> {
    let mut end = span.end.min(source.len());
    while !source.is_char_boundary(end) {
        end += 1;
    }
    let mut start = span.start.min(end);
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    start..end
}

/// Puts stars over the passwords of URLs, so that a drawn line gives none away.
fn without_passwords(source: &str) -> String {
    let mut shown = source.to_owned();
    let mut at = 0;
    while let Some(found) = source.get(at..).and_then(|rest| rest.find("://")) {
        if let Some(span) = password_span(source, at) {
            let stars = "*".repeat(span.len());
            shown.replace_range(span, &stars);
        }
        at += found + 3;
    }
    for (start, name) in source.match_indices("password=") {
        let start = start + name.len();
        let rest = source.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| "&\"'".contains(c) || c.is_whitespace());
        let length = end.unwrap_or(rest.len());
        shown.replace_range(start..start + length, &"*".repeat(length));
    }
    shown
}

//! Names made from a pattern: `Floor {n}`, `{parent.n}{n:02}`. It knows texts and counts, not groups.

use std::fmt::Write as _;

/// Pieces of a pattern, at most.
const PIECES: usize = 20;
/// Zeros in front, at most.
const WIDEST: usize = 9;

/// A text with places for counts and names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The count, with so many digits at least.
    Count(usize),
    /// The count of the one above.
    ParentCount(usize),
    /// The name of the one above.
    Parent,
}

/// What a pattern is filled with.
#[derive(Clone, Copy, Debug)]
pub struct Filling<'a> {
    pub count: u32,
    pub parent_count: u32,
    pub parent: &'a str,
}

impl Pattern {
    /// Reads a pattern; a fault says what may stand in braces.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (word, next) = after.split_once('}').ok_or("a { has no }")?;
            if !before.is_empty() {
                pieces.push(Piece::Text(plain(before)?));
            }
            pieces.push(place(word)?);
            rest = next;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(plain(rest)?));
        }
        match pieces.len() {
            0 => Err("it is empty".into()),
            1..=PIECES => Ok(Self(pieces)),
            _ => Err(format!("it has more than {PIECES} pieces")),
        }
    }

    /// Whether it gives every count another text.
    pub fn counts(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Count(_)))
    }

    /// Whether it needs the count of the one above.
    pub fn needs_parent_count(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::ParentCount(_)))
    }

    /// The text for one.
    pub fn fill(&self, filling: Filling<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            // Writing to a string does not fail.
            let _ = match piece {
                Piece::Text(plain) => text.write_str(plain),
                Piece::Count(width) => write!(text, "{:0width$}", filling.count),
                Piece::ParentCount(width) => write!(text, "{:0width$}", filling.parent_count),
                Piece::Parent => text.write_str(filling.parent),
            };
        }
        text
    }
}

fn plain(text: &str) -> Result<String, String> {
    if text.contains('}') { Err("a } has no {".into()) } else { Ok(text.to_owned()) }
}

fn place(word: &str) -> Result<Piece, String> {
    let (name, width) = word.split_once(':').unwrap_or((word, "1"));
    let unknown = || format!("{{{word}}} is none of {{n}}, {{n:02}}, {{parent}}, {{parent.n}}");
    let width: usize = width.parse().map_err(|_| unknown())?;
    match name {
        _ if width == 0 || width > WIDEST => Err(unknown()),
        "n" => Ok(Piece::Count(width)),
        "parent.n" => Ok(Piece::ParentCount(width)),
        "parent" if name == word => Ok(Piece::Parent),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_filled_with_counts_and_names() {
        let fill = |text: &str| {
            let filling = Filling { count: 4, parent_count: 12, parent: "Floor 12" };
            Pattern::read(text).unwrap().fill(filling)
        };

        assert_eq!(fill("{parent.n}{n:02}"), "1204");
        assert_eq!(fill("Flat {n} of {parent}"), "Flat 4 of Floor 12");
        assert_eq!(fill("plain"), "plain");
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for wrong in
            ["", "{", "}", "{m}", "{n:}", "{n:x}", "{n:0}", "{n:99}", "{parent:2}", "{{n}}"]
        {
            assert!(Pattern::read(wrong).is_err(), "{wrong}");
        }
    }
}

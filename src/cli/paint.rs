//! How answers look to people: tables, bars, a drawn tree. Colour only where a terminal shows it.

use std::io::IsTerminal;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle, presets};

use crate::license::Moment;
use crate::view::NumberUse;

/// Whether colour may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    pub colour: bool,
}

/// A line under the headings and no other.
const LINES: TableStyle = presets::UTF8_HORIZONTAL_ONLY
    .top_border(LineStyle::none())
    .row_separator(LineStyle::none())
    .bottom_border(LineStyle::none());

/// Cells of a bar.
const BAR: i64 = 10;

impl Paint {
    /// In colour where stdout is a terminal and `NO_COLOR` is not set.
    pub fn of_stdout() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour }
    }

    /// Good news.
    pub fn green(self, text: impl Into<String>) -> String {
        self.with("32", text.into())
    }

    /// Worth a look.
    pub fn yellow(self, text: impl Into<String>) -> String {
        self.with("33", text.into())
    }

    /// Nothing goes any more.
    pub fn red(self, text: impl Into<String>) -> String {
        self.with("31", text.into())
    }

    /// Beside the point.
    pub fn dim(self, text: impl Into<String>) -> String {
        self.with("2", text.into())
    }

    /// A heading.
    pub fn bold(self, text: impl Into<String>) -> String {
        self.with("1", text.into())
    }

    fn with(self, code: &str, text: String) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    }

    /// Use against a limit: `███████░░░ 35/50`.
    pub fn bar(self, count: &NumberUse) -> String {
        let Some(limit) = count.limit else {
            return format!("{} {}", count.in_use, self.dim("unlimited"));
        };
        let filled = match (limit, count.in_use) {
            (_, 0) => 0,
            (..=0, _) => BAR,
            // Rounded up, so that one seat shows; full only when it is full.
            (_, used) if used < limit => ((used * BAR + limit - 1) / limit).clamp(1, BAR - 1),
            _ => BAR,
        };
        let bar: String = (0..BAR).map(|cell| if cell < filled { '█' } else { '░' }).collect();
        let bar = match count.in_use {
            used if used >= limit => self.red(bar),
            used if used * 10 >= limit * 8 => self.yellow(bar),
            _ => self.green(bar),
        };
        format!("{bar} {}/{limit}", count.in_use)
    }

    /// A status word in its colour.
    pub fn status(self, word: &str) -> String {
        match word {
            "valid" | "active" | "enabled" | "admit" | "live" => self.green(word),
            "upcoming" | "resting" | "not_yet_valid" | "held" | "from" => self.yellow(word),
            "dormant" | "off" => self.dim(word),
            _ => self.red(word),
        }
    }
}

/// A table with these headings.
pub fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(LINES);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings);
    table
}

/// A time as people read it, in a zone; what is no time is shown as it is.
pub fn end(text: Option<&str>, zone: &str) -> String {
    let Some(text) = text else { return "no time limit".to_owned() };
    let zone = zone.parse().unwrap_or(chrono_tz::Tz::UTC);
    match Moment::parse(text, zone, Moment(0)) {
        Ok(at) => at.as_end(zone),
        Err(_) => text.to_owned(),
    }
}

/// An instant as people read it, in a zone.
pub fn instant(text: &str, zone: &str) -> String {
    let zone = zone.parse().unwrap_or(chrono_tz::Tz::UTC);
    Moment::parse(text, zone, Moment(0)).map_or_else(|_| text.to_owned(), |at| at.in_zone(zone))
}

/// `-` for what is absent.
pub fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

/// "1 seat", "2 seats".
pub fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint { colour: false };

    fn bar(in_use: i64, limit: Option<i64>) -> String {
        PLAIN.bar(&NumberUse { limit, in_use })
    }

    #[test]
    fn a_bar_is_full_only_when_it_is_full() {
        assert_eq!(bar(0, Some(50)), "░░░░░░░░░░ 0/50");
        assert_eq!(bar(1, Some(50)), "█░░░░░░░░░ 1/50");
        assert_eq!(bar(49, Some(50)), "█████████░ 49/50");
        assert_eq!(bar(50, Some(50)), "██████████ 50/50");
        assert_eq!(bar(3, Some(0)), "██████████ 3/0");
        assert_eq!(bar(0, Some(0)), "░░░░░░░░░░ 0/0");
        assert_eq!(bar(7, None), "7 unlimited");
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        assert_eq!(PLAIN.red("x"), "x");
        assert_eq!(Paint { colour: true }.red("x"), "\x1b[31mx\x1b[0m");
    }
}

//! A CSV file as named cells by line. It knows columns, not what they mean.

use csv::{ByteRecord, ErrorKind, Position, ReaderBuilder, StringRecord, Trim};

use super::cell::restored;
use super::fault::{Fault, Faults};

/// What some programs write before the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The column that is a secret, and so no formula's.
const PASSWORD: &str = "password";

/// A file that was read.
pub struct Sheet {
    /// The columns that are there, as they stand.
    columns: Vec<&'static str>,
    rows: Vec<(u64, StringRecord)>,
    /// Lines that are no text.
    pub broken: Vec<Fault>,
}

/// Which line a place in the file is on. The reader's own count is one short after `\r\n`.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

/// One line.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub line: u64,
    columns: &'a [&'static str],
    record: &'a StringRecord,
}

impl Sheet {
    /// Reads a file with some of the columns that are `known`, in any order, `needed` among them, and
    /// at most so many lines besides the first.
    pub fn read(
        bytes: &[u8],
        known: &[&'static str],
        needed: &str,
        most: usize,
    ) -> Result<Self, Faults> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(bytes);
        let heading = reader.headers().map_err(|error| whole(&error))?;
        let columns = columns(heading, known, needed)?;
        let mut sheet = Self { columns, rows: Vec::new(), broken: Vec::new() };
        let mut record = ByteRecord::new();
        let mut lines = Lines { bytes, at: 0, line: 1 };
        while reader.read_byte_record(&mut record).map_err(|error| whole(&error))? {
            let line = lines.of(record.position());
            sheet.add(line, &record);
            if sheet.rows.len() > most {
                let error = format!("there are more than {most} lines; give them in several files");
                return Err(Faults::one(Fault::of_line(line, error)));
            }
        }
        Ok(sheet)
    }

    fn add(&mut self, line: u64, record: &ByteRecord) {
        let mut wide = record.iter().skip(self.columns.len());
        match StringRecord::from_byte_record(record.clone()) {
            Ok(_) if wide.any(|cell| !cell.is_empty()) => {
                self.broken.push(Fault::of_line(line, "has more cells than there are columns"));
            }
            Ok(mut record) => {
                record.trim();
                self.rows.push((line, record));
            }
            Err(_) => self.broken.push(Fault::of_line(line, "is not UTF-8")),
        }
    }

    /// The lines, as they come.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let columns = self.columns.as_slice();
        self.rows.iter().map(move |(line, record)| Row { line: *line, columns, record })
    }
}

impl Lines<'_> {
    /// The line of a record that comes after those asked before.
    fn of(&mut self, position: Option<&Position>) -> u64 {
        let start = position.map_or(0, Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.at) {
            let breaks = matches!(byte, b'\r' | b'\n');
            if self.at >= start && !breaks {
                break;
            }
            let pair = *byte == b'\r' && self.bytes.get(self.at + 1) == Some(&b'\n');
            self.line += u64::from(breaks && !pair);
            self.at += 1;
        }
        self.line
    }
}

impl<'a> Row<'a> {
    /// What stands in a column; nothing where it is empty or the file has no such column.
    pub fn cell(&self, column: &str) -> Option<&'a str> {
        let at = self.columns.iter().position(|name| *name == column)?;
        let text = self.record.get(at).filter(|text| !text.is_empty())?;
        Some(if column == PASSWORD { text } else { restored(text) })
    }
}

fn columns(
    heading: &StringRecord,
    known: &[&'static str],
    needed: &str,
) -> Result<Vec<&'static str>, Faults> {
    let mut found = Vec::new();
    let mut faults = Faults::default();
    for name in heading {
        match known.iter().find(|column| **column == name) {
            Some(column) if found.contains(column) => {
                faults.lines.push(Fault::of_cell(1, column, "there are two columns of this name"));
            }
            Some(column) => found.push(*column),
            None => {
                let error = format!("unknown column {name:?}; there are {}", known.join(", "));
                faults.lines.push(Fault::of_line(1, error));
            }
        }
    }
    if !found.contains(&needed) {
        faults.lines.push(Fault::of_line(1, format!("there is no column {needed:?}")));
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// A file that cannot be read on.
fn whole(error: &csv::Error) -> Faults {
    let line = error.position().map_or(1, Position::line);
    let text = match error.kind() {
        ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    Faults::one(Fault::of_line(line, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["name", "number", "password"];

    fn cells(text: &[u8]) -> Vec<(u64, Option<String>, Option<String>)> {
        let sheet =
            Sheet::read(text, KNOWN, "name", 100).unwrap_or_else(|faults| panic!("{faults:?}"));
        let cell = |row: &Row<'_>, column: &str| row.cell(column).map(str::to_owned);
        sheet.rows().map(|row| (row.line, cell(&row, "name"), cell(&row, "number"))).collect()
    }

    #[test]
    fn columns_come_in_any_order_with_or_without_a_mark_and_line_ends_of_both_kinds() {
        let anna = (2, Some("anna".to_owned()), Some("1".to_owned()));

        assert_eq!(cells(b"name,number\nanna,1\n"), vec![anna.clone()]);
        assert_eq!(cells(b"\xef\xbb\xbfnumber,name\r\n1,\"anna\"\r\n"), vec![anna.clone()]);
        assert_eq!(cells(b"\xef\xbb\xbf\"number\",name\r\n 1 , anna"), [anna]);
        assert_eq!(cells(b"name,number\n'=x,\n"), [(2, Some("=x".to_owned()), None)]);
    }

    #[test]
    fn every_fault_of_the_heading_is_told() {
        let faults = Sheet::read(b"number,spoon,number\n", KNOWN, "name", 100).err().unwrap();

        let told: Vec<_> = faults.lines.iter().map(|fault| fault.error.as_str()).collect();
        assert!(told[0].contains("unknown column \"spoon\""), "{told:?}");
        assert!(
            told[1].contains("two columns") && told[2].contains("no column \"name\""),
            "{told:?}"
        );
    }

    #[test]
    fn a_line_that_is_no_text_or_too_wide_does_not_hide_the_next() {
        let sheet = Sheet::read(b"name\n\xff\na,b\nanna,\n", KNOWN, "name", 100).ok().unwrap();

        assert_eq!(sheet.broken.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(sheet.rows().next().unwrap().cell("name"), Some("anna"));
        assert!(Sheet::read(b"name\na\nb\nc\n", KNOWN, "name", 2).is_err());
    }

    #[test]
    fn a_password_is_taken_as_it_is() {
        let sheet = Sheet::read(b"name,password\na,'=x\n", KNOWN, "name", 2).ok().unwrap();

        assert_eq!(sheet.rows().next().unwrap().cell("password"), Some("'=x"));
    }
}

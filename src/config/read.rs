//! Takes keys out of TOML tables, notes every fault and goes on; knows shapes, not sections.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use ipnet::IpNet;
use toml_span::value::{Table, ValueInner};
use toml_span::{ErrorKind, Value};

use super::fault::Fault;
use super::values::is_host;
use crate::admission::Pattern;

/// Syntax faults after which the rest of a file is not looked at.
const SYNTAX_FAULTS_MAX: usize = 20;

/// What was found so far, and which keys were asked for.
#[derive(Default)]
pub(super) struct Reader {
    pub faults: Vec<Fault>,
    pub known: Vec<(String, &'static str)>,
    pub disk: Disk,
}

/// Whether what a file names is looked for on the disk.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Disk {
    #[default]
    Ignore,
    Look,
}

/// A table that is being read.
pub(super) struct Section<'r, 'de> {
    reader: &'r mut Reader,
    name: String,
    /// Where the section stands; for faults about what it lacks.
    place: Range<usize>,
    table: Table<'de>,
    asked: Vec<&'static str>,
}

/// A value that can be read from TOML; faults are told to `wrong` with the place they stand at.
pub(super) trait Read: Sized {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self>;
}

/// Where a value's faults go.
pub(super) struct Wrong<'r> {
    faults: &'r mut Vec<Fault>,
    key: String,
}

impl Wrong<'_> {
    /// Notes a fault at a value; gives `None`, so that it can be returned.
    pub fn at<T>(&mut self, value: &Value<'_>, message: impl Display) -> Option<T> {
        let fault = Fault::new(self.key.clone(), value.span.into(), message.to_string());
        self.faults.push(fault);
        None
    }

    fn shape<T>(&mut self, value: &Value<'_>, wanted: &str) -> Option<T> {
        let found = match (value.as_str(), value.as_table()) {
            (Some(_), _) => "a string",
            (_, Some(_)) => "a table",
            _ if value.as_array().is_some() => "a list",
            _ if value.as_bool().is_some() => "true or false",
            _ => "a number",
        };
        self.at(value, format_args!("should be {wanted}, is {found}"))
    }
}

impl Reader {
    /// Parses the text. A line that is no TOML is noted and left out, and the rest read on.
    pub fn parse<'s>(&mut self, text: &'s mut String) -> Option<Table<'s>> {
        let mut header_lost = false;
        while let Err(error) = toml_span::parse(text) {
            let span: Range<usize> = error.span.into();
            self.faults.push(Fault::new(String::new(), span.clone(), syntax(&error)));
            let line = line_around(text, span.start);
            let lost = text.get(line.clone()).unwrap_or_default().trim_start().to_owned();
            if lost.is_empty() || self.faults.len() >= SYNTAX_FAULTS_MAX {
                return None;
            }
            header_lost |= lost.starts_with('[');
            text.replace_range(line.clone(), &" ".repeat(line.len()));
        }
        // Keys below a lost header would be read as another section's, and wrongly called unknown.
        if header_lost {
            return None;
        }
        match toml_span::parse(text).ok()?.take() {
            ValueInner::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Takes a section out of the file; one that is absent is empty.
    pub fn section<'de>(&mut self, root: &mut Table<'de>, name: &str) -> Section<'_, 'de> {
        let table = match root.remove(name) {
            None => Table::new(),
            Some(mut value) => match value.take() {
                ValueInner::Table(table) => table,
                _ => {
                    let message = format!("should be a section; write [{name}]");
                    self.faults.push(Fault::new(name.to_owned(), value.span.into(), message));
                    Table::new()
                }
            },
        };
        self.table(name.to_owned(), table)
    }

    /// Reads a table that was already taken out.
    pub fn table<'de>(&mut self, name: String, table: Table<'de>) -> Section<'_, 'de> {
        let keys = || table.keys().map(|key| key.span);
        let start = keys().map(|span| span.start).min().unwrap_or_default();
        let end = keys().filter(|span| span.start == start).map(|span| span.end).max();
        let place = start..end.unwrap_or_default();
        Section { reader: self, name, place, table, asked: Vec::new() }
    }
}

impl<'de> Section<'_, 'de> {
    /// Takes a key, if it is there.
    pub fn value(&mut self, key: &'static str) -> Option<Value<'de>> {
        self.asked.push(key);
        self.reader.known.push((self.name.clone(), key));
        self.table.remove(key)
    }

    /// Where faults of `key` go.
    pub fn wrong(&mut self, key: &str) -> Wrong<'_> {
        let key = self.path(key);
        Wrong { faults: &mut self.reader.faults, key }
    }

    /// Reads a key that may be absent.
    pub fn optional<T: Read>(&mut self, key: &'static str) -> Option<T> {
        let value = self.value(key)?;
        T::read(&value, &mut self.wrong(key))
    }

    /// Reads a key, or gives its default.
    pub fn get<T: Read>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// Reads a key whose value has bounds.
    pub fn within<T>(&mut self, key: &'static str, default: T, bounds: RangeInclusive<T>) -> T
    where
        T: Read + PartialOrd + Shown,
    {
        let Some(value) = self.value(key) else { return default };
        let mut wrong = self.wrong(key);
        let Some(read) = T::read(&value, &mut wrong) else { return default };
        if bounds.contains(&read) {
            return read;
        }
        let (least, most) = (bounds.start().shown(), bounds.end().shown());
        wrong.at(&value, format_args!("should be from {least} to {most}")).unwrap_or(default)
    }

    /// Reads a key whose value is one of a few words.
    pub fn word<T: Copy + Default>(&mut self, key: &'static str, words: &[(&str, T)]) -> T {
        let Some(value) = self.value(key) else { return T::default() };
        let mut wrong = self.wrong(key);
        let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        match found {
            Some((_, meaning)) => *meaning,
            None => {
                let names: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                let message = format!("should be {}", names.join(" or "));
                wrong.at(&value, message).unwrap_or_default()
            }
        }
    }

    /// Notes that a key is needed; gives `None`, so that it can be returned.
    pub fn missing<T>(&mut self, key: &str, message: &str) -> Option<T> {
        let fault = Fault::new(self.path(key), self.place.clone(), message.to_owned());
        self.reader.faults.push(fault);
        None
    }

    /// Whether what the file names must be on the disk.
    pub fn looks_at_disk(&self) -> bool {
        self.reader.disk == Disk::Look
    }

    /// Whether the section has any key.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Notes what was never asked for.
    pub fn finish(self) {
        for key in self.table.keys() {
            let path = self.path(&key.name);
            let names = self.asked.join(", ");
            let place = if self.name.is_empty() { "at the top" } else { "here" };
            let message = match nearest(&key.name, &self.asked) {
                Some(near) => format!("unknown key; did you mean {near}?"),
                None => format!("unknown key; {place} there are {names}"),
            };
            self.reader.faults.push(Fault::new(path, key.span.into(), message));
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// The known key that is one or two letters away.
fn nearest(wrong: &str, known: &[&'static str]) -> Option<&'static str> {
    let near = known.iter().map(|key| (distance(wrong, key), *key)).min()?;
    (near.0 <= 2 && near.0 < near.1.len()).then_some(near.1)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((to, above_left), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or_default();
            let change = above_left + usize::from(from != *to);
            next.push(change.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn syntax(error: &toml_span::Error) -> String {
    match &error.kind {
        ErrorKind::DuplicateKey { key, .. } => format!("{key} is set twice"),
        ErrorKind::DuplicateTable { name, .. } => format!("[{name}] stands here twice"),
        _ => format!("is no TOML: {error}"),
    }
}

/// The bytes of the line that holds `at`, without its end.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let start = bytes.iter().take(at).rposition(|b| *b == b'\n').map_or(0, |found| found + 1);
    let rest = bytes.get(start..).unwrap_or_default();
    start..start + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())
}

/// How a bound is named in a fault.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl Read for $type {
            fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
                let Some(number) = value.as_integer() else {
                    return wrong.shape(value, "a whole number");
                };
                <$type>::try_from(number).ok().or_else(|| wrong.at(value, "is out of range"))
            }
        }

        impl Shown for $type {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

integers!(u16, u32, u64, usize);

impl Shown for Duration {
    fn shown(&self) -> String {
        format!("{} s", self.as_secs())
    }
}

impl Read for bool {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        value.as_bool().or_else(|| wrong.shape(value, "true or false"))
    }
}

impl Read for String {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        value.as_str().map(str::to_owned).or_else(|| wrong.shape(value, "a string"))
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        let Some(items) = value.as_array() else { return wrong.shape(value, "a list: [ … ]") };
        Some(items.iter().filter_map(|item| T::read(item, wrong)).collect())
    }
}

/// Reads a string and parses it; `wanted` says what would be right.
pub(super) fn text<T>(
    value: &Value<'_>,
    wrong: &mut Wrong<'_>,
    wanted: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    match value.as_str() {
        None => wrong.shape(value, wanted),
        Some(text) => {
            parse(text).or_else(|| wrong.at(value, format_args!("{text:?} is not {wanted}")))
        }
    }
}

impl Read for SocketAddr {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        text(value, wrong, "an address with a port, \"0.0.0.0:5060\"", |text| text.parse().ok())
    }
}

impl Read for IpNet {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        text(value, wrong, "a network, \"10.0.0.0/8\"", |text| {
            text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        })
    }
}

impl Read for chrono_tz::Tz {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        text(value, wrong, "a time zone, \"Europe/Madrid\"", |text| text.parse().ok())
    }
}

impl Read for Pattern {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        text(value, wrong, "a pattern, \"Linphone*\"", |text| {
            (!text.is_empty()).then(|| Self::new(text))
        })
    }
}

impl Read for Duration {
    /// A number is seconds; text has a unit: ms, s, m, h or d.
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        if let Some(seconds) = value.as_integer() {
            let seconds = u64::try_from(seconds).ok();
            return seconds.map(Self::from_secs).or_else(|| wrong.at(value, "is below 0"));
        }
        text(value, wrong, "a time: seconds, or \"30s\", \"24h\", \"7d\"", duration)
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let seconds = match unit.trim_start() {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A host name or address in lower case.
pub(super) struct Host(pub String);

impl Read for Host {
    fn read(value: &Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        text(value, wrong, "a host name or address", |text| {
            let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let host = bare.unwrap_or(text);
            is_host(host).then(|| Self(host.to_ascii_lowercase()))
        })
    }
}

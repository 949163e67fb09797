//! Header names that the daemon has a rule for, with their compact forms. Every other header is
//! `Other`: carried along, never looked into.

/// A header name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Name {
    To,
    Via,
    Date,
    From,
    Path,
    CSeq,
    Event,
    Allow,
    Route,
    MinSe,
    Server,
    CallId,
    Contact,
    Expires,
    Require,
    Warning,
    ReferTo,
    Supported,
    Timestamp,
    UserAgent,
    MinExpires,
    ReferredBy,
    RetryAfter,
    Unsupported,
    ContentType,
    MaxForwards,
    RecordRoute,
    ServiceRoute,
    ProxyRequire,
    Authorization,
    ContentLength,
    SessionExpires,
    WwwAuthenticate,
    ProxyAuthenticate,
    PAssertedIdentity,
    AuthenticationInfo,
    ProxyAuthorization,
    PPreferredIdentity,
    Other,
}

struct Row {
    name: Name,
    full: &'static str,
    /// What `full` is compared by, and the case bits of its letters.
    lower: Words,
    letters: Words,
    compact: u8,
    list: bool,
}

impl Row {
    fn name(&self) -> Name {
        self.name
    }
}

const fn row(name: Name, full: &'static str, compact: u8, list: bool) -> Row {
    Row {
        name,
        full,
        lower: lower(full.as_bytes()),
        letters: letters(full.as_bytes()),
        compact,
        list,
    }
}

/// In the order of [`Name`]. The third column is the compact form (0: none), the fourth tells lists, which split at commas.
#[rustfmt::skip]
const TABLE: [Row; 38] = [
    row(Name::To,                 "To",                   b't', false),  // RFC 3261 20.39
    row(Name::Via,                "Via",                  b'v', true),   // RFC 3261 20.42
    row(Name::Date,               "Date",                 0,    false),  // RFC 3261 20.17
    row(Name::From,               "From",                 b'f', false),  // RFC 3261 20.20
    row(Name::Path,               "Path",                 0,    true),   // RFC 3327 4
    row(Name::CSeq,               "CSeq",                 0,    false),  // RFC 3261 20.16
    row(Name::Event,              "Event",                b'o', false),  // RFC 6665 8.2.1
    row(Name::Allow,              "Allow",                0,    true),   // RFC 3261 20.5
    row(Name::Route,              "Route",                0,    true),   // RFC 3261 20.34
    row(Name::MinSe,              "Min-SE",               0,    false),  // RFC 4028 5
    row(Name::Server,             "Server",               0,    false),  // RFC 3261 20.35
    row(Name::CallId,             "Call-ID",              b'i', false),  // RFC 3261 20.8
    row(Name::Contact,            "Contact",              b'm', true),   // RFC 3261 20.10
    row(Name::Expires,            "Expires",              0,    false),  // RFC 3261 20.19
    row(Name::Require,            "Require",              0,    true),   // RFC 3261 20.32
    row(Name::Warning,            "Warning",              0,    true),   // RFC 3261 20.43
    row(Name::ReferTo,            "Refer-To",             b'r', false),  // RFC 3515 2.1
    row(Name::Supported,          "Supported",            b'k', true),   // RFC 3261 20.37
    row(Name::Timestamp,          "Timestamp",            0,    false),  // RFC 3261 20.38
    row(Name::UserAgent,          "User-Agent",           0,    false),  // RFC 3261 20.41
    row(Name::MinExpires,         "Min-Expires",          0,    false),  // RFC 3261 20.23
    row(Name::ReferredBy,         "Referred-By",          b'b', false),  // RFC 3892 3
    row(Name::RetryAfter,         "Retry-After",          0,    false),  // RFC 3261 20.33
    row(Name::Unsupported,        "Unsupported",          0,    true),   // RFC 3261 20.40
    row(Name::ContentType,        "Content-Type",         b'c', false),  // RFC 3261 20.15
    row(Name::MaxForwards,        "Max-Forwards",         0,    false),  // RFC 3261 20.22
    row(Name::RecordRoute,        "Record-Route",         0,    true),   // RFC 3261 20.30
    row(Name::ServiceRoute,       "Service-Route",        0,    true),   // RFC 3608 5
    row(Name::ProxyRequire,       "Proxy-Require",        0,    true),   // RFC 3261 20.29
    row(Name::Authorization,      "Authorization",        0,    false),  // RFC 3261 20.7
    row(Name::ContentLength,      "Content-Length",       b'l', false),  // RFC 3261 20.14
    row(Name::SessionExpires,     "Session-Expires",      b'x', false),  // RFC 4028 4
    row(Name::WwwAuthenticate,    "WWW-Authenticate",     0,    false),  // RFC 3261 20.44
    row(Name::ProxyAuthenticate,  "Proxy-Authenticate",   0,    false),  // RFC 3261 20.27
    row(Name::PAssertedIdentity,  "P-Asserted-Identity",  0,    true),   // RFC 3325 9.1
    row(Name::AuthenticationInfo, "Authentication-Info",  0,    false),  // RFC 3261 20.6
    row(Name::ProxyAuthorization, "Proxy-Authorization",  0,    false),  // RFC 3261 20.28
    row(Name::PPreferredIdentity, "P-Preferred-Identity", 0,    true),   // RFC 3325 9.2
];

/// A name in words, filled up with zeros.
type Words = [u64; 3];

/// The bit that tells small letters from capitals.
const CASE: u8 = 0x20;

const fn lower(text: &[u8]) -> Words {
    let mut words = [0; 3];
    let mut at = 0;
    while at < text.len() {
        words[at / 8] |= (text[at].to_ascii_lowercase() as u64) << (at % 8 * 8);
        at += 1;
    }
    words
}

const fn letters(text: &[u8]) -> Words {
    let mut words = [0; 3];
    let mut at = 0;
    while at < text.len() {
        let case = if text[at].is_ascii_alphabetic() { CASE } else { 0 };
        words[at / 8] |= (case as u64) << (at % 8 * 8);
        at += 1;
    }
    words
}

/// The first bytes of a header line: enough for every known name and its colon.
pub(super) type Start = [u8; LENGTH];

/// No longer than the last line of most messages with what ends them, `Content-Length: 0`.
const LENGTH: usize = 21;

/// The name that `start` begins with, `length` bytes long, in any case, in full or compact form.
#[inline(always)]
pub(super) fn named(start: &Start, length: usize) -> Name {
    if let (1, [letter, ..]) = (length, start) {
        return Name::compact(*letter);
    }
    let (Some(kept), ([first, second], _), Some(last)) =
        (KEPT.get(length), start.as_chunks(), start.last_chunk())
    else {
        return Name::Other;
    };
    // Of the last word, three bytes are those of the second.
    let words = [
        u64::from_le_bytes(*first) & kept[0],
        u64::from_le_bytes(*second) & kept[1],
        u64::from_le_bytes(*last) >> 24 & kept[2],
    ];
    let row = SLOTS.get(slot(words)).and_then(|row| TABLE.get(usize::from(*row)));
    // By length too: what fills a name up may stand in a longer one.
    let same = |row: &&Row| {
        // Word by word: they were only just put together.
        let known = row.lower.iter().zip(row.letters).zip(words);
        let other =
            known.fold(0, |other, ((lower, letters), here)| other | (lower ^ (here | letters)));
        other == 0 && row.full.len() == length
    };
    row.filter(same).map_or(Name::Other, Row::name)
}

/// The bytes of a name, by its length.
static KEPT: [Words; LENGTH + 1] = kept();

const fn kept() -> [Words; LENGTH + 1] {
    let mut rows = [[0; 3]; LENGTH + 1];
    let mut length = 1;
    while length < rows.len() {
        rows[length] = rows[length - 1];
        rows[length][(length - 1) / 8] |= 0xff << ((length - 1) % 8 * 8);
        length += 1;
    }
    rows
}

/// Which row each letter stands for as a compact form.
static COMPACT: [u8; 26] = compact();

const fn compact() -> [u8; 26] {
    let mut slots = [u8::MAX; 26];
    let mut row = 0;
    while row < TABLE.len() {
        if TABLE[row].compact != 0 {
            slots[(TABLE[row].compact - b'a') as usize] = row as u8;
        }
        row += 1;
    }
    slots
}

/// Which row each known name is found in: the slots of 128 that their words fall into differ.
static SLOTS: [u8; 128] = slots();

const fn slots() -> [u8; 128] {
    let mut slots = [u8::MAX; 128];
    let mut row = 0;
    while row < TABLE.len() {
        let slot = slot(TABLE[row].lower);
        assert!(slots[slot] == u8::MAX, "two names in one slot: another factor is needed");
        slots[slot] = row as u8;
        row += 1;
    }
    slots
}

/// The same for either case.
const fn slot(words: Words) -> usize {
    /// Found by trying.
    const FACTOR: u64 = 0x0aba_c0d6_00df_7917;
    const CASES: u64 = u64::from_le_bytes([CASE; 8]);
    let [first, second, third] = [words[0] | CASES, words[1] | CASES, words[2] | CASES];
    let mixed = first ^ second.rotate_left(23) ^ third.rotate_left(47);
    (mixed.wrapping_mul(FACTOR) >> 57) as usize
}

impl Name {
    /// How many there are, `Other` included.
    pub(super) const COUNT: usize = TABLE.len() + 1;

    /// The name that `text`, a token, spells, in any case, in full or compact form.
    pub fn parse(text: &[u8]) -> Self {
        let mut start = [0; LENGTH];
        start.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
        named(&start, text.len())
    }

    /// The name that one letter stands for.
    fn compact(letter: u8) -> Self {
        let slot = COMPACT.get(usize::from(letter.wrapping_sub(b'A') & !CASE));
        let row = slot
            .filter(|_| letter.is_ascii_alphabetic())
            .and_then(|row| TABLE.get(usize::from(*row)));
        row.map_or(Self::Other, Row::name)
    }

    /// The full spelling; `Other` has none of its own and gives `other`.
    pub fn text(self) -> &'static str {
        TABLE.get(self as usize).map_or("other", |row| row.full)
    }

    /// Whether several values may stand in one header, split by commas (RFC 3261 7.3.1).
    pub fn is_list(self) -> bool {
        TABLE.get(self as usize).is_some_and(|row| row.list)
    }
}

/// A set of names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names(u64);

impl Names {
    pub const NONE: Self = Self(0);

    /// These names.
    pub const fn of(names: &[Name]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < names.len() {
            bits |= 1 << names[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether `name` is among them.
    pub fn has(self, name: Name) -> bool {
        self.0 >> (name as u8) & 1 != 0
    }

    /// With one more.
    pub fn with(self, name: Name) -> Self {
        Self(self.0 | 1 << (name as u8))
    }

    /// Those that are not among `others`.
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Those that are among `others` as well.
    pub fn both(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// The first of `order` that is among them.
    pub fn first_of(self, order: &[Name]) -> Option<Name> {
        if self.0 == 0 { None } else { order.iter().copied().find(|name| self.has(*name)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_full_and_compact_name() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.name as usize, at, "{}", row.full);
            assert_eq!(Name::parse(row.full.to_ascii_uppercase().as_bytes()), row.name);
            if row.compact != 0 {
                assert_eq!(Name::parse(&[row.compact.to_ascii_uppercase()]), row.name);
            }
        }
    }

    #[test]
    fn every_name_fits_what_it_is_compared_by() {
        assert!(TABLE.iter().all(|row| (2..LENGTH).contains(&row.full.len())));
    }

    #[test]
    fn other_names_are_other() {
        for text in ["", "Z", "Xyzzy", "Content-Lengthy-And-Longer-Than-Any"] {
            assert_eq!(Name::parse(text.as_bytes()), Name::Other);
        }
    }
}

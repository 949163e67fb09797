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

#[derive(Clone, Copy)]
struct Row {
    name: Name,
    full: &'static str,
    compact: u8,
    list: bool,
}

const fn row(name: Name, full: &'static str, compact: u8, list: bool) -> Row {
    Row { name, full, compact, list }
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

/// The bit that tells small letters from capitals.
const CASE: u8 = 0x20;

/// How many bytes a word has: enough for most names and their colons.
pub(super) const WORD: usize = 16;

/// A full or compact form of less than a word, as it is compared.
#[derive(Clone, Copy)]
struct Form {
    /// In small letters, filled up with zeros.
    lower: u128,
    /// The case bits of its letters.
    letters: u128,
    length: usize,
    name: Name,
}

const fn form(name: Name, text: &[u8]) -> Form {
    let (mut lower, mut letters, mut at) = (0, 0, 0);
    while at < text.len() {
        let case = if text[at].is_ascii_alphabetic() { CASE } else { 0 };
        lower |= ((text[at] | case) as u128) << (at * 8);
        letters |= (case as u128) << (at * 8);
        at += 1;
    }
    Form { lower, letters, length: text.len(), name }
}

/// All of them.
static FORMS: [Form; 44] = forms();

const fn forms() -> [Form; 44] {
    let mut forms = [form(Name::Other, b""); 44];
    let (mut row, mut count) = (0, 0);
    while row < TABLE.len() {
        let Row { name, full, compact, .. } = TABLE[row];
        if full.len() < WORD {
            forms[count] = form(name, full.as_bytes());
            count += 1;
        }
        if compact != 0 {
            forms[count] = form(name, &[compact]);
            count += 1;
        }
        row += 1;
    }
    assert!(count == forms.len());
    forms
}

/// Which form each word can be: the slots of 128 that they fall into differ. The other slots tell any form,
/// which a word in them is not.
static SLOTS: [u8; 128] = slots();

const fn slots() -> [u8; 128] {
    let (mut slots, mut taken) = ([0; 128], [false; 128]);
    let mut at = 0;
    while at < FORMS.len() {
        let slot = slot(FORMS[at].lower);
        assert!(!taken[slot], "two forms in one slot: another factor is needed");
        taken[slot] = true;
        slots[slot] = at as u8;
        at += 1;
    }
    slots
}

/// The same for either case.
const fn slot(word: u128) -> usize {
    /// Found by trying.
    const FACTOR: u64 = 0xf38c_5c85_59df_52f3;
    const CASES: u64 = u64::from_le_bytes([CASE; 8]);
    let (first, second) = (word as u64 | CASES, (word >> 64) as u64 | CASES);
    ((first ^ second).wrapping_mul(FACTOR) >> 57) as usize
}

/// The bytes of a name in a word, by its length.
static KEPT: [u128; WORD] = kept();

const fn kept() -> [u128; WORD] {
    let mut words = [0; WORD];
    let mut length = 1;
    while length < WORD {
        words[length] = words[length - 1] << 8 | 0xff;
        length += 1;
    }
    words
}

/// The known name that `start` begins with, `length` bytes long and less than a word, in any case, in full
/// or compact form.
#[inline(always)]
pub(super) fn named(start: &[u8; WORD], length: usize) -> Option<Name> {
    let word = u128::from_le_bytes(*start) & KEPT.get(length)?;
    let form = FORMS.get(usize::from(*SLOTS.get(slot(word))?))?;
    // By length too: what fills a name up may stand in a longer one.
    let same = form.length == length && word | form.letters == form.lower;
    same.then_some(form.name)
}

/// The rows of names that need more than a word; they stand at the end.
fn long_rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().rev().take_while(|row| row.full.len() >= WORD)
}

impl Name {
    /// How many there are, `Other` included.
    pub(super) const COUNT: usize = TABLE.len() + 1;

    /// The name that `text`, a token, spells, in any case, in full or compact form.
    pub fn parse(text: &[u8]) -> Self {
        if text.len() >= WORD {
            let row = long_rows().find(|row| text.eq_ignore_ascii_case(row.full.as_bytes()));
            return row.map_or(Self::Other, |row| row.name);
        }
        let mut start = [0; WORD];
        start.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
        named(&start, text.len()).unwrap_or(Self::Other)
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
    fn other_names_are_other() {
        for text in ["", "Z", "Xyzzy", "Content-Lengthy-And-Longer-Than-Any"] {
            assert_eq!(Name::parse(text.as_bytes()), Name::Other);
        }
    }
}

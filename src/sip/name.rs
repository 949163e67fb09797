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
    /// What `full` is compared by.
    folded: Folded,
    compact: u8,
    list: bool,
}

impl Row {
    fn name(&self) -> Name {
        self.name
    }
}

const fn row(name: Name, full: &'static str, compact: u8, list: bool) -> Row {
    Row { name, full, folded: folded(full.as_bytes()), compact, list }
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

/// A name of at most 24 bytes in one case, filled up with blanks.
type Folded = [u64; 3];

/// The bit that tells small letters from capitals; set in all other bytes of known names.
const CASE: u64 = 0x2020_2020_2020_2020;

const fn folded(text: &[u8]) -> Folded {
    let mut words = [0; 3];
    let mut at = 0;
    while at < text.len() {
        words[at / 8] |= (text[at] as u64) << (at % 8 * 8);
        at += 1;
    }
    [words[0] | CASE, words[1] | CASE, words[2] | CASE]
}

/// The first bytes of a header line: enough for every known name and its colon.
pub(super) struct Start([u64; 3]);

impl Start {
    /// The beginning of `line`, which may be followed by other lines.
    #[inline]
    pub fn of(line: &[u8]) -> Self {
        let mut short = [0; 24];
        let bytes = line.first_chunk::<24>().unwrap_or_else(|| {
            short.iter_mut().zip(line).for_each(|(place, byte)| *place = *byte);
            &short
        });
        let word = |at: usize| {
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
            u64::from_le_bytes(word.copied().unwrap_or_default())
        };
        Self([word(0), word(8), word(16)])
    }

    /// Where the first colon stands.
    #[inline]
    pub fn colon(&self) -> Option<usize> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const COLONS: u64 = 0x3a * ONES;
        let found = |word: u64| {
            let other = word ^ COLONS;
            let zeros = other.wrapping_sub(ONES) & !other & (0x80 * ONES);
            (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
        };
        let [first, second, third] = self.0;
        found(first)
            .or_else(|| found(second).map(|at| at + 8))
            .or_else(|| found(third).map(|at| at + 16))
    }

    /// The name of `length` bytes, in any case, in full or compact form. A line break is none of them:
    /// only a CR could be taken for another byte.
    #[inline]
    pub fn name(&self, length: usize) -> Name {
        let kept = |word: u64, before: usize| match length.saturating_sub(before) {
            left @ 0..8 => word & ((1 << (left * 8)) - 1),
            _ => word,
        };
        let [first, second, third] = self.0;
        let [first, second, third] = [kept(first, 0), kept(second, 8), kept(third, 16)];
        if length == 1 {
            let compact = u8::try_from(first | 0x20).unwrap_or_default();
            return TABLE.iter().find(|row| row.compact == compact).map_or(Name::Other, Row::name);
        }
        let folded = [first | CASE, second | CASE, third | CASE];
        let row = SLOTS.get(slot(folded)).and_then(|row| TABLE.get(usize::from(*row)));
        // By length too: what fills a name up may stand in a longer one.
        let same = |row: &&Row| {
            // Word by word: they were only just put together.
            let pairs = row.folded.iter().zip(folded);
            let other = pairs.fold(0, |other, (known, here)| other | (known ^ here));
            other == 0 && row.full.len() == length
        };
        row.filter(same).map_or(Name::Other, Row::name)
    }
}

/// Which row each known name is found in: the slots of 128 that their words fall into differ.
static SLOTS: [u8; 128] = slots();

const fn slots() -> [u8; 128] {
    let mut slots = [u8::MAX; 128];
    let mut row = 0;
    while row < TABLE.len() {
        let slot = slot(TABLE[row].folded);
        assert!(slots[slot] == u8::MAX, "two names in one slot: another factor is needed");
        slots[slot] = row as u8;
        row += 1;
    }
    slots
}

const fn slot(folded: Folded) -> usize {
    /// Found by trying.
    const FACTOR: u64 = 0x0aba_c0d6_00df_7917;
    let [first, second, third] = folded;
    let mixed = first ^ second.rotate_left(23) ^ third.rotate_left(47);
    (mixed.wrapping_mul(FACTOR) >> 57) as usize
}

impl Name {
    /// How many there are, `Other` included.
    pub(super) const COUNT: usize = TABLE.len() + 1;

    /// The name that `text`, a token, spells, in any case, in full or compact form.
    pub fn parse(text: &[u8]) -> Self {
        Start::of(text).name(text.len())
    }

    /// The full spelling; `Other` has none of its own and gives `other`.
    pub fn text(self) -> &'static str {
        TABLE.get(self as usize).map_or("other", |row| row.full)
    }

    /// Whether several values may stand in one header, split by commas (RFC 3261 7.3.1).
    pub fn is_list(self) -> bool {
        TABLE.get(self as usize).is_some_and(|row| row.list)
    }

    /// The bit that stands for this name in a set of names.
    pub(super) fn bit(self) -> u64 {
        1 << (self as u8)
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
        assert!(TABLE.iter().all(|row| (2..24).contains(&row.full.len())));
    }

    #[test]
    fn other_names_are_other() {
        for text in ["", "Z", "Xyzzy", "Content-Lengthy-And-Longer-Than-Any"] {
            assert_eq!(Name::parse(text.as_bytes()), Name::Other);
        }
    }
}

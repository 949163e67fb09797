//! What a license may switch on besides counts. The list is open: a new feature is one line.

use std::fmt;
use std::str::FromStr;

macro_rules! features {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// One feature of a license.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature { $($variant),+ }

        impl Feature {
            /// Every feature, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in SQL, JSON, logs and on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

features! {
    SipTrunks = "sip_trunks",
    WebDialer = "web_dialer",
    Ukey2 = "ukey2",
    RemoteDoorOpening = "remote_door_opening",
    SiriAppleWatch = "siri_apple_watch",
    GuestAccess = "guest_access",
    ElevatorAccess = "elevator_access",
    AmenitiesReservation = "amenities_reservation",
    LicensePlateRecognition = "license_plate_recognition",
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = String;

    /// Errors name the features that exist.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|feature| feature.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|feature| feature.name()).collect();
            format!("no feature is called {text:?}; there are {}", names.join(", "))
        })
    }
}

/// A set of features.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FeatureSet(u16);

impl FeatureSet {
    pub const NONE: Self = Self(0);

    /// Every feature: what a path without a gate has.
    pub fn all() -> Self {
        // Does not compile with more features than there are bits.
        const ALL: u16 = u16::MAX >> (16 - Feature::ALL.len());
        Self(ALL)
    }

    /// One bit for each feature, as [`FeatureSet::of_bits`] takes them back.
    pub fn bits(self) -> u32 {
        self.0.into()
    }

    /// The features of `bits`; bits of none are left out.
    pub fn of_bits(bits: u32) -> Self {
        Self((bits & Self::all().bits()) as u16)
    }

    pub fn contains(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }

    pub fn insert(&mut self, feature: Feature) {
        self.0 |= 1 << feature as u32;
    }

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in `self` and not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |feature| self.contains(*feature))
    }
}

impl FromIterator<Feature> for FeatureSet {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        let mut set = Self::NONE;
        for feature in features {
            set.insert(feature);
        }
        set
    }
}

impl fmt::Debug for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

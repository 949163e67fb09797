//! What a gate keeps in one word each: two sums that change together, and what a packet reads of it
//! besides.

use crate::license::{FeatureSet, GateStatus};

/// Sums in both halves of one word: adding packed words adds both resources, borrow included.
pub(super) fn pack(sip: i64, apps: i64) -> u64 {
    (apps << 32).wrapping_add(sip).cast_unsigned()
}

pub(super) fn unpack(word: u64) -> (i64, i64) {
    let word = word.cast_signed();
    let sip = i64::from(word as i32);
    (sip, word.wrapping_sub(sip) >> 32)
}

/// What a gate is, in one word, so that a packet reads it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Face {
    pub status: GateStatus,
    pub monitor: bool,
    pub features: FeatureSet,
}

impl Face {
    pub fn pack(self) -> u64 {
        let features = u64::from(self.features.bits());
        let status = match self.status {
            GateStatus::Valid => 0,
            GateStatus::Suspended => 1,
            GateStatus::NotYetValid => 2,
            GateStatus::Expired => 3,
            GateStatus::NoLicense => 4,
        };
        features | status << 40 | u64::from(self.monitor) << 48
    }

    pub fn unpack(word: u64) -> Self {
        let status = match word >> 40 & 0xff {
            0 => GateStatus::Valid,
            1 => GateStatus::Suspended,
            2 => GateStatus::NotYetValid,
            3 => GateStatus::Expired,
            _ => GateStatus::NoLicense,
        };
        let features = FeatureSet::of_bits(word as u32);
        Self { status, monitor: word >> 48 & 1 == 1, features }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::Feature;

    #[test]
    fn both_halves_hold_their_own_sum_whatever_the_sign() {
        for sip in [-2_000_000_000, -1, 0, 1, 2_000_000_000] {
            for apps in [-2_000_000_000, -1, 0, 1, 2_000_000_000] {
                assert_eq!(unpack(pack(sip, apps)), (sip, apps));
                let sum = pack(sip, apps).wrapping_add(pack(-sip, 7 - apps));
                assert_eq!(unpack(sum), (0, 7));
            }
        }
    }

    #[test]
    fn the_face_comes_back_whole() {
        let face = Face {
            status: GateStatus::Expired,
            monitor: true,
            features: [Feature::SipTrunks, Feature::LicensePlateRecognition].into_iter().collect(),
        };

        assert_eq!(Face::unpack(face.pack()), face);
    }
}

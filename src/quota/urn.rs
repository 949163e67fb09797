//! Instances as nearly all devices show them, `<urn:uuid:…>` (RFC 4122), kept as the 16 bytes that they
//! name: in one case of letters, so that the very text comes back.

/// The length of the text.
pub(super) const LEN: usize = 47;

/// How the digits above 9 are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    Lower = 39,
    Upper = 7,
}

/// The bytes of a text that [`text`] gives back as it is.
pub(super) fn pack(shown: &[u8]) -> Option<(Letters, [u8; 16])> {
    let mut digits = [0u8; 32];
    let shown: &[u8; LEN] = shown.try_into().ok()?;
    let shown_digits = shown[10..46].iter().filter(|byte| **byte != b'-');
    digits.iter_mut().zip(shown_digits).for_each(|(place, digit)| *place = *digit);
    let value = |digit: &u8| u128::from(char::from(*digit).to_digit(16).unwrap_or(0));
    let uuid = digits.iter().fold(0u128, |all, digit| all << 4 | value(digit)).to_be_bytes();
    let whole = |letters: &Letters| text(&uuid, *letters) == *shown;
    Some(([Letters::Lower, Letters::Upper].into_iter().find(whole)?, uuid))
}

/// The text.
pub(super) fn text(uuid: &[u8; 16], letters: Letters) -> [u8; LEN] {
    let [first, second, third, fourth] = digits(uuid, letters);
    let mut text = *b"<urn:uuid:00000000-0000-0000-0000-000000000000>";
    text[10..18].copy_from_slice(&first);
    text[19..23].copy_from_slice(&second[..4]);
    text[24..28].copy_from_slice(&second[4..]);
    text[29..33].copy_from_slice(&third[..4]);
    text[34..38].copy_from_slice(&third[4..]);
    text[38..46].copy_from_slice(&fourth);
    text
}

/// Whether `shown` is the text.
pub(super) fn is(uuid: &[u8; 16], letters: Letters, shown: &[u8]) -> bool {
    let Ok(shown) = <&[u8; LEN]>::try_from(shown) else { return false };
    let [first, second, third, fourth] = digits(uuid, letters);
    // The last ones differ most.
    shown[38..46] == fourth
        && shown[10..18] == first
        && shown[19..23] == second[..4]
        && shown[24..28] == second[4..]
        && shown[29..33] == third[..4]
        && shown[34..38] == third[4..]
        && shown[..10] == *b"<urn:uuid:"
        && [shown[18], shown[23], shown[28], shown[33], shown[46]] == *b"---->"
}

/// The digits, eight at once.
fn digits(uuid: &[u8; 16], letters: Letters) -> [[u8; 8]; 4] {
    let words = u128::from_be_bytes(*uuid);
    [96, 64, 32, 0].map(|shift| eight_digits((words >> shift) as u32, letters))
}

fn eight_digits(word: u32, letters: Letters) -> [u8; 8] {
    // Each half-byte into a byte of its own.
    let spread = u64::from(word);
    let spread = (spread << 16 | spread) & 0x0000_ffff_0000_ffff;
    let spread = (spread << 8 | spread) & 0x00ff_00ff_00ff_00ff;
    let spread = (spread << 4 | spread) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 where it is above 9: no byte carries into the next.
    let above = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (spread + 0x3030_3030_3030_3030 + above * letters as u64).to_be_bytes()
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_back_as_it_is_is_packed() {
        let whole = "<urn:uuid:5d3f9a10-7c2e-11ee-b962-0123456789ab>";
        let upper = "<urn:uuid:5D3F9A10-7C2E-11EE-B962-0123456789AB>";
        for shown in [whole, upper] {
            let (letters, uuid) = pack(shown.as_bytes()).unwrap();

            assert_eq!(text(&uuid, letters), *shown.as_bytes());
            assert!(is(&uuid, letters, shown.as_bytes()));
            assert_eq!(uuid[..5], [0x5d, 0x3f, 0x9a, 0x10, 0x7c]);
        }
        let others = [
            "<urn:uuid:5d3F9a10-7c2e-11ee-b962-0123456789ab>",
            "<urn:uuid:5d3f9a10-7c2e-11ee-b962-0123456789ag>",
            "<urn:uuid:5d3f9a10+7c2e-11ee-b962-0123456789ab>",
            "<URN:uuid:5d3f9a10-7c2e-11ee-b962-0123456789ab>",
            "<urn:uuid:5d3f9a10-7c2e-11ee-b962-0123456789ab]",
            "<urn:uuid:5d3f9a10-7c2e-11ee-b962-0123456789ab> ",
            "",
        ];
        let (letters, uuid) = pack(whole.as_bytes()).unwrap();
        for other in others {
            assert_eq!(pack(other.as_bytes()), None, "{other}");
            assert!(!is(&uuid, letters, other.as_bytes()), "{other}");
        }
        assert!(!is(&uuid, letters, upper.as_bytes()));
    }
}

//! A range of user parts as it is written: `1000-1999`.

use std::str::FromStr;

/// Both ends, digits of one length, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    pub first: String,
    pub last: String,
}

impl FromStr for Digits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').ok_or("write FIRST-LAST: 1000-1999")?;
        let digits = |end: &str| !end.is_empty() && end.bytes().all(|b| b.is_ascii_digit());
        if !digits(first) || !digits(last) {
            return Err("both ends are digits: 1000-1999".to_owned());
        }
        if first.len() != last.len() {
            return Err("both ends have the same length: 0100-1999".to_owned());
        }
        if first > last {
            return Err("the first is not after the last".to_owned());
        }
        Ok(Self { first: first.to_owned(), last: last.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_digits_of_one_length_in_order() {
        assert_eq!(
            "0100-1999".parse(),
            Ok(Digits { first: "0100".to_owned(), last: "1999".to_owned() })
        );
        for wrong in ["1000", "100-1999", "2000-1999", "-1", "a-b", "1-2-3", "10 - 20"] {
            assert!(wrong.parse::<Digits>().is_err(), "{wrong}");
        }
    }
}

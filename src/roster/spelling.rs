//! A number in the one spelling under which it is known.

use std::borrow::Cow;

use crate::sip::{Rules, Uri, normalize};

/// Reads a number as people write it: `101@Example.com` is `sip:101@example.com`. `alias` gives the domain
/// that a host stands for.
pub fn spell<'a>(
    text: &str,
    alias: &'a dyn Fn(&str) -> Option<&'a str>,
    fold_user_case: bool,
) -> Result<String, String> {
    let unreadable = || format!("{text:?} is no number; write sip:101@example.com");
    let is_scheme =
        |word: &str| ["sip", "sips", "tel"].iter().any(|s| word.eq_ignore_ascii_case(s));
    let rest = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).map(|(_, rest)| rest);
    let uri = if rest.is_some() { text.to_owned() } else { format!("sip:{text}") };
    // The text is not repeated, for what stands after the colon is a secret.
    if rest.unwrap_or(text).rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
        return Err("a password is no part of a number; it has a place of its own".to_owned());
    }
    let rules = Rules { alias, fold_user_case };
    let uri = Uri::parse(uri.as_bytes()).ok_or_else(unreadable)?;
    normalize(&uri, &rules).map(Cow::into_owned).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        let alias = |host: &str| (host == "192.0.2.1").then_some("example.com");
        for text in ["SIP:9@example.com", "9@Example.com", "sip:9@192.0.2.1:5060"] {
            assert_eq!(spell(text, &alias, false).unwrap(), "sip:9@example.com", "{text}");
        }
    }

    #[test]
    fn a_password_in_a_number_is_refused_and_not_repeated() {
        for text in ["sip:anna:secret@example.com", "anna:secret@example.com", "SIP:a:secret@b"] {
            let fault = spell(text, &|_| None, false).unwrap_err();
            assert!(!fault.contains("secret"), "{fault}");
        }
    }
}

//! Texts that people give: what a name, a label, a mail address, a number and a password may look like.
//! What nobody can see in a list (controls, zero width, turned direction) makes two names look like one.

/// Characters of a name or label, at most.
const LONGEST: usize = 200;
/// Characters of a mail address, at most (RFC 5321 4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;

/// Why a text is no name, if it is none.
pub fn name_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() { Some("it is empty") } else { label_fault(text) }
}

/// Why a text is no label, if it is none; a label may be empty.
pub fn label_fault(text: &str) -> Option<&'static str> {
    if text.chars().any(is_unseen) {
        Some("it has a character that cannot be seen")
    } else if text != text.trim() {
        Some("it starts or ends with a space")
    } else if text.chars().count() > LONGEST {
        Some("it has more than 200 characters")
    } else {
        None
    }
}

/// Why a text is no mail address, if it is none.
pub fn email_fault(text: &str) -> Option<&'static str> {
    let shaped = text
        .rsplit_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !user.contains('@'));
    if text.chars().any(|c| is_unseen(c) || c.is_whitespace()) {
        Some("it has a space or a character that cannot be seen")
    } else if text.chars().count() > LONGEST_EMAIL {
        Some("it has more than 254 characters")
    } else if !shaped {
        Some("write anna@example.com")
    } else {
        None
    }
}

/// Why a text is no number in its stored form, if it is none.
pub fn number_fault(aor: &str) -> Option<&'static str> {
    let shaped = aor.strip_prefix("sip:").and_then(|rest| rest.split_once('@'));
    let Some((user, host)) = shaped.filter(|(user, host)| !user.is_empty() && !host.is_empty())
    else {
        return Some("write sip:user@domain");
    };
    if aor.chars().any(|c| is_unseen(c) || c.is_whitespace() || "<>\";".contains(c)) {
        Some("it has a character that no number has")
    } else if host.contains('@') || user.contains(':') {
        Some("write sip:user@domain")
    } else if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some("its domain is not in lower case")
    } else {
        None
    }
}

/// Why a text is no domain of a claim, if it is none.
pub fn domain_fault(text: &str) -> Option<&'static str> {
    let foreign = |c: char| is_unseen(c) || c.is_whitespace() || "<>\"@;:/".contains(c);
    if text.is_empty() {
        Some("it is empty")
    } else if text.chars().any(foreign) {
        Some("it has a character that no domain has")
    } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some("it is not in lower case")
    } else {
        None
    }
}

/// Why a text is no password, if it is none.
pub fn password_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("it is empty")
    } else if text.chars().any(char::is_control) {
        Some("it has a control character")
    } else {
        None
    }
}

fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_seen_and_is_not_endless() {
        for name in ["A Residence", "Ä/Ö", "中", &"x".repeat(200)] {
            assert_eq!(name_fault(name), None, "{name:?}");
        }
        let long = "x".repeat(201);
        for wrong in ["", " a", "a ", "a\nb", "a\u{200b}b", "\u{202e}cod", "a\u{7f}", &long] {
            assert!(name_fault(wrong).is_some(), "{wrong:?}");
        }
        assert_eq!(label_fault(""), None);
    }

    #[test]
    fn mail_addresses_numbers_and_passwords_have_their_shape() {
        assert_eq!(email_fault("anna@example.com"), None);
        for wrong in ["", "anna", "@b", "a@", "a b@c", "a@b@c", "a@\u{200b}b"] {
            assert!(email_fault(wrong).is_some(), "{wrong:?}");
        }
        assert_eq!(number_fault("sip:+49@example.com"), None);
        for wrong in ["sip:a", "tel:1@b", "sip:@b", "sip:a@", "sip:a@B", "sip:a b@c", "sip:a@b@c"] {
            assert!(number_fault(wrong).is_some(), "{wrong:?}");
        }
        assert_eq!(domain_fault("example.com"), None);
        for wrong in ["", "exa mple.com", "a@b", "a:5060", "Example.com"] {
            assert!(domain_fault(wrong).is_some(), "{wrong:?}");
        }
        assert!(password_fault("a\tb").is_some() && password_fault("pass word").is_none());
    }
}

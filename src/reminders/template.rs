//! Templates: a subject, a text and a page for each event, with `{{ variables }}`. Those that somebody
//! changed are tried before they are kept; rendering one is bounded, and nothing in a name is markup.

use std::fmt;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::letter::Variables;
use crate::store::TemplateRow;

/// Steps that rendering one part may take.
const FUEL: u64 = 50_000;
/// Bytes of one part of a template, at most.
const LONGEST_SOURCE: usize = 64 * 1024;
/// Bytes of one part when it is rendered, at most.
const LONGEST_RENDERED: usize = 256 * 1024;
/// Characters of a subject, at most.
const LONGEST_SUBJECT: usize = 200;

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A due end comes.
    LicenseEnding,
    /// Somebody wants to see whether mails arrive.
    Test,
}

/// A mail as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Why a template cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// `subject`, `text` or `html`.
    pub part: &'static str,
    /// From 1, where it is known.
    pub line: Option<usize>,
    pub message: String,
}

impl Event {
    pub const ALL: [Self; 2] = [Self::LicenseEnding, Self::Test];

    /// The word for it in SQL, JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::LicenseEnding => "license_ending",
            Self::Test => "test",
        }
    }

    /// The template that holds where nobody changed it.
    pub fn built_in(self) -> TemplateRow {
        let (subject, text, html) = match self {
            Self::LicenseEnding => (
                include_str!("templates/license_ending.subject.txt"),
                include_str!("templates/license_ending.txt"),
                include_str!("templates/license_ending.html"),
            ),
            Self::Test => (
                include_str!("templates/test.subject.txt"),
                include_str!("templates/test.txt"),
                include_str!("templates/test.html"),
            ),
        };
        let subject = subject.trim_end().to_owned();
        TemplateRow { subject, text: text.to_owned(), html: html.to_owned() }
    }
}

impl std::str::FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|event| event.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no event is called {text:?}; there are {names}")
        })
    }
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.part)?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for TemplateFault {}

/// Renders a template.
pub fn render(template: &TemplateRow, variables: &Variables) -> Result<Rendered, TemplateFault> {
    let subject = part("subject", &template.subject, variables)?;
    Ok(Rendered {
        subject: one_line(&subject),
        text: part("text", &template.text, variables)?,
        html: part("html", &template.html, variables)?,
    })
}

/// Tries a template with all that a mail may say, and with as little as it may.
pub fn check(template: &TemplateRow) -> Result<(), TemplateFault> {
    for variables in [Variables::sample(), Variables::sample().for_end_users()] {
        render(template, &variables)?;
    }
    Ok(())
}

fn part(part: &'static str, source: &str, variables: &Variables) -> Result<String, TemplateFault> {
    let fault = |message: String| TemplateFault { part, line: None, message };
    if source.len() > LONGEST_SOURCE {
        return Err(fault(format!("is longer than {LONGEST_SOURCE} bytes")));
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|name| match name {
        "html" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    let template = environment.template_from_named_str(part, source);
    let rendered = template.and_then(|template| template.render(variables.value()));
    let rendered = rendered.map_err(|error| TemplateFault {
        part,
        line: error.line(),
        message: match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        },
    })?;
    if rendered.len() > LONGEST_RENDERED {
        return Err(fault(format!("becomes longer than {LONGEST_RENDERED} bytes")));
    }
    Ok(rendered)
}

/// A header is one line: whatever breaks lines or cannot be seen is a space.
fn one_line(text: &str) -> String {
    let plain = text.replace(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c), " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_text(text: &str) -> TemplateRow {
        TemplateRow { text: text.into(), ..Event::LicenseEnding.built_in() }
    }

    #[test]
    fn the_built_in_templates_can_be_rendered() {
        for event in Event::ALL {
            check(&event.built_in()).unwrap();
        }
        let mail = render(&Event::LicenseEnding.built_in(), &Variables::sample()).unwrap();

        assert_eq!(mail.subject, "A Residence: licenses end on 30 November 2024 (7 days left)");
        assert!(mail.text.contains("SIP numbers: 60 before, 50 after"), "{}", mail.text);
        assert!(mail.text.contains("1 December 2024, 00:00 (Europe/Madrid)"), "{}", mail.text);
        assert!(mail.html.contains("<b>50</b>"), "{}", mail.html);
    }

    #[test]
    fn an_end_user_reads_no_figures() {
        let variables = Variables::sample().for_end_users();

        let mail = render(&Event::LicenseEnding.built_in(), &variables).unwrap();

        for secret in ["60 before", "SmartHome", "Plus", ">60<", "trunks"] {
            assert!(!mail.text.contains(secret) && !mail.html.contains(secret), "{secret}");
        }
    }

    #[test]
    fn a_fault_is_told_with_part_and_line() {
        let fault = check(&with_text("one\n{{ grup }}")).unwrap_err();
        assert_eq!((fault.part, fault.line), ("text", Some(2)));

        let open = check(&with_text("{% if group %}")).unwrap_err();
        assert_eq!(open.part, "text");
        let html = TemplateRow { html: "\n\n{{ 1 / 0 }}".into(), ..with_text("") };
        assert_eq!(check(&html).unwrap_err().part, "html");
    }

    #[test]
    fn a_template_cannot_run_for_ever() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";

        let fault = check(&with_text(endless)).unwrap_err();

        assert!(fault.message.contains("fuel"), "{fault}");
        let long = format!("{{% for a in range(9999) %}}{}{{% endfor %}}", "x".repeat(1_000));
        assert!(check(&with_text(&long)).is_err());
        assert!(check(&with_text(&"x".repeat(LONGEST_SOURCE + 1))).is_err());
    }

    #[test]
    fn a_name_is_never_markup_a_header_or_a_template() {
        let name = "{{7*7}}\r\nBcc: all@example.com <script>alert(1)</script>";
        let variables = Variables { group: name.into(), path: name.into(), ..Variables::sample() };

        let mail = render(&Event::LicenseEnding.built_in(), &variables).unwrap();

        assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
        assert!(mail.subject.starts_with("{{7*7}} Bcc: all@example.com"), "{}", mail.subject);
        assert!(mail.text.contains("{{7*7}}") && !mail.text.contains("49"), "{}", mail.text);
        assert!(!mail.html.contains("<script>"), "{}", mail.html);
        assert!(mail.html.contains("&lt;script&gt;"), "{}", mail.html);
    }
}

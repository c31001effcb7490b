//! A walk through everything a service can refuse: each refusal is read in both languages and held against what every
//! refusal must have, and at the end against the service's catalogue, so that a new reason without a row fails.

use std::collections::BTreeSet;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The languages every refusal is asked in.
pub const LANGUAGES: [&str; 2] = ["ja", "en"];

/// What a refusal is expected to say.
#[derive(Debug, Clone)]
pub struct Refusal {
    code: Code,
    reason: &'static str,
    fields: Vec<(&'static str, &'static str)>,
    retry: bool,
}

impl Refusal {
    /// A refusal with this status and this reason; nothing else is expected.
    pub const fn new(code: Code, reason: &'static str) -> Self {
        Self {
            code,
            reason,
            fields: Vec::new(),
            retry: false,
        }
    }

    /// `INVALID_ARGUMENT` with one wrong field.
    pub fn invalid(field: &'static str, reason: &'static str) -> Self {
        Self::new(Code::InvalidArgument, "INVALID_ARGUMENT").field(field, reason)
    }

    /// Names a field of the request, and why.
    #[must_use]
    pub fn field(mut self, field: &'static str, reason: &'static str) -> Self {
        self.fields.push((field, reason));
        self
    }

    /// Says when to come back.
    #[must_use]
    pub const fn retry(mut self) -> Self {
        self.retry = true;
        self
    }
}

/// The reasons met so far.
#[derive(Debug)]
pub struct Walk {
    domain: String,
    met: BTreeSet<String>,
}

impl Walk {
    /// Through the service with this short name.
    pub fn through(service: &str) -> Self {
        Self {
            domain: format!("madoguchi.{service}"),
            met: BTreeSet::new(),
        }
    }

    /// Holds a refusal, asked for in Japanese and in English, against what was expected. Wrong fields are compared whole:
    /// one more or one less fails.
    ///
    /// # Panics
    /// With what is missing or different.
    #[track_caller]
    pub fn refused(&mut self, expected: &Refusal, [japanese, english]: [&Status; 2]) {
        let reason = expected.reason;
        let [ja, en] = [japanese, english].map(|status| {
            assert_eq!(status.code(), expected.code, "{reason}: {status:?}");
            self.details(expected, status)
        });
        self.text(reason, &message(&ja, reason, "ja"), &message(&en, reason, "en"));
        let [ja, en] = [&ja, &en].map(|details| field_texts(details, reason));
        for ((_, reason), (ja, en)) in expected.fields.iter().zip(ja.iter().zip(&en)) {
            self.text(reason, ja, en);
        }
    }

    /// Holds a text that stands in an answer (a row's problem, a number's verdict, a warning) against what every text
    /// must be: there, without holes, and translated.
    ///
    /// # Panics
    /// With the reason of a text that is not.
    #[track_caller]
    pub fn text(&mut self, reason: &str, japanese: &str, english: &str) {
        for text in [japanese, english] {
            assert!(
                !text.trim().is_empty() && !text.contains(['{', '}']) && text != reason,
                "the text of {reason} is `{text}`"
            );
        }
        assert!(
            !english.chars().any(is_japanese),
            "{reason} in English: {english}"
        );
        assert!(
            japanese.chars().any(is_japanese),
            "{reason} in Japanese: {japanese}"
        );
        self.met.insert(reason.to_owned());
    }

    /// Every reason of a catalogue (the text of `messages.toml`) was met.
    ///
    /// # Panics
    /// With the reasons that were not.
    #[track_caller]
    pub fn covers(&self, catalogue: &str) {
        self.covers_all_but(&[], catalogue);
    }

    /// Every reason was met but these, which no sequence of calls leads to; say why where this is called.
    ///
    /// # Panics
    /// With the reasons that were not met, or with an exception that was.
    #[track_caller]
    pub fn covers_all_but(&self, exceptions: &[&str], catalogue: &str) {
        for exception in exceptions {
            assert!(!self.met.contains(*exception), "{exception} is met after all");
        }
        let missing: Vec<&str> = reasons(catalogue)
            .filter(|reason| !self.met.contains(*reason) && !exceptions.contains(reason))
            .collect();
        assert!(
            missing.is_empty(),
            "the walk does not meet {}",
            missing.join(", ")
        );
    }

    fn details(&self, expected: &Refusal, status: &Status) -> ErrorDetails {
        let reason = expected.reason;
        let details = status.get_error_details();
        let info = details.error_info().map(|info| (&*info.domain, &*info.reason));
        assert_eq!(info, Some((self.domain.as_str(), reason)), "{status:?}");
        let fields: Vec<(&str, &str)> = details.bad_request().map_or_else(Vec::new, |bad| {
            bad.field_violations
                .iter()
                .map(|field| (&*field.field, &*field.reason))
                .collect()
        });
        assert_eq!(fields, expected.fields, "the wrong fields of {reason}");
        let retry = details.retry_info().and_then(|retry| retry.retry_delay);
        assert_eq!(
            retry.is_some_and(|delay| !delay.is_zero()),
            expected.retry,
            "{reason} says when to come back: {retry:?}"
        );
        details
    }
}

#[track_caller]
fn message(details: &ErrorDetails, reason: &str, language: &str) -> String {
    let text = details
        .localized_message()
        .map(|text| (&*text.locale, &*text.message));
    let (locale, message) = text.unwrap_or_default();
    assert_eq!(locale, language, "{reason} is told in {language}");
    message.to_owned()
}

fn field_texts(details: &ErrorDetails, reason: &str) -> Vec<String> {
    let fields = details.bad_request().map(|bad| bad.field_violations.as_slice());
    let text = |field: &tonic_types::FieldViolation| {
        let text = field.localized_message.as_ref().map(|text| text.message.clone());
        assert!(text.is_some(), "{reason}: field {} has no text", field.field);
        text.unwrap_or_default()
    };
    fields.unwrap_or_default().iter().map(text).collect()
}

fn is_japanese(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}')
}

/// The names of a catalogue's tables.
fn reasons(catalogue: &str) -> impl Iterator<Item = &str> {
    catalogue
        .lines()
        .filter_map(|line| line.trim().strip_prefix('[')?.strip_suffix(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "does not meet LATE")]
    fn a_reason_without_a_row_fails() {
        let mut walk = Walk::through("probe");
        walk.text("FULL", "満員です。", "It is full.");
        walk.covers(
            "[FULL]\nja = \"満員です。\"\nen = \"It is full.\"\n[LATE]\nja = \"遅刻\"\nen = \"Late\"",
        );
    }

    #[test]
    #[should_panic(expected = "FULL in English")]
    fn a_text_that_is_not_translated_fails() {
        Walk::through("probe").text("FULL", "満員です。", "満員です。");
    }

    #[test]
    #[should_panic(expected = "the text of FULL")]
    fn a_text_with_a_hole_fails() {
        Walk::through("probe").text("FULL", "{max}件で満員です。", "It is full with 8.");
    }

    #[test]
    #[should_panic(expected = "Some((\"madoguchi.probe\", \"FULL\"))")]
    fn a_bare_status_fails() {
        let bare = Status::unavailable("full");
        Walk::through("probe").refused(&Refusal::new(Code::Unavailable, "FULL"), [&bare, &bare]);
    }
}

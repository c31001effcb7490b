//! A personal value in every form in which it could lie about: as it is, escaped as JSON, as hexadecimal digits, in base64
//! at each of its three offsets, and a phone number in each notation.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use kernel::PhoneNumber;

/// One value to search for.
pub(crate) struct Needle {
    /// What it is; said when it is found.
    pub(crate) what: String,
    /// The forms.
    pub(crate) forms: Vec<(&'static str, Vec<u8>)>,
}

impl Needle {
    /// A text.
    pub(crate) fn text(what: &str, value: &str) -> Self {
        assert!(value.len() >= 6, "{what} is too short to be looked for");
        let bytes = value.as_bytes();
        let mut forms = vec![
            ("UTF-8", bytes.to_vec()),
            ("hexadecimal", hex::encode(bytes).into_bytes()),
        ];
        let (lower, upper) = (escaped(value, false), escaped(value, true));
        if lower != value {
            // PostgreSQL doubles backslashes where it prints a row as text.
            for text in [
                lower.replace('\\', "\\\\"),
                upper.replace('\\', "\\\\"),
                lower,
                upper,
            ] {
                forms.push(("JSON-escaped", text.into_bytes()));
            }
        }
        forms.extend(base64_forms(bytes));
        Self {
            what: what.to_owned(),
            forms,
        }
    }

    /// A phone number in every notation.
    pub(crate) fn phone(what: &str, number: &PhoneNumber) -> Vec<Self> {
        let e164 = number.as_e164();
        // Without the plus, which URLs and some encodings change.
        let notations = [
            &e164[1..],
            &number.national(),
            &number.display(),
            &number.display().replace('-', " "),
        ];
        notations
            .into_iter()
            .map(|notation| Self::text(&format!("{what} as {} characters", notation.len()), notation))
            .collect()
    }

    /// Bytes that are no text.
    pub(crate) fn bytes(what: &str, value: &[u8]) -> Self {
        Self {
            what: what.to_owned(),
            forms: vec![("bytes", value.to_vec())],
        }
    }

    /// The form found in `haystack`, if any.
    pub(crate) fn found_in(&self, haystack: &[u8]) -> Option<&'static str> {
        self.forms
            .iter()
            .find(|(_, form)| contains(haystack, form))
            .map(|(name, _)| *name)
    }
}

fn escaped(value: &str, upper: bool) -> String {
    value
        .chars()
        .flat_map(|c| {
            let mut units = [0; 2];
            if c.is_ascii() {
                return vec![c.to_string()];
            }
            let escape = |unit: &u16| {
                if upper {
                    format!("\\u{unit:04X}")
                } else {
                    format!("\\u{unit:04x}")
                }
            };
            c.encode_utf16(&mut units).iter().map(escape).collect()
        })
        .collect()
}

/// What base64 makes of the value wherever it starts in the encoded text, less the characters its neighbours share.
fn base64_forms(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = Vec::new();
    for offset in 0..3 {
        let shifted = [&vec![0; offset], bytes].concat();
        let shared_before = [0, 2, 3][offset];
        let whole = shifted.len() / 3 * 4;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            let form = text.as_bytes()[shared_before..whole.min(text.len())].to_vec();
            if form.len() >= 6 {
                forms.push(("base64", form));
            }
        }
    }
    forms
}

/// Looks for the first byte that is rare enough to skip by.
fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else {
        return false;
    };
    let mut left = haystack;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = &left[at + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

#[test]
fn a_value_is_found_in_every_form_and_at_every_offset() {
    let needle = Needle::text("name", "見本　花子");
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}見本　花子{before}");
        assert!(needle.found_in(text.as_bytes()).is_some());
        assert_eq!(
            needle.found_in(STANDARD_NO_PAD.encode(&text).as_bytes()),
            Some("base64"),
            "{before}"
        );
        assert_eq!(
            needle.found_in(hex::encode(&text).as_bytes()),
            Some("hexadecimal")
        );
    }
    assert_eq!(
        needle.found_in(br"\u898b\u672c\u3000\u82b1\u5b50"),
        Some("JSON-escaped")
    );
    assert_eq!(needle.found_in("見本　太郎".as_bytes()), None);
    let phone = PhoneNumber::parse("090-1234-5678").unwrap();
    for text in ["+819012345678", "09012345678", "090-1234-5678", "090 1234 5678"] {
        assert!(
            Needle::phone("phone", &phone)
                .iter()
                .any(|needle| needle.found_in(text.as_bytes()).is_some()),
            "{text}"
        );
    }
}

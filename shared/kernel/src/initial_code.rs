//! The initial password or procedure code (初回パスワード/手続コード) as a customer types it (ID-3, ID-4).
//! A secret: it prints nothing and is never serialised.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

use crate::marks;

/// Most characters of a code; a printed code is far shorter, so more is no typing error but an attempt.
pub const MAX_CHARS: usize = 64;

/// A typed code in canonical form: NFKC, without spaces and dashes, letters' case kept.
#[derive(Clone, PartialEq, Eq)]
pub struct InitialCode(String);

/// Why a text is no usable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InitialCodeError {
    /// Nothing was typed.
    #[error("the code is empty")]
    Empty,
    /// ID-4: the row of asterisks that stands on the paper instead of a code. Never a failed attempt.
    #[error("the code is masked")]
    Masked,
    /// Longer than any code.
    #[error("the code is longer than {MAX_CHARS} characters")]
    TooLong,
}

impl InitialCode {
    /// Reads what the customer typed.
    pub fn parse(typed: &str) -> Result<Self, InitialCodeError> {
        if is_masked(typed) {
            return Err(InitialCodeError::Masked);
        }
        let code: String = typed
            .nfkc()
            .filter(|c| !marks::is_blank(*c) && !marks::is_dash_like(*c))
            .take(MAX_CHARS + 1)
            .collect();
        match code.chars().count() {
            0 => Err(InitialCodeError::Empty),
            1..=MAX_CHARS => Ok(Self(code)),
            _ => Err(InitialCodeError::TooLong),
        }
    }

    /// ID-4: whether the text is a row of asterisks; see [`is_masked`].
    pub fn is_masked(typed: &str) -> bool {
        is_masked(typed)
    }

    /// The code itself, for hashing and comparing only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InitialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InitialCode(…)")
    }
}

/// ID-4: whether the text is a row of asterisks, in any width, spaces aside.
pub fn is_masked(typed: &str) -> bool {
    let mut marks_only = typed.nfkc().filter(|c| !marks::is_blank(*c)).peekable();
    marks_only.peek().is_some() && marks_only.all(|c| matches!(c, '*' | '\u{204E}' | '\u{2217}' | '\u{2731}'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn id_4_a_row_of_asterisks_is_masked_in_any_width() {
        for text in ["*****", "＊＊＊＊＊", " * ＊ * ", "∗∗∗∗∗", "*"] {
            assert!(is_masked(text), "{text}");
            assert_eq!(InitialCode::parse(text), Err(InitialCodeError::Masked));
        }
        for text in ["", "  ", "****1", "ABC"] {
            assert!(!is_masked(text), "{text}");
        }
    }

    #[test]
    fn id_3_a_code_is_read_as_printed_and_prints_nothing() {
        let code = InitialCode::parse(" ＡＢcd－1234 ").unwrap();
        assert_eq!(code.reveal(), "ABcd1234");
        assert_eq!(format!("{code:?}"), "InitialCode(…)");
        assert_eq!(InitialCode::parse("　-"), Err(InitialCodeError::Empty));
        assert_eq!(
            InitialCode::parse(&"a".repeat(65)),
            Err(InitialCodeError::TooLong)
        );
    }
}

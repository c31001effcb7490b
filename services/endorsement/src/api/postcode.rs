//! A postcode as people write it.

use decider::Violations;

/// Seven digits, with or without hyphen, also in full width. Which town they belong to is not asked (one postcode
/// can span prefectures).
pub(super) fn postcode(violations: &mut Violations, field: &str, text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !is_hyphen(*c)).map(half_width).collect();
    if digits.len() == 7 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(digits);
    }
    violations.add(field, "POSTCODE_INVALID");
    None
}

fn is_hyphen(c: char) -> bool {
    matches!(
        c,
        '-' | '－' | '‐' | '‑' | '–' | '—' | '―' | '−' | 'ー' | '〒' | ' ' | '　'
    )
}

fn half_width(c: char) -> char {
    match c {
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_postcode_is_seven_digits_however_they_are_written() {
        for text in ["1000001", "100-0001", "１００－０００１", "〒100-0001"] {
            assert_eq!(
                postcode(&mut Violations::default(), "postcode", text).unwrap(),
                "1000001",
                "{text}"
            );
        }
        for text in ["", "100001", "10000011", "abcdefg"] {
            assert_eq!(
                postcode(&mut Violations::default(), "postcode", text),
                None,
                "{text}"
            );
        }
    }
}

//! Classes of characters that people type without meaning them: dashes, spaces, dots, invisible marks.
//! One list each, so that numbers and names agree on what a dash is.

/// Every mark that stands for a dash in names and numbers, the long-vowel mark included (domain.md section 4).
pub(crate) fn is_dash_like(c: char) -> bool {
    matches!(
        c,
        '-' | '~'
            | '\u{00AD}' // soft hyphen
            | '\u{02D7}' // modifier minus
            | '\u{2010}'
            ..='\u{2015}' // hyphens, dashes, bar
            | '\u{2043}' // hyphen bullet
            | '\u{207B}' | '\u{208B}' | '\u{2212}' // minus signs
            | '\u{2500}' | '\u{2501}' // box drawing, from old terminals
            | '\u{2E3A}' | '\u{2E3B}' // long dashes
            | '\u{301C}' | '\u{3030}' | '\u{FF5E}' // wave dashes
            | '\u{30A0}' // double hyphen between foreign names
            | '\u{30FC}' | '\u{FF70}' // long-vowel mark
            | '\u{FE31}' | '\u{FE32}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
    )
}

/// Middle dots between the parts of a name.
pub(crate) fn is_middle_dot(c: char) -> bool {
    matches!(
        c,
        '\u{00B7}' | '\u{0387}' | '\u{2022}' | '\u{2027}' | '\u{2219}' | '\u{22C5}' | '\u{30FB}' | '\u{FF65}'
    )
}

/// Spaces and marks nobody sees: address books paste direction marks around phone numbers.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}'
        )
}

/// Selectors that pick a glyph of the same character (Unicode and ideographic ones).
pub(crate) fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Shows the last two characters of what must not be read in a log.
pub(crate) fn masked_tail(text: &str) -> String {
    let start = text.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
    format!("…{}", &text[start..])
}

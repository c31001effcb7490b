//! Classes of characters that a text which is kept may hold, as `madoguchi/common/v1/text.proto` states them: one definition
//! for the door, which holds requests against them, and for whoever parses a text.

/// Whether it is a control character (Cc of the Unicode standard).
pub const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}')
}

/// Whether a text of one line, which is printed among others, may hold it: no control character, no line break, nothing that
/// turns the direction of writing.
pub const fn is_of_one_line(c: char) -> bool {
    !is_control(c) && !breaks_lines(c) && !turns_direction(c)
}

/// Line and paragraph separator; the other line breaks are control characters.
const fn breaks_lines(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Marks, embeddings, overrides and isolates of the bidirectional algorithm (UAX #9): a name with one of them changes how
/// what is printed beside it reads.
const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

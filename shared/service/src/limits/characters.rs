//! The classes of characters that a text may be held to, as `madoguchi/common/v1/text.proto` states them.

/// Which characters a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Characters {
    /// Any: it is parsed into something else and never kept as it was typed, or only hashed.
    #[default]
    Any,
    /// One line: no control characters, no line breaks, nothing that turns the direction of writing.
    OneLine,
    /// Lines: no control characters but line feeds and carriage returns.
    Lines,
}

impl Characters {
    /// Whether a text of this class may hold the character.
    pub(super) const fn allow(self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::OneLine => !is_control(c) && !breaks_lines(c) && !turns_direction(c),
            Self::Lines => !is_control(c) || matches!(c, '\n' | '\r'),
        }
    }

    /// The reason a text is refused for.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Any | Self::Lines => "TEXT_CONTROL_CHARACTER",
            Self::OneLine => "TEXT_NOT_ONE_LINE",
        }
    }
}

/// Cc of the Unicode standard.
const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}')
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

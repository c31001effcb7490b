//! The classes of characters that a text may be held to, as `madoguchi/common/v1/text.proto` states them.

use kernel::characters::{is_control, is_of_one_line};

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
            Self::OneLine => is_of_one_line(c),
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

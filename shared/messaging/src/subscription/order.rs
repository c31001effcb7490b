//! What a message's cursors say about its place, given how far this consumer came. Pure.

use eventsourcing::Cursor;

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Applied already.
    Duplicate,
    /// The next one.
    Next,
    /// Messages between mine and this one are missing here.
    Gap,
    /// It follows something older than what this consumer has: the source may have been restored.
    Behind,
}

pub(super) fn place(mine: Option<&Cursor>, cursor: &Cursor, previous: Option<&Cursor>) -> Place {
    // None, the beginning, is smaller than every cursor.
    if mine >= Some(cursor) {
        return Place::Duplicate;
    }
    match previous.cmp(&mine) {
        std::cmp::Ordering::Equal => Place::Next,
        std::cmp::Ordering::Greater => Place::Gap,
        std::cmp::Ordering::Less => Place::Behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> Cursor {
        Cursor::postgres(1, 1, position)
    }

    #[test]
    fn a_message_is_placed_by_its_own_and_the_previous_cursor() {
        let cases = [
            (None, 1, None, Place::Next),
            (None, 5, Some(4), Place::Gap),
            (Some(4), 5, Some(4), Place::Next),
            (Some(4), 4, Some(3), Place::Duplicate),
            (Some(4), 2, None, Place::Duplicate),
            (Some(4), 9, Some(8), Place::Gap),
            (Some(4), 9, Some(3), Place::Behind),
            (Some(4), 9, None, Place::Behind),
        ];
        for (mine, cursor, previous, expected) in cases {
            let (mine, previous) = (mine.map(at), previous.map(at));
            let seen = place(mine.as_ref(), &at(cursor), previous.as_ref());
            assert_eq!(
                seen, expected,
                "mine {mine:?}, cursor {cursor}, previous {previous:?}"
            );
        }
    }
}

//! Cursors (docs/adr/0001, Format): 25 bytes whose byte order is the order of events in one service's store.
//! A cursor is only kept beside the id of the event it points at, so that a restored store is noticed.

use std::fmt;
use std::str::FromStr;

use kernel::ids::EventId;
use serde::{Deserialize, Serialize};

/// A place in the one order of a service's events.
///
/// `a` and `b` belong to the backend: PostgreSQL keeps transaction id and sequence value, KurrentDB commit and prepare
/// position. Field order is byte order, so the derived comparison is the comparison of [`Cursor::to_bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    tag: u8,
    epoch: u64,
    a: u64,
    b: u64,
}

/// Bytes or text that are no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// Not 25 bytes, or text that is not 50 hexadecimal digits.
    #[error("a cursor has 25 bytes, 50 hexadecimal digits")]
    Length,
    /// The first byte names no backend of ours.
    #[error("{0} is no backend tag of a cursor")]
    Tag(u8),
    /// KurrentDB counts no epochs: its cursors hold 0 there.
    #[error("a cursor of KurrentDB has no epoch, this one has {0}")]
    Epoch(u64),
}

impl Cursor {
    /// Bytes of a cursor.
    pub const LENGTH: usize = 25;
    /// The backend tag of PostgreSQL.
    pub const POSTGRES: u8 = 1;
    /// The backend tag of KurrentDB.
    pub const KURRENTDB: u8 = 2;

    /// A cursor of the PostgreSQL backend: instance epoch, transaction id and sequence value.
    pub const fn postgres(epoch: u64, xid: u64, position: u64) -> Self {
        Self {
            tag: Self::POSTGRES,
            epoch,
            a: xid,
            b: position,
        }
    }

    /// A cursor of the KurrentDB backend: commit and prepare position in the server's log.
    pub const fn kurrentdb(commit: u64, prepare: u64) -> Self {
        Self {
            tag: Self::KURRENTDB,
            epoch: 0,
            a: commit,
            b: prepare,
        }
    }

    /// The backend the cursor belongs to: another backend's store holds no event there.
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// The epoch: raised whenever a store continues on another instance or timeline. KurrentDB has none.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The backend's first word (PostgreSQL: transaction id; KurrentDB: commit position).
    pub const fn a(&self) -> u64 {
        self.a
    }

    /// The backend's second word (PostgreSQL: sequence value; KurrentDB: prepare position).
    pub const fn b(&self) -> u64 {
        self.b
    }

    /// Tag, epoch, a, b; big-endian, so that bytes compare as cursors do.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = self.tag;
        bytes[1..9].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[9..17].copy_from_slice(&self.a.to_be_bytes());
        bytes[17..25].copy_from_slice(&self.b.to_be_bytes());
        bytes
    }

    /// Reads what [`Cursor::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CursorError> {
        let bytes: &[u8; Self::LENGTH] = bytes.try_into().map_err(|_| CursorError::Length)?;
        let word = |at: usize| {
            bytes[at..at + 8]
                .iter()
                .fold(0_u64, |word, byte| (word << 8) | u64::from(*byte))
        };
        match bytes[0] {
            Self::POSTGRES => Ok(Self::postgres(word(1), word(9), word(17))),
            Self::KURRENTDB if word(1) == 0 => Ok(Self::kurrentdb(word(9), word(17))),
            Self::KURRENTDB => Err(CursorError::Epoch(word(1))),
            tag => Err(CursorError::Tag(tag)),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::LENGTH];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| CursorError::Length)?;
        Self::from_bytes(&bytes)
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

/// What is stored wherever a cursor is stored: a store that does not hold `event_id` at `cursor` has diverged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The place.
    pub cursor: Cursor,
    /// The event at that place.
    pub event_id: EventId,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_of_a_cursor_are_as_documented() {
        let cursor = Cursor::postgres(2, 0x0102, 0xff);
        assert_eq!(
            cursor.to_string(),
            "01000000000000000200000000000001020000000000000".to_owned() + "0ff"
        );
    }

    #[test]
    fn the_parts_of_a_cursor_are_those_it_was_made_of() {
        let parts = |cursor: Cursor| (cursor.tag(), cursor.epoch(), cursor.a(), cursor.b());
        assert_eq!(parts(Cursor::postgres(5, 6, 7)), (Cursor::POSTGRES, 5, 6, 7));
        assert_eq!(parts(Cursor::kurrentdb(6, 7)), (Cursor::KURRENTDB, 0, 6, 7));
    }

    #[test]
    fn a_cursor_is_kept_as_its_text() {
        let cursor = Cursor::postgres(5, 6, 7);
        let json = serde_json::to_value(cursor).unwrap();
        assert_eq!(json, serde_json::Value::String(cursor.to_string()));
        assert_eq!(serde_json::from_value::<Cursor>(json).unwrap(), cursor);
    }

    #[test]
    fn a_cursor_of_kurrentdb_has_its_own_tag_and_no_epoch() {
        let cursor = Cursor::kurrentdb(0x0102, 0xff);
        assert_eq!(
            cursor.to_string(),
            "0200000000000000000000000000000102".to_owned() + "00000000000000ff"
        );
        let mut bytes = cursor.to_bytes();
        bytes[8] = 7;
        assert_eq!(Cursor::from_bytes(&bytes), Err(CursorError::Epoch(7)));
    }

    #[test]
    fn another_tag_or_length_is_refused() {
        let mut bytes = Cursor::postgres(1, 2, 3).to_bytes();
        bytes[0] = 9;
        assert_eq!(Cursor::from_bytes(&bytes), Err(CursorError::Tag(9)));
        assert_eq!(Cursor::from_bytes(&bytes[1..]), Err(CursorError::Length));
        assert_eq!("01".parse::<Cursor>(), Err(CursorError::Length));
    }

    fn cursors() -> impl Strategy<Value = Cursor> {
        (any::<bool>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(postgres, epoch, a, b)| {
            if postgres {
                Cursor::postgres(epoch, a, b)
            } else {
                Cursor::kurrentdb(a, b)
            }
        })
    }

    proptest! {
        #[test]
        fn cursors_bytes_and_hex_text_compare_alike(one in cursors(), other in cursors()) {
            prop_assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        #[test]
        fn a_cursor_reads_back_from_bytes_and_text(cursor in cursors()) {
            prop_assert_eq!(Cursor::from_bytes(&cursor.to_bytes()).unwrap(), cursor);
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
    }
}

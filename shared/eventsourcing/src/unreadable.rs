//! A stored event that cannot be read. It keeps its place in the order: whoever goes through the store learns where it
//! stands and what it is about, and goes on behind it.

use uuid::Uuid;

use crate::cursor::Position;
use crate::envelope::RecordedEvent;

/// What stands at one place of a store's order.
pub type Entry = Result<RecordedEvent, Unreadable>;

/// An event that none of our appends can have written, or that was damaged since.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event at revision {revision} of stream {stream} cannot be read: {problem}")]
pub struct Unreadable {
    /// Where it stands.
    pub position: Position,
    /// The stream's name as stored; it may be none of ours.
    pub stream: String,
    /// Its revision there.
    pub revision: u64,
    /// Its type as stored.
    pub event_type: String,
    /// What is wrong, without the data.
    pub problem: Box<str>,
}

impl Unreadable {
    /// The aggregate it belongs to, as far as the stream's name still tells: every name of ours ends with an id.
    pub fn entity(&self) -> Option<Uuid> {
        const ID_LENGTH: usize = 36;
        let id = self.stream.len().checked_sub(ID_LENGTH)?;
        Uuid::try_parse(self.stream.get(id..)?).ok()
    }
}

/// Cursor and id of an entry, readable or not.
pub const fn entry_position(entry: &Entry) -> Position {
    match entry {
        Ok(event) => event.position(),
        Err(unreadable) => unreadable.position,
    }
}

#[cfg(test)]
mod tests {
    use kernel::ids::EventId;

    use super::*;
    use crate::cursor::Cursor;

    #[test]
    fn a_name_that_is_none_of_ours_still_tells_the_entity_it_ends_with() {
        let entity = Uuid::from_u128(7);
        let unreadable = |stream: String| Unreadable {
            position: Position {
                cursor: Cursor::postgres(1, 2, 3),
                event_id: EventId::from_uuid(Uuid::nil()),
            },
            stream,
            revision: 0,
            event_type: "contract.imported.v1".to_owned(),
            problem: "its metadata".into(),
        };
        let named = unreadable(format!("Endorsement/contract-{entity}"));
        assert_eq!(named.entity(), Some(entity));
        for nameless in ["", "endorsement.contract-1", "契約契約契約契約契約契約契約契約"] {
            assert_eq!(unreadable(nameless.to_owned()).entity(), None, "{nameless}");
        }
    }
}

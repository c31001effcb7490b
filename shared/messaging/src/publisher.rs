//! What becomes of each entry of a store on its way to the others. Relay and feed ask here alike, so that what the relay
//! passes over the feed has a placeholder for.

use contracts::names;
use eventsourcing::{Entry, Position, RecordedEvent, StreamName};
use uuid::Uuid;

use crate::fault::chain;
use crate::outgoing::{Outgoing, Publish};
use crate::size::MessageSize;

/// What the others hear of an entry.
#[derive(Debug)]
pub(crate) enum Carried {
    /// Nothing: it is private.
    Nothing,
    /// A message.
    Message(Outgoing),
    /// They would hear of it, and it cannot be told.
    Withheld(Withheld),
}

/// Why an event cannot be told to the others. The names are stored, sent and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The store holds what this release cannot read.
    Unreadable,
    /// Its published form cannot be made.
    Unpublishable,
    /// Its message would be larger than the largest that is sent.
    TooLarge,
    /// A reaction of the service itself cannot handle it.
    Unhandled,
}

impl Reason {
    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "UNREADABLE",
            Self::Unpublishable => "UNPUBLISHABLE",
            Self::TooLarge => "TOO_LARGE",
            Self::Unhandled => "UNHANDLED",
        }
    }

    /// The reason of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [
            Self::Unreadable,
            Self::Unpublishable,
            Self::TooLarge,
            Self::Unhandled,
        ]
        .into_iter()
        .find(|reason| reason.name() == name)
    }
}

/// An event that is not carried any further, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Where it stands.
    pub position: Position,
    /// Its stream, as [`Withheld::place_of`] tells it.
    pub stream: String,
    /// Its revision there.
    pub revision: u64,
    /// The entity, where it can be told.
    pub entity: Option<Uuid>,
    /// Its type, as stored, but for what no table holds.
    pub event_type: String,
    /// Why.
    pub reason: Reason,
    /// Why, in words that hold no value of the event.
    pub error: String,
}

impl Withheld {
    /// `entry`, for `reason`; `error` says more about it, unless the entry itself cannot be read.
    pub fn of(entry: &Entry, reason: Reason, error: String) -> Self {
        let (stream, revision) = Self::place_of(entry);
        match entry {
            Ok(event) => Self {
                position: event.position(),
                stream,
                revision,
                entity: Some(event.stream.id()),
                event_type: storable(&event.event_type),
                reason,
                error,
            },
            Err(unreadable) => Self {
                position: unreadable.position,
                stream,
                revision,
                entity: unreadable.entity(),
                event_type: storable(&unreadable.event_type),
                reason: Reason::Unreadable,
                error: chain(unreadable),
            },
        }
    }

    /// Stream and revision of an entry, readable or not. The stream is named as it is noted: as stored, but for what no
    /// table holds.
    pub fn place_of(entry: &Entry) -> (String, u64) {
        match entry {
            Ok(event) => (event.stream.to_string(), event.revision),
            Err(unreadable) => (storable(&unreadable.stream), unreadable.revision),
        }
    }

    /// The subject of its placeholder: of the aggregate's kind where that is known.
    pub(crate) fn subject(&self, service: &str) -> String {
        let kind = self.stream.parse::<StreamName>();
        let kind = kind.map_or_else(|_| "unknown".to_owned(), |stream| stream.category().to_owned());
        names::bare_subject(service, &kind, names::SET_ASIDE)
    }
}

/// Another program's event may have the one character that PostgreSQL does not hold.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A service's way of telling events, within the largest message.
#[derive(Clone, Copy)]
pub struct Publisher {
    publish: Publish,
    largest: MessageSize,
    private: &'static [&'static str],
}

impl Publisher {
    /// `publish` within messages of `largest`. Of any category something may be told.
    pub const fn new(publish: Publish, largest: MessageSize) -> Self {
        Self {
            publish,
            largest,
            private: &[],
        }
    }

    /// The same where `publish` tells nothing of the streams of these categories, whatever happens there: an event of theirs
    /// that cannot be read is none that others lack.
    #[must_use]
    pub const fn keeping(self, private: &'static [&'static str]) -> Self {
        Self { private, ..self }
    }

    /// Why an entry that others should hear of cannot be told, if it cannot.
    pub fn withheld(&self, entry: &Entry) -> Option<Withheld> {
        match self.carry(entry) {
            Carried::Withheld(withheld) => Some(withheld),
            Carried::Nothing | Carried::Message(_) => None,
        }
    }

    pub(crate) fn carry(&self, entry: &Entry) -> Carried {
        let withheld = |reason, error| Carried::Withheld(Withheld::of(entry, reason, error));
        let event = match entry {
            Ok(event) => event,
            Err(unreadable) if self.keeps(&unreadable.stream) => return Carried::Nothing,
            Err(_) => return withheld(Reason::Unreadable, String::new()),
        };
        match (self.publish)(event) {
            Ok(None) => Carried::Nothing,
            Ok(Some(outgoing)) => match self.too_large(event, &outgoing) {
                Some(error) => Carried::Withheld(Withheld {
                    entity: Some(outgoing.entity_id),
                    ..Withheld::of(entry, Reason::TooLarge, error)
                }),
                None => Carried::Message(outgoing),
            },
            Err(error) => withheld(Reason::Unpublishable, chain(&error)),
        }
    }

    /// Whether the others hear, or should hear, of an entry.
    pub(crate) fn is_public(&self, entry: &Entry) -> bool {
        !matches!(self.carry(entry), Carried::Nothing)
    }

    /// Whether a stream is of a category that nothing is ever told of. A name of nobody is of none.
    fn keeps(&self, stream: &str) -> bool {
        let name = stream.parse::<StreamName>();
        name.is_ok_and(|name| self.private.contains(&name.category()))
    }

    fn too_large(&self, event: &RecordedEvent, outgoing: &Outgoing) -> Option<String> {
        let traceparent = event.metadata.traceparent.as_ref().map_or(0, String::len);
        let (bytes, most) = (outgoing.payload.len() + traceparent, self.largest.payload());
        (bytes > most)
            .then(|| format!("its message has {bytes} bytes, and the largest that is sent has {most}"))
    }
}

#[cfg(test)]
#[allow(clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use eventsourcing::{Cursor, Unreadable};
    use kernel::ids::EventId;

    use super::*;

    fn unreadable(stream: &str) -> Entry {
        Err(Unreadable {
            position: Position {
                cursor: Cursor::postgres(1, 2, 3),
                event_id: EventId::from_uuid(Uuid::from_u128(4)),
            },
            stream: stream.to_owned(),
            revision: 5,
            event_type: "reservation.taken.v1".to_owned(),
            problem: "its metadata".into(),
        })
    }

    #[test]
    fn an_event_that_cannot_be_read_is_withheld_unless_nothing_is_told_of_its_category() {
        let id = Uuid::from_u128(6);
        let private = unreadable(&format!("identity.reservation-{id}"));
        let publisher = Publisher::new(|_| Ok(None), MessageSize::STANDARD);
        assert!(publisher.is_public(&private), "nobody said that it is private");

        let publisher = publisher.keeping(&["entitlement", "reservation"]);
        assert!(matches!(publisher.carry(&private), Carried::Nothing));
        assert_eq!(publisher.withheld(&private), None);
        for stream in [
            format!("identity.account-{id}"),
            format!("Identity.reservation-{id}"),
            "reservation".to_owned(),
        ] {
            let withheld = publisher.withheld(&unreadable(&stream));
            assert_eq!(
                withheld.map(|withheld| withheld.reason),
                Some(Reason::Unreadable),
                "{stream}"
            );
        }
    }

    /// As a KurrentDB may keep it, which other programs write to as well.
    #[test]
    fn what_no_table_holds_is_replaced_in_what_is_noted() {
        let Err(other) = unreadable("identity.no\0body") else {
            panic!("it cannot be read");
        };
        let entry = Err(Unreadable {
            event_type: "no\0type".to_owned(),
            ..other
        });
        let withheld = Withheld::of(&entry, Reason::Unhandled, String::new());
        assert_eq!(
            (withheld.stream.as_str(), withheld.event_type.as_str()),
            ("identity.no\u{fffd}body", "no\u{fffd}type")
        );
        assert_eq!(
            Withheld::place_of(&entry),
            (withheld.stream, 5),
            "it is found under the name that is noted"
        );
    }
}

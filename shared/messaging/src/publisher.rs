//! What becomes of each entry of a store on its way to the others. Relay and feed ask here alike, so that what the relay
//! passes over the feed has a placeholder for.

use contracts::names;
use eventsourcing::{Entry, Position, RecordedEvent};
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
    /// Its stream, as stored.
    pub stream: String,
    /// Its revision there.
    pub revision: u64,
    /// The entity, where it can be told.
    pub entity: Option<Uuid>,
    /// Its type, as stored.
    pub event_type: String,
    /// Why.
    pub reason: Reason,
    /// Why, in words that hold no value of the event.
    pub error: String,
}

impl Withheld {
    /// `entry`, for `reason`; `error` says more about it, unless the entry itself cannot be read.
    pub fn of(entry: &Entry, reason: Reason, error: String) -> Self {
        match entry {
            Ok(event) => Self {
                position: event.position(),
                stream: event.stream.to_string(),
                revision: event.revision,
                entity: Some(event.stream.id()),
                event_type: event.event_type.clone(),
                reason,
                error,
            },
            Err(unreadable) => Self {
                position: unreadable.position,
                stream: unreadable.stream.clone(),
                revision: unreadable.revision,
                entity: unreadable.entity(),
                event_type: unreadable.event_type.clone(),
                reason: Reason::Unreadable,
                error: chain(unreadable),
            },
        }
    }

    /// The subject of its placeholder: of the aggregate's kind where that is known.
    pub(crate) fn subject(&self, service: &str) -> String {
        let kind = self.stream.parse::<eventsourcing::StreamName>();
        let kind = kind.map_or_else(|_| "unknown".to_owned(), |stream| stream.category().to_owned());
        names::bare_subject(service, &kind, names::SET_ASIDE)
    }
}

/// A service's way of telling events, within the largest message.
#[derive(Clone, Copy)]
pub struct Publisher {
    publish: Publish,
    largest: MessageSize,
}

impl Publisher {
    /// `publish` within messages of `largest`.
    pub const fn new(publish: Publish, largest: MessageSize) -> Self {
        Self { publish, largest }
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
        let Ok(event) = entry else {
            return withheld(Reason::Unreadable, String::new());
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

    fn too_large(&self, event: &RecordedEvent, outgoing: &Outgoing) -> Option<String> {
        let traceparent = event.metadata.traceparent.as_ref().map_or(0, String::len);
        let (bytes, most) = (outgoing.payload.len() + traceparent, self.largest.payload());
        (bytes > most)
            .then(|| format!("its message has {bytes} bytes, and the largest that is sent has {most}"))
    }
}

//! What the server says, in the messages of the wire.

use std::collections::BTreeMap;

use crate::expectation::Expectation;
use crate::log::{Outcome, Record};
use crate::wire::event_store::client::streams::read_resp::{Content, ReadEvent, read_event};
use crate::wire::event_store::client::streams::{AppendResp, ReadResp, append_resp};
use crate::wire::event_store::client::{Empty, StreamIdentifier, Uuid, uuid};

pub(crate) fn say(content: Content) -> ReadResp {
    ReadResp {
        content: Some(content),
    }
}

pub(crate) fn event(record: &Record) -> ReadResp {
    let mut metadata: BTreeMap<String, String> = record.event.metadata.clone();
    metadata.insert("created".to_owned(), record.created.to_string());
    let id = uuid::Value::String(format_id(record.event.id));
    say(Content::Event(ReadEvent {
        event: Some(read_event::RecordedEvent {
            id: Some(Uuid { value: Some(id) }),
            stream_identifier: Some(identifier(&record.stream)),
            stream_revision: record.revision,
            prepare_position: record.position,
            commit_position: record.position,
            metadata,
            custom_metadata: record.event.custom_metadata.clone(),
            data: record.event.data.clone(),
        }),
        link: None,
        position: Some(read_event::Position::CommitPosition(record.position)),
    }))
}

/// As .NET writes a GUID.
fn format_id(id: u128) -> String {
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

pub(crate) fn identifier(stream: &str) -> StreamIdentifier {
    StreamIdentifier {
        stream_name: stream.as_bytes().to_vec(),
    }
}

pub(crate) fn appended(outcome: &Outcome, expectation: Expectation) -> AppendResp {
    use append_resp::success::{CurrentRevisionOption, PositionOption};
    use append_resp::wrong_expected_version::{
        CurrentRevisionOption as Current, ExpectedRevisionOption as Expected,
    };
    let result = match *outcome {
        Outcome::Written { last, position } => append_resp::Result::Success(append_resp::Success {
            current_revision_option: Some(last.map_or(
                CurrentRevisionOption::NoStream(Empty {}),
                CurrentRevisionOption::CurrentRevision,
            )),
            position_option: Some(PositionOption::Position(append_resp::Position {
                commit_position: position,
                prepare_position: position,
            })),
        }),
        Outcome::WrongRevision { current } => {
            append_resp::Result::WrongExpectedVersion(append_resp::WrongExpectedVersion {
                current_revision_option: Some(
                    current.map_or(Current::CurrentNoStream(Empty {}), Current::CurrentRevision),
                ),
                expected_revision_option: Some(match expectation {
                    Expectation::Exactly(Some(revision)) => Expected::ExpectedRevision(revision),
                    Expectation::Exactly(None) => Expected::ExpectedNoStream(Empty {}),
                    Expectation::Any => Expected::ExpectedAny(Empty {}),
                    Expectation::Exists => Expected::ExpectedStreamExists(Empty {}),
                }),
                ..append_resp::WrongExpectedVersion::default()
            })
        }
    };
    AppendResp { result: Some(result) }
}

//! Holds a service's published events to the promise that the store's bound rests on: whatever fits the store fits a message
//! (OP-8, docs/adr/0027). Fixtures of every type of event are grown until they are as large as anything that is stored.

use std::fs;
use std::path::Path;

use eventsourcing::{Actor, Cursor, Metadata, NewEvent, RecordedEvent, StreamName, stored_bytes};
use kernel::EventId;
use messaging::{MessageSize, Publish, largest_payload_of};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use uuid::Uuid;

/// A growth of an event: which text or list, and by how much.
type Growth = (prop::sample::Index, usize);

/// Grows texts by up to so many characters; a few of them make the largest event.
const LONGEST: usize = 200_000;
/// Repeats an element of a list up to so many times.
const MOST: usize = 300;

/// Grows each fixture of `folder` in many ways, and publishes it.
pub fn assert_whatever_is_stored_fits_a_message(service: &'static str, folder: &str, publish: Publish) {
    let mut published = 0;
    for fixture in fixtures(Path::new(folder)) {
        published += u32::from(publish(&recorded(service, &fixture)).unwrap().is_some());
        let growth = |most| prop::collection::vec((any::<prop::sample::Index>(), 0..most), 0..6);
        let mut runner = TestRunner::new(Config::with_cases(24));
        let held = runner.run(&(growth(LONGEST), growth(MOST)), |(texts, lists)| {
            let grown = grow(service, &fixture, publish, &texts, &lists);
            let event = recorded(service, &grown);
            let payload = publish(&event)
                .unwrap()
                .map_or(0, |outgoing| outgoing.payload.len());
            let stored = size(&event);
            prop_assert!(
                payload <= largest_payload_of(stored),
                "{}: {} bytes are stored, {} published",
                event.event_type,
                stored,
                payload
            );
            // What the store takes at most, a message carries.
            let largest = MessageSize::STANDARD;
            prop_assert!(stored > largest.stored_event() || payload <= largest.payload());
            Ok(())
        });
        held.unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(published > 0, "none of the fixtures of {folder} is published");
}

fn fixtures(folder: &Path) -> Vec<Value> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
        .collect()
}

/// The fixture with those of the growths that leave it an event that can be published.
fn grow(
    service: &'static str,
    fixture: &Value,
    publish: Publish,
    texts: &[Growth],
    lists: &[Growth],
) -> Value {
    let mut grown = fixture.clone();
    let mut keep = |change: &dyn Fn(&mut Value)| {
        let mut next = grown.clone();
        change(&mut next["data"]);
        if publish(&recorded(service, &next)).is_ok() {
            grown = next;
        }
    };
    for (which, by) in lists {
        keep(&|data| repeat(data, *which, *by));
    }
    for (which, by) in texts {
        keep(&|data| lengthen(data, *which, *by));
    }
    grown
}

fn lengthen(data: &mut Value, which: prop::sample::Index, by: usize) {
    let mut count = 0;
    each(data, &mut |value| count += usize::from(value.is_string()));
    if count == 0 {
        return;
    }
    let (wanted, mut place) = (which.index(count), 0);
    each(data, &mut |value| {
        if let Value::String(text) = value {
            if place == wanted {
                // Four at a time: base64 stays base64.
                text.push_str(&"AAAA".repeat(by / 4));
            }
            place += 1;
        }
    });
}

fn repeat(data: &mut Value, which: prop::sample::Index, times: usize) {
    let mut count = 0;
    each(data, &mut |value| count += usize::from(filled(value)));
    if count == 0 {
        return;
    }
    let (wanted, mut place) = (which.index(count), 0);
    each(data, &mut |value| {
        if !filled(value) {
            return;
        }
        if place == wanted
            && let Value::Array(list) = value
            && let Some(first) = list.first().cloned()
        {
            list.extend(std::iter::repeat_n(first, times));
        }
        place += 1;
    });
}

fn filled(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty())
}

/// Every value, parents first.
fn each(value: &mut Value, look: &mut dyn FnMut(&mut Value)) {
    look(value);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| each(value, look)),
        Value::Object(fields) => fields.values_mut().for_each(|value| each(value, look)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// As the store would give it.
fn recorded(service: &'static str, fixture: &Value) -> RecordedEvent {
    let event_type = fixture["type"].as_str().unwrap().to_owned();
    let category = event_type.split('.').next().unwrap();
    let stream: StreamName = format!("{service}.{category}-{}", Uuid::from_u128(1))
        .parse()
        .unwrap();
    RecordedEvent {
        stream,
        revision: 3,
        cursor: Cursor::postgres(1, 2, 3),
        id: EventId::from_uuid(Uuid::from_u128(2)),
        event_type,
        data: fixture["data"].clone(),
        metadata: Metadata {
            request_key: Uuid::from_u128(3),
            request_index: 0,
            payload_hash: "0".repeat(64),
            actor: Actor::Anonymous,
            correlation_id: Uuid::from_u128(4),
            causation_id: None,
            traceparent: None,
            occurred_at: "2026-11-16T03:00:00Z".parse().unwrap(),
        },
        recorded_at: "2026-11-16T03:00:00Z".parse().unwrap(),
    }
}

fn size(event: &RecordedEvent) -> usize {
    stored_bytes(&NewEvent {
        id: event.id,
        event_type: event.event_type.clone(),
        data: event.data.clone(),
        metadata: event.metadata.clone(),
    })
}

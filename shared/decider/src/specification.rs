//! Given events, when a command, then events or a refusal: how deciders are tested.
//! Fails by panicking, with both sides printed as JSON; for tests only.
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a specification that does not hold fails its test"
)]

use std::fmt::Write as _;

use serde_json::Value;

use crate::decider::Decider;
use crate::problem::{Explain, Problem};

/// What has happened before.
#[must_use = "a specification checks nothing until `then`"]
pub struct Given<D> {
    state: D,
}

/// What the command led to.
#[must_use = "a specification checks nothing until `then`"]
pub struct When<D: Decider> {
    state: D,
    outcome: Result<Vec<D::Event>, D::Rejection>,
}

/// Starts from a history: `given::<Contract>([...]).when(...).then([...])`.
pub fn given<D: Decider>(events: impl IntoIterator<Item = D::Event>) -> Given<D> {
    Given {
        state: events
            .into_iter()
            .fold(D::default(), |state, event| state.evolve(&event)),
    }
}

impl<D: Decider> Given<D> {
    /// Decides the command.
    pub fn when(self, command: D::Command) -> When<D> {
        let outcome = self.state.decide(command);
        When {
            state: self.state,
            outcome,
        }
    }

    /// The state the history folds to.
    pub fn state(self) -> D {
        self.state
    }
}

impl<D: Decider> When<D> {
    /// Exactly these events follow. Gives the state after them.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = D::Event>) -> D {
        let expected: Vec<Value> = expected.into_iter().map(|event| json(&event)).collect();
        let events = self.accepted();
        let actual: Vec<Value> = events.1.iter().map(json).collect();
        assert!(
            actual == expected,
            "the command led to other events\n{}",
            difference(&expected, &actual)
        );
        events.1.iter().fold(events.0, Decider::evolve)
    }

    /// Nothing follows: what was asked already stands.
    #[track_caller]
    pub fn then_nothing(self) -> D {
        self.then([])
    }

    /// Some events follow; gives them and the state after, for checks of one's own.
    #[track_caller]
    pub fn then_accepted(self) -> (Vec<D::Event>, D) {
        let (state, events) = self.accepted();
        let state = events.iter().fold(state, Decider::evolve);
        (events, state)
    }

    /// The command is refused with this reason. Gives the whole problem for further checks.
    #[track_caller]
    pub fn then_rejected(self, reason: &str) -> Problem {
        match self.outcome {
            Ok(events) => {
                let events: Vec<Value> = events.iter().map(json).collect();
                panic!(
                    "expected a refusal {reason}, the command led to\n{}",
                    listing(&events)
                )
            }
            Err(rejection) => {
                let problem = rejection.explain();
                assert!(
                    problem.reason == reason,
                    "expected a refusal {reason}, it was {}: {rejection}",
                    problem.reason
                );
                problem
            }
        }
    }

    #[track_caller]
    fn accepted(self) -> (D, Vec<D::Event>) {
        match self.outcome {
            Ok(events) => (self.state, events),
            Err(rejection) => panic!(
                "the command was refused with {}: {rejection}",
                rejection.explain().reason
            ),
        }
    }
}

#[track_caller]
fn json<E: serde::Serialize>(event: &E) -> Value {
    match serde_json::to_value(event) {
        Ok(value) => value,
        Err(error) => panic!("an event does not serialize: {error}"),
    }
}

fn listing(events: &[Value]) -> String {
    if events.is_empty() {
        return "  nothing\n".to_owned();
    }
    events.iter().fold(String::new(), |mut text, event| {
        let _ = writeln!(text, "  {event}");
        text
    })
}

/// Both sides, and under them the first place where they part.
fn difference(expected: &[Value], actual: &[Value]) -> String {
    let mut text = format!("expected:\n{}actual:\n{}", listing(expected), listing(actual));
    let path = expected
        .iter()
        .zip(actual)
        .enumerate()
        .find_map(|(index, (expected, actual))| first_difference(&format!("[{index}]"), expected, actual));
    if let Some(place) = path {
        let _ = writeln!(text, "first difference at {place}");
    }
    text
}

fn first_difference(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    if expected == actual {
        return None;
    }
    if let (Value::Object(one), Value::Object(other)) = (expected, actual) {
        let mut keys: Vec<_> = one.keys().chain(other.keys()).collect();
        keys.sort();
        let value = |fields: &serde_json::Map<String, Value>, key: &str| {
            fields.get(key).cloned().unwrap_or(Value::Null)
        };
        return keys.into_iter().find_map(|key| {
            first_difference(&format!("{path}.{key}"), &value(one, key), &value(other, key))
        });
    }
    if let (Value::Array(one), Value::Array(other)) = (expected, actual)
        && one.len() == other.len()
    {
        return one
            .iter()
            .zip(other)
            .enumerate()
            .find_map(|(index, (expected, actual))| {
                first_difference(&format!("{path}[{index}]"), expected, actual)
            });
    }
    Some(format!("{path}: expected {expected}, was {actual}"))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::problem::ProblemKind;

    #[derive(Debug, Default, Clone, PartialEq)]
    struct Lamp {
        lit: bool,
        switched: u32,
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data")]
    enum Event {
        #[serde(rename = "lamp.lit.v1")]
        Lit { watts: u32 },
        #[serde(rename = "lamp.put_out.v1")]
        PutOut {},
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the lamp is lit")]
    struct AlreadyLit;

    impl Explain for AlreadyLit {
        fn explain(&self) -> Problem {
            Problem::new(ProblemKind::FailedPrecondition, "ALREADY_LIT")
                .with("lamp", "1")
                .field("lamp", "LIT")
        }
    }

    impl Decider for Lamp {
        const CATEGORY: &'static str = "lamp";
        type Id = Uuid;
        type Command = Option<u32>;
        type Event = Event;
        type Rejection = AlreadyLit;

        fn decide(&self, watts: Option<u32>) -> Result<Vec<Event>, AlreadyLit> {
            match (self.lit, watts) {
                (true, Some(_)) => Err(AlreadyLit),
                (false, Some(watts)) => Ok(vec![Event::Lit { watts }]),
                (true, None) => Ok(vec![Event::PutOut {}]),
                (false, None) => Ok(vec![]),
            }
        }

        fn evolve(self, event: &Event) -> Self {
            Self {
                lit: matches!(event, Event::Lit { .. }),
                switched: self.switched + 1,
            }
        }
    }

    const ONCE_LIT: Lamp = Lamp {
        lit: true,
        switched: 1,
    };

    #[test]
    fn what_holds_passes() {
        assert_eq!(
            given::<Lamp>([]).when(Some(40)).then([Event::Lit { watts: 40 }]),
            ONCE_LIT
        );
        let after = given::<Lamp>([Event::Lit { watts: 40 }, Event::PutOut {}])
            .when(None)
            .then_nothing();
        assert_eq!((after.lit, after.switched), (false, 2));
        assert_eq!(given::<Lamp>([Event::Lit { watts: 40 }]).state(), ONCE_LIT);
        let (events, after) = given::<Lamp>([]).when(Some(40)).then_accepted();
        assert!(matches!(events[..], [Event::Lit { watts: 40 }]));
        assert_eq!(after, ONCE_LIT);
        let problem = given::<Lamp>([Event::Lit { watts: 40 }])
            .when(Some(1))
            .then_rejected("ALREADY_LIT");
        assert_eq!(
            (problem.metadata["lamp"].as_str(), problem.violations.len()),
            ("1", 1)
        );
    }

    #[test]
    #[should_panic(expected = "first difference at [0].data.watts: expected 60, was 40")]
    fn another_event_fails_with_the_place_of_the_difference() {
        given::<Lamp>([]).when(Some(40)).then([Event::Lit { watts: 60 }]);
    }

    #[test]
    fn both_sides_are_listed() {
        assert_eq!(
            super::difference(&[json!(1), json!(2)], &[]),
            "expected:\n  1\n  2\nactual:\n  nothing\n"
        );
    }

    #[test]
    fn the_place_of_a_difference_is_found_in_lists_and_of_lists_of_other_length_the_list() {
        let difference = |expected, actual| first_difference("e", &expected, &actual);
        assert_eq!(difference(json!([1, 2]), json!([1, 2])), None);
        assert_eq!(
            difference(json!({"a": [1, 2]}), json!({"a": [1, 3]})).as_deref(),
            Some("e.a[1]: expected 2, was 3")
        );
        assert_eq!(
            difference(json!([1]), json!([1, 2])).as_deref(),
            Some("e: expected [1], was [1,2]")
        );
    }

    #[test]
    #[should_panic(expected = "the command was refused with ALREADY_LIT: the lamp is lit")]
    fn a_refusal_where_events_were_expected_fails_with_its_reason() {
        given::<Lamp>([Event::Lit { watts: 40 }]).when(Some(40)).then([]);
    }

    #[test]
    #[should_panic(expected = "expected a refusal ALREADY_LIT, the command led to")]
    fn events_where_a_refusal_was_expected_fail_with_the_events() {
        given::<Lamp>([]).when(Some(40)).then_rejected("ALREADY_LIT");
    }
}

//! Each acknowledged command has each of its effects once; one whose answer nobody knows at most once; a refused one none.

use std::collections::HashMap;

use super::truth::{Event, Truth};
use crate::ledger::{Effect, End, Entry};

pub(super) fn judge(entries: &[Entry], truth: &Truth) -> Vec<String> {
    let index = Index::new(truth);
    let mut problems = Vec::new();
    for entry in entries {
        if entry.end == Some(End::Stuck) {
            problems.push(format!(
                "command {} ({}) was never answered",
                entry.number, entry.what
            ));
        }
        if entry.end == Some(End::Stale) {
            problems.push(format!(
                "query {} ({}) was answered without what its consistency token names",
                entry.number, entry.what
            ));
        }
        for effect in &entry.effects {
            let count = index.count(effect);
            let good = match entry.end {
                Some(End::Acknowledged) => count == 1,
                // A command of a login or a contract may be refused because an earlier one had its effect: theirs are
                // told apart by key only.
                Some(End::Refused(_)) => effect.key.is_none() || count == 0,
                Some(End::GivenUp | End::Stuck | End::Stale) | None => count <= 1,
            };
            if !good {
                problems.push(format!(
                    "command {} ({}, {:?}) has {count} × {} in {}",
                    entry.number,
                    entry.what,
                    entry.end,
                    effect.event_type,
                    effect.stream.as_deref().unwrap_or(&effect.service)
                ));
            }
        }
    }
    problems
}

/// Events by what effects name: the key, else the stream.
struct Index<'a> {
    by_key: HashMap<(&'a str, uuid::Uuid), Vec<&'a Event>>,
    by_stream: HashMap<&'a str, Vec<&'a Event>>,
}

impl<'a> Index<'a> {
    fn new(truth: &'a Truth) -> Self {
        let mut index = Self {
            by_key: HashMap::new(),
            by_stream: HashMap::new(),
        };
        for (service, events) in truth.services() {
            for event in events {
                let key = (service, event.request_key);
                index.by_key.entry(key).or_default().push(event);
                index.by_stream.entry(&event.stream).or_default().push(event);
            }
        }
        index
    }

    fn count(&self, effect: &Effect) -> usize {
        let candidates = match (&effect.key, &effect.stream) {
            (Some(key), _) => self.by_key.get(&(effect.service.as_str(), *key)),
            (None, Some(stream)) => self.by_stream.get(stream.as_str()),
            (None, None) => None,
        };
        let fits = |event: &&&Event| {
            event.kind == effect.event_type
                && effect
                    .stream
                    .as_ref()
                    .is_none_or(|stream| *stream == event.stream)
                && (effect.login.is_none() || effect.login == event.login)
        };
        candidates.map_or(0, |events| events.iter().filter(fits).count())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::truth::event;
    use super::*;

    fn entry(end: Option<End>, key: u128) -> Entry {
        Entry {
            number: 7,
            what: "register".to_owned(),
            effects: vec![Effect {
                service: "identity".to_owned(),
                event_type: "a.v1".to_owned(),
                stream: None,
                key: Some(Uuid::from_u128(key)),
                login: None,
            }],
            end,
        }
    }

    #[test]
    fn lost_and_doubled_effects_are_found() {
        let truth = Truth::with(
            "identity",
            vec![
                event("s", 0, "a.v1", 1),
                event("s", 1, "a.v1", 2),
                event("t", 0, "a.v1", 2),
            ],
        );
        let refused = End::Refused("NO".to_owned());
        let cases = [
            (Some(End::Acknowledged), 1, true),
            (Some(End::Acknowledged), 2, false),
            (Some(End::Acknowledged), 3, false),
            (Some(End::GivenUp), 1, true),
            (Some(End::GivenUp), 3, true),
            (None, 2, false),
            (Some(refused.clone()), 3, true),
            (Some(refused), 1, false),
            (Some(End::Stuck), 1, false),
            (Some(End::Stale), 1, false),
        ];
        for (end, key, good) in cases {
            let problems = judge(&[entry(end.clone(), key)], &truth);
            assert_eq!(problems.is_empty(), good, "{end:?} {key}: {problems:?}");
        }
    }
}

//! Each stream's revisions are dense, and their order is the store's order.

use std::collections::HashMap;

use super::truth::Truth;

pub(super) fn judge(truth: &Truth) -> Vec<String> {
    let mut problems = Vec::new();
    for (service, events) in truth.services() {
        let mut next: HashMap<&str, i64> = HashMap::new();
        let mut last = None;
        for event in events {
            let place = (event.epoch, event.xid, event.position);
            if last.is_some_and(|last| last >= place) {
                problems.push(format!("{service}: two events stand at {place:?}"));
            }
            last = Some(place);
            let expected = next.entry(&event.stream).or_insert(0);
            if event.revision != *expected {
                problems.push(format!(
                    "{}: revision {} stands where {expected} is expected",
                    event.stream, event.revision
                ));
            }
            *expected = event.revision + 1;
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::truth::event;
    use super::*;

    #[test]
    fn a_gap_and_an_inversion_are_found() {
        let of = |revisions: [i64; 3]| {
            let events = revisions.into_iter().zip(0..).map(|(revision, place)| {
                let mut event = event("s", revision, "a.v1", 1);
                (event.xid, event.position) = (place, place);
                event
            });
            judge(&Truth::with("identity", events.collect())).len()
        };
        assert_eq!(of([0, 1, 2]), 0);
        assert_eq!(of([0, 2, 3]), 1);
        assert!(of([0, 2, 1]) >= 2);
    }
}

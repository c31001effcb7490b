//! Every event ever written still decodes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use decider::{event_types, fixtures};
use identity::domain::{AccountEvent, EntitlementEvent, ReservationEvent, SubjectEvent};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");

#[test]
fn every_event_type_has_a_fixture_that_still_decodes() {
    fixtures::check::<AccountEvent>(FOLDER).unwrap();
    fixtures::check::<EntitlementEvent>(FOLDER).unwrap();
    fixtures::check::<ReservationEvent>(FOLDER).unwrap();
    fixtures::check::<SubjectEvent>(FOLDER).unwrap();
    let known = [
        event_types::<AccountEvent>(),
        event_types::<EntitlementEvent>(),
        event_types::<ReservationEvent>(),
        event_types::<SubjectEvent>(),
    ];
    fixtures::check_all(FOLDER, &known).unwrap();
}

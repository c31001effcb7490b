//! Every type of event that was ever written, in its stored form.

use decider::{event_types, fixtures};
use endorsement::domain::Event;

#[test]
fn every_event_ever_written_still_decodes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");
    fixtures::check::<Event>(folder).unwrap();
    fixtures::check_all(folder, &[event_types::<Event>()]).unwrap();
}

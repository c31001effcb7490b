//! Every event ever written still decodes, and every reason a caller can meet has its texts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use eventsourcing::{event_types, fixtures};
use identity::domain::{AccountEvent, EntitlementEvent, ReservationEvent};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");

#[test]
fn every_event_type_has_a_fixture_that_still_decodes() {
    fixtures::check::<AccountEvent>(FOLDER).unwrap();
    fixtures::check::<EntitlementEvent>(FOLDER).unwrap();
    fixtures::check::<ReservationEvent>(FOLDER).unwrap();
    let known = [
        event_types::<AccountEvent>(),
        event_types::<EntitlementEvent>(),
        event_types::<ReservationEvent>(),
    ];
    fixtures::check_all(FOLDER, &known).unwrap();
}

/// Upper-case words that are values, not reasons.
const VALUES: &[&str] = &[
    "GROUP",
    "CORPORATE",
    "INDIVIDUAL",
    "LOGOUT",
    "REPLAYED_REFRESH_TOKEN",
    "SUPERSEDED",
    "PRIVATE",
    "SCREAMING_SNAKE_CASE",
];

#[test]
fn every_reason_in_the_source_has_texts_in_both_languages() {
    let mut reasons = BTreeSet::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(file).unwrap();
        let words = text.split('"').skip(1).step_by(2).map(str::to_owned);
        reasons.extend(words.filter(|word| is_reason(word)));
    }
    assert!(
        reasons.len() > 40,
        "the search for reasons found only {reasons:?}"
    );
    let reasons: Vec<_> = reasons.iter().map(String::as_str).collect();
    let missing = service::missing_reasons(identity::MESSAGES, &reasons).unwrap();
    assert_eq!(missing, Vec::<String>::new());
}

fn is_reason(word: &str) -> bool {
    let upper_snake = word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    upper_snake && word.len() > 4 && !VALUES.contains(&word)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

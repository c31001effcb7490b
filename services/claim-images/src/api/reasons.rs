//! Every reason this service can give has a text in both languages. The reasons are found in the source itself, so that
//! none can be forgotten.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use crate::domain::RefusalReason;

/// Words of that form that are no reasons: states, kinds and names of other things.
const OTHERS: [&str; 8] = [
    "CARGO_MANIFEST_DIR",
    "SCREAMING_SNAKE_CASE",
    "WATER_LEAK",
    "DAMAGED_PROPERTY",
    "ACCIDENT_PLACE",
    "TOKYO_1",
    "IMG_0001",
    "CARGO_BIN_EXE",
];

/// String literals of the form `UPPER_SNAKE` in all files under `folder`.
fn reasons_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            reasons_in(&path, found);
        } else {
            let source = std::fs::read_to_string(&path).unwrap();
            found.extend(
                source
                    .split('"')
                    .filter(|text| is_reason(text))
                    .map(str::to_owned),
            );
        }
    }
}

fn is_reason(text: &str) -> bool {
    let words: Vec<&str> = text.split('_').collect();
    let word =
        |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    words.len() > 1 && words.iter().all(word)
}

#[test]
fn every_reason_has_a_text_in_both_languages() {
    let mut reasons = BTreeSet::new();
    reasons_in(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut reasons,
    );
    reasons.retain(|text| !OTHERS.contains(&text.as_str()));
    assert!(
        reasons.contains("CHECKSUM_MISMATCH") && reasons.contains("NOTHING_TO_SEND"),
        "the search finds reasons"
    );
    let refusals = RefusalReason::ALL.map(RefusalReason::as_str);
    let reasons: Vec<&str> = reasons.iter().map(String::as_str).chain(refusals).collect();
    let missing = service::missing_reasons(include_str!("../../messages.toml"), &reasons).unwrap();
    assert_eq!(missing, Vec::<String>::new());
}

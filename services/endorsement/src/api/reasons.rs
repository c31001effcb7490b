//! Every reason this service can give has a text in both languages. The reasons are found in the source itself, so that
//! none can be forgotten.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use kernel::IneligibleReason;

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
    // Names of other things that look alike.
    reasons.retain(|text| !["CARGO_MANIFEST_DIR", "SCREAMING_SNAKE_CASE"].contains(&text.as_str()));
    assert!(
        reasons.contains("CONTENT_CHANGED") && reasons.contains("SHARES_NOT_WHOLE"),
        "the search finds reasons"
    );
    let of_numbers = [
        IneligibleReason::IpPhone050,
        IneligibleReason::Freephone0120,
        IneligibleReason::Freephone0800,
        IneligibleReason::NaviDial0570,
        IneligibleReason::Premium0990,
        IneligibleReason::Televote0180,
        IneligibleReason::Messaging0170,
        IneligibleReason::Machine020,
        IneligibleReason::Personal0600,
        IneligibleReason::RangeNotOpen,
        IneligibleReason::UnknownRange,
    ];
    let of_texts = [
        "PHONE_NUMBER_EMPTY",
        "PHONE_NUMBER_UNREADABLE",
        "PHONE_NUMBER_WRONG_LENGTH",
        "PHONE_NUMBER_FOREIGN",
    ];
    let reasons: Vec<&str> = reasons
        .iter()
        .map(String::as_str)
        .chain(of_numbers.map(IneligibleReason::as_str))
        .chain(of_texts)
        .collect();
    let missing = service::missing_reasons(include_str!("../../messages.toml"), &reasons).unwrap();
    assert_eq!(missing, Vec::<String>::new());
}

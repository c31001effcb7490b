//! Reading refusals, with what every refusal must have: a reason of a service, and a text without holes.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The refusal's reason.
#[track_caller]
pub fn reason(refused: &Status) -> String {
    let details = refused.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no reason: {refused:?}"));
    let text = details
        .localized_message()
        .unwrap_or_else(|| panic!("no text: {refused:?}"));
    assert!(info.domain.starts_with("madoguchi."), "{}", info.domain);
    assert!(
        !text.message.is_empty() && !text.message.contains('{'),
        "{}: {}",
        info.reason,
        text.message
    );
    info.reason.clone()
}

/// Holds an answer against the refusal that is expected, and hands it out.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, expected: &str) -> Status {
    let refused = answer.expect_err(expected);
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (code, expected),
        "{refused:?}"
    );
    refused
}

/// The wrong fields of a refusal, each with its reason; their texts have no holes.
#[track_caller]
pub fn violations(refused: &Status) -> Vec<(String, String)> {
    let bad = refused.get_details_bad_request();
    bad.map_or_else(Vec::new, |bad| bad.field_violations)
        .into_iter()
        .map(|violation| {
            assert!(!violation.description.contains('{'), "{violation:?}");
            (violation.field, violation.reason)
        })
        .collect()
}

//! The journey of `make run ONCE=1`, on an empty data folder and again on the same one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::setup::{data_folder, play_journey};

#[test]
fn the_journey_holds_on_an_empty_folder_and_again_on_the_same_one() {
    let folder = data_folder();
    let first = play_journey(folder.path());
    let second = play_journey(folder.path());
    for report in [&first, &second] {
        let steps = report.as_array().unwrap();
        assert_eq!(steps.len(), 9);
        for step in steps {
            assert_eq!(step["passed"], true, "{step}");
            assert!(
                step["name"].is_string() && step["milliseconds"].is_u64(),
                "{step}"
            );
            let checks = step["checks"].as_array().unwrap();
            // The fewest has the step that compares whole tables at once.
            assert!(
                checks.len() >= 5,
                "{} is checked by {} assertions only",
                step["name"],
                checks.len()
            );
            assert!(
                checks
                    .iter()
                    .all(|check| check["passed"] == true && check["what"].is_string()),
                "{step}"
            );
        }
    }
    assert_eq!(
        names(&first),
        names(&second),
        "the second run checks what the first one did"
    );
}

/// Without order and number: pictures come by their ids, and a login is tried again until phone verification has heard.
fn names(report: &Value) -> BTreeSet<String> {
    let steps = report.as_array().unwrap().iter();
    steps
        .flat_map(|step| step["checks"].as_array().unwrap())
        .map(|check| check["what"].to_string())
        .collect()
}

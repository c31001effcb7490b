//! Reading files and resuming, without a service.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use contracts::common::v1::{ImportOutcome, ImportProblem, ImportRowResult};
use contracts::identity::v1::InitialCredential;

use super::state::FileState;
use super::*;

fn result(line: u32, outcome: ImportOutcome) -> ImportRowResult {
    let problems = match outcome {
        ImportOutcome::Refused => vec![ImportProblem {
            field: "policyholder.phones[1]".to_owned(),
            reason: "PHONE_NUMBER_UNREADABLE".to_owned(),
            message: "unreadable".to_owned(),
        }],
        _ => Vec::new(),
    };
    ImportRowResult {
        line,
        outcome: outcome.into(),
        problems,
    }
}

#[test]
fn en_16_a_line_that_is_not_whole_is_reported_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.csv");
    let header = crate::sample::CREDENTIAL_COLUMNS.join(",");
    std::fs::write(
        &path,
        format!("\u{FEFF}{header}\nAB123456,,C0001,,CODE\nAB\n\"AB,1\",,C0001,,CODE\n"),
    )
    .unwrap();
    let (read, _) = rows::read::<InitialCredential>(&path).unwrap();
    assert_eq!(read.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(read.rows[1].policy_number, "AB,1");
    assert_eq!(
        (read.broken[0].line, read.broken[0].reason.as_str()),
        (3, "LINE_INCOMPLETE")
    );
}

#[test]
fn a_file_with_other_columns_is_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.csv");
    std::fs::write(&path, "policy,code\n1,2\n").unwrap();
    assert!(matches!(
        rows::read::<InitialCredential>(&path),
        Err(ImportError::Header { .. })
    ));
}

#[test]
fn en_16_an_interrupted_import_goes_on_under_the_same_request_ids() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = FileState::open(folder.path(), "contracts.csv", "d1".to_owned());
    state
        .acknowledge(vec![
            result(2, ImportOutcome::Recorded),
            result(3, ImportOutcome::Refused),
        ])
        .unwrap();
    let next = state.sender().request_id(1);
    drop(state);

    let state = FileState::open(folder.path(), "contracts.csv", "d1".to_owned());
    assert_eq!(
        (state.acknowledged, state.summary.recorded, state.summary.refused),
        (1, 1, 1)
    );
    assert_eq!(state.sender().request_id(1), next);
    assert_eq!(state.summary.problems[0].column, "policyholder_phones");

    let other = FileState::open(folder.path(), "contracts.csv", "d2".to_owned());
    assert_eq!(other.acknowledged, 0, "another file starts anew");
}

#[test]
fn en_16_a_finished_import_leaves_its_report_and_the_next_one_is_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = FileState::open(folder.path(), "contracts.csv", "d1".to_owned());
    state
        .acknowledge(vec![result(3, ImportOutcome::Refused)])
        .unwrap();
    let before = state.sender().request_id(0);
    state.close().unwrap();
    let report = std::fs::read_to_string(folder.path().join("contracts.csv.report.csv")).unwrap();
    assert_eq!(
        report,
        "line,column,reason,message\n3,policyholder_phones,PHONE_NUMBER_UNREADABLE,unreadable\n"
    );
    let again = FileState::open(folder.path(), "contracts.csv", "d1".to_owned());
    assert_eq!(again.acknowledged, 0);
    assert_ne!(again.sender().request_id(0), before);
}

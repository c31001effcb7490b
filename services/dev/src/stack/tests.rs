//! What a stack is started with, without starting it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt as _;

use kernel::{PhoneNumber, Timestamp};
use rulebook::Rulebook;

use super::*;

#[test]
fn op_1_the_development_rulebook_is_the_default_one_without_maintenance() {
    let rulebook = Rulebook::parse(&settings::rulebook()).unwrap();
    let monday_three: Timestamp = "2026-11-23T03:00:00+09:00".parse().unwrap();
    assert!(Rulebook::default_rulebook().closed_until(monday_three).is_some());
    assert!(rulebook.closed_until(monday_three).is_none());
}

#[test]
fn pv_8_the_lines_are_eight_different_numbers() {
    let numbers: std::collections::BTreeSet<_> = LINES
        .iter()
        .map(|line| PhoneNumber::parse(line).unwrap())
        .collect();
    assert_eq!(numbers.len(), 8);
}

#[test]
fn secrets_are_made_once_and_readable_by_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(folder.path()).unwrap();
    let first = Secrets::open(&folder).unwrap();
    let again = Secrets::open(&folder).unwrap();
    assert_eq!(first.carrier(), again.carrier());
    assert_eq!(first.accepted(), again.accepted());
    assert_eq!(first.staff().jwks(), again.staff().jwks());
    assert!(!first.carrier().contains('.') && first.carrier().len() == 64);
    for entry in std::fs::read_dir(folder.file("secrets")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            entry.path().display()
        );
    }
}

#[test]
fn ports_are_kept_while_they_are_free() {
    let folder = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(folder.path()).unwrap();
    let first = description::ports(&folder).unwrap();
    let description = Description {
        services: first
            .iter()
            .map(|(service, port)| ((*service).to_owned(), format!("127.0.0.1:{port}")))
            .collect(),
        ..Description::default()
    };
    description.write(&folder).unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", first[IDENTITY])).unwrap();
    let second = description::ports(&folder).unwrap();
    assert_ne!(second[IDENTITY], first[IDENTITY]);
    assert_eq!(second[VIEWS], first[VIEWS]);
    drop(taken);
}

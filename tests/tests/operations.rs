//! docs/operations.md is whole: every metric, every alarm and every RPC of operators has its entry, and every entry speaks of
//! something that exists. Its commands are typed in services/operate/tests/document.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use contracts::access::{Allowed, StaffRole, TABLE};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn operations() -> String {
    read("docs/operations.md")
}

/// The product's sources: what is under `src` of shared crates and services.
fn sources() -> String {
    let mut text = String::new();
    for place in ["shared", "services"] {
        for package in fs::read_dir(root().join(place)).unwrap() {
            let package = package.unwrap();
            if package.file_name() != "testkit" {
                add_all(&package.path().join("src"), &mut text);
            }
        }
    }
    text
}

fn add_all(path: &Path, text: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            add_all(&entry.unwrap().path(), text);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        text.push_str(&fs::read_to_string(path).unwrap());
    }
}

/// What stands between this opening and the next quotation mark, wherever it occurs.
fn quoted(text: &str, opening: &str) -> BTreeSet<String> {
    let rest = text.split(opening).skip(1);
    rest.filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// What the document sets in code, whole or up to the first blank.
fn in_code(document: &str) -> BTreeSet<&str> {
    document
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_metric_has_an_entry_and_every_entry_a_metric() {
    let (sources, document) = (sources(), operations());
    let metrics: BTreeSet<String> = ["gauge(\"", "counter(\"", "histogram(\""]
        .iter()
        .flat_map(|builder| quoted(&sources, builder))
        .collect();
    assert!(
        metrics.len() >= 9,
        "only {metrics:?} were found: the search is blind"
    );
    let named: BTreeSet<String> = in_code(&document)
        .into_iter()
        .filter(|word| word.starts_with("madoguchi.") || word.starts_with("rpc."))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        named, metrics,
        "docs/operations.md against the metrics in the sources"
    );
}

#[test]
fn every_alarm_has_a_heading_and_its_line_points_there() {
    let alarms = read("shared/service/src/watch/alarm.rs");
    let names = alarms
        .split("fn name(")
        .nth(1)
        .unwrap()
        .split("\n    }\n")
        .next()
        .unwrap();
    let names = quoted(names, "=> \"");
    assert!(names.len() >= 7, "only {names:?} were found: the search is blind");
    let document = operations();
    let alarms = document.split("\n## Alarms\n").nth(1).unwrap();
    let alarms = alarms.split("\n## ").next().unwrap();
    let headings: BTreeSet<String> = alarms
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|heading| *heading != "Other metrics")
        .map(str::to_owned)
        .collect();
    assert_eq!(
        headings, names,
        "docs/operations.md against the alarms in the sources"
    );
}

/// Those for administrators and supervisors alone.
#[test]
fn every_rpc_of_operators_is_described() {
    let document = operations();
    let operator = |role: &StaffRole| matches!(role, StaffRole::Administrator | StaffRole::Supervisor);
    let mut rpcs = 0;
    for rule in TABLE {
        let name = rule.rpc.rsplit('/').next().unwrap();
        let for_operators = rule
            .allowed
            .iter()
            .all(|allowed| matches!(allowed, Allowed::Staff(roles) if roles.iter().all(operator)));
        if for_operators {
            rpcs += 1;
            assert!(
                in_code(&document).contains(name),
                "docs/operations.md does not describe {}",
                rule.rpc
            );
        }
    }
    assert!(rpcs >= 2, "only {rpcs} were found: the search is blind");
}

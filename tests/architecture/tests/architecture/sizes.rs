//! How long a file and a function may be, written by hand, for tests and production alike.

use std::fs;

use crate::paths::Outline;
use crate::workspace::{files, root, within};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// Of the protos ours: the language of the limits is copied as it is.
const FOLDERS: [&str; 4] = ["proto/madoguchi", "services", "shared", "tests"];

#[test]
fn no_file_is_longer_than_one_can_keep_in_mind() {
    let mut found = Vec::new();
    for path in FOLDERS
        .iter()
        .flat_map(|folder| files(&root().join(folder), &["rs", "proto", "sql", "sh"]))
    {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > FILE_LINES {
            found.push(format!("{}: {lines} lines", within(&path)));
        }
    }
    assert!(found.is_empty(), "over {FILE_LINES} lines:\n{}", found.join("\n"));
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let (mut found, mut seen) = (Vec::new(), 0);
    for path in FOLDERS
        .iter()
        .flat_map(|folder| files(&root().join(folder), &["rs"]))
    {
        let name = within(&path);
        for function in Outline::with_tests(&path).functions {
            seen += 1;
            if function.lines > FUNCTION_LINES {
                found.push(format!(
                    "{name}:{}: {} has {} lines",
                    function.line, function.name, function.lines
                ));
            }
        }
    }
    assert!(seen > 3_000, "only {seen} functions were read");
    assert!(
        found.is_empty(),
        "over {FUNCTION_LINES} lines:\n{}",
        found.join("\n")
    );
}

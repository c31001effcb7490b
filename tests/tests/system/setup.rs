//! What the tests of the whole stand on: a data folder of their own, the programs, the journey played in it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Contracts of the book: five times every kind, enough for two journeys, each of which takes two customers.
const CONTRACTS: &str = "120";

/// A data folder that is removed with the test. PostgreSQL's user may pass through it.
pub(crate) fn data_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("madoguchi-system-")
        .tempdir()
        .unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

/// The folder of the built programs: tests lie one below it.
pub(crate) fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap().to_owned();
    assert!(
        folder.join("madoguchi").is_file(),
        "{} has no madoguchi: run `make build`",
        folder.display()
    );
    folder
}

/// Plays the journey as `make run ONCE=1` does; its report. Fails with the program's own words.
pub(crate) fn play_journey(folder: &Path) -> Value {
    play_journey_with(folder, &[])
}

/// The same with environment variables for the runner and the services it starts.
pub(crate) fn play_journey_with(folder: &Path, variables: &[(&str, &str)]) -> Value {
    let report = folder.join("journey.json");
    let output = Command::new(programs().join("madoguchi"))
        .args(["run", "--once", "--contracts", CONTRACTS, "--data"])
        .arg(folder.join("data"))
        .arg("--report")
        .arg(&report)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap()
}

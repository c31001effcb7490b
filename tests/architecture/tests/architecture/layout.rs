//! The shape of the tree: what lies where, and what every file begins with.

use std::collections::BTreeSet;
use std::fs;

use crate::workspace::{GRPC_SERVICES, folder, root, sources, workspace};

#[test]
fn the_top_level_is_what_the_project_says_it_is() {
    let allowed = BTreeSet::from([
        "Cargo.toml",
        "Cargo.lock",
        "Makefile",
        "README.md",
        "ARCHITECTURE.md",
        "LICENSE",
        "proto",
        "services",
        "shared",
        "deploy",
        "tests",
        "docs",
        "buf.yaml",
        "clippy.toml",
        "rustfmt.toml",
        "deny.toml",
        "target",
        "data",
    ]);
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(
            name.starts_with('.') || allowed.contains(name.as_str()),
            "`{name}` does not belong at the top level"
        );
    }
}

#[test]
fn every_file_says_why_it_exists() {
    let metadata = workspace();
    for package in &metadata.packages {
        for path in sources(&root().join(folder(package))) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with("//!"),
                "{} does not start with a `//!` comment",
                path.display()
            );
        }
    }
}

#[test]
fn every_main_is_a_few_lines() {
    for service in GRPC_SERVICES {
        let main = fs::read_to_string(root().join(service).join("src/main.rs")).unwrap();
        assert!(
            main.lines().count() <= 25,
            "{service}/src/main.rs has {} lines",
            main.lines().count()
        );
    }
}

#[test]
fn every_service_keeps_one_fixture_for_every_event_type_it_names() {
    for service in &GRPC_SERVICES[..4] {
        let mut named = BTreeSet::new();
        for path in sources(&root().join(service).join("src/domain")) {
            let text = fs::read_to_string(&path).unwrap();
            for part in text.split("rename = \"").skip(1) {
                let name = part.split('"').next().unwrap();
                if name.contains('.') {
                    named.insert(name.to_owned());
                }
            }
        }
        let mut kept = BTreeSet::new();
        for entry in fs::read_dir(root().join(service).join("tests/fixtures/events")).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            kept.insert(name.trim_end_matches(".json").to_owned());
        }
        let missing: Vec<_> = named
            .iter()
            .filter(|name| !kept.iter().any(|file| file.starts_with(name.as_str())))
            .collect();
        assert!(
            !named.is_empty() && missing.is_empty(),
            "{service} has no fixture for {missing:?}"
        );
    }
}

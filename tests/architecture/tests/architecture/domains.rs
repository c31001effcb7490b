//! A domain is pure: it is written in a few crates that do nothing but compute, and knows nothing else, of the rest of its
//! service neither.

use std::collections::BTreeSet;
use std::path::Path;

use crate::paths::Outline;
use crate::workspace::{GRPC_SERVICES, folder, root, sources, within, workspace};

/// What a domain may name of the crates its service depends on: ours that are pure themselves, and others that only
/// compute.
const PURE: [&str; 14] = [
    "decider",
    "kernel",
    "rulebook",
    "hex",
    "hmac",
    "jiff",
    "proptest",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "unicode_normalization",
    "uuid",
    "zeroize",
];

/// What of the standard library reaches out of the process.
const REACHING_OUT: [&str; 5] = ["env", "fs", "net", "process", "thread"];

/// The crates that a service's code can name.
fn crates(service: &str) -> BTreeSet<String> {
    let metadata = workspace();
    let package = metadata
        .packages
        .iter()
        .find(|package| folder(package) == service)
        .unwrap();
    let named = package.dependencies.iter().map(|dependency| {
        let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
        name.replace('-', "_")
    });
    named.collect()
}

/// Why a path has no place in a domain. `local`: names that are given in its file.
fn impure(segments: &[String], crates: &BTreeSet<String>, local: &impl Fn(&str) -> bool) -> Option<String> {
    let [first, second, ..] = segments else {
        return None;
    };
    if crates.contains(first) && !PURE.contains(&first.as_str()) && !local(first) {
        return Some(format!(
            "`{first}` is not among the crates a domain is written in"
        ));
    }
    match first.as_str() {
        "std" if REACHING_OUT.contains(&second.as_str()) => {
            Some(format!("`std::{second}` reaches out of the process"))
        }
        "crate" if second != "domain" => Some(format!("`crate::{second}` is outside the domain")),
        _ => None,
    }
}

fn faults(file: &Path, crates: &BTreeSet<String>) -> Vec<String> {
    let outline = Outline::with_tests(file);
    let local = |name: &str| {
        let import = outline.imports.get(name);
        import.is_some_and(|path| path.len() > 1) || outline.modules.iter().any(|module| module.name == name)
    };
    let at = |line: usize, why: String| format!("{}:{line}: {why}", within(file));
    let asynchronous = outline
        .asynchronous
        .iter()
        .map(|line| at(*line, "something asynchronous".to_owned()));
    let named = outline.paths.iter().filter_map(|named| {
        let why = impure(&named.segments, crates, &local)?;
        Some(at(named.line, why))
    });
    asynchronous.chain(named).collect()
}

#[test]
fn a_domain_is_pure() {
    let (mut files, mut found) = (0, Vec::new());
    for service in GRPC_SERVICES {
        let crates = crates(service);
        for path in sources(&root().join(service).join("src/domain")) {
            files += 1;
            found.extend(faults(&path, &crates));
        }
    }
    assert!(
        files >= 10,
        "only {files} domain files were read: the layout changed and this test looks in the wrong place"
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_is_not_pure_is_known_by_the_names_of_crates() {
    let crates = BTreeSet::from(["kernel", "sqlx", "tokio"].map(str::to_owned));
    let impure = |path: &str| {
        let segments: Vec<_> = path.split("::").map(str::to_owned).collect();
        impure(&segments, &crates, &|_| false).is_some()
    };
    for path in [
        "sqlx::query",
        "tokio::spawn",
        "std::fs::read",
        "std::env::var",
        "crate::api::Api",
    ] {
        assert!(impure(path), "{path}");
    }
    for path in [
        "kernel::phone",
        "std::fmt::Display",
        "crate::domain::event::Event",
        "super::Event",
        "Event",
    ] {
        assert!(!impure(path), "{path}");
    }
}

//! The invariants of the layout, checked on the dependency graph and on the sources themselves, so that a shortcut fails
//! here and not in review.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

/// Where a package lives, relative to the workspace: "shared/kernel".
fn folder(package: &Package) -> String {
    let manifest = package.manifest_path.as_std_path();
    manifest
        .parent()
        .unwrap()
        .strip_prefix(root())
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

/// The folders of our own crates a package depends on, by kind.
fn ours(metadata: &Metadata, package: &Package, wanted: impl Fn(DependencyKind) -> bool) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|dependency| wanted(dependency.kind))
        .filter_map(|dependency| dependency.path.as_ref())
        .map(|path| {
            path.as_std_path()
                .strip_prefix(root())
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|path| metadata.packages.iter().any(|other| folder(other) == *path))
        .collect()
}

fn shipped(kind: DependencyKind) -> bool {
    kind != DependencyKind::Development
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(entries) = fs::read_dir(folder) {
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

const GRPC_SERVICES: [&str; 5] = [
    "services/identity",
    "services/endorsement",
    "services/claim-images",
    "services/phone-verification",
    "services/views",
];

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
fn no_service_depends_on_another() {
    let metadata = workspace();
    for package in &metadata.packages {
        let here = folder(package);
        if GRPC_SERVICES.contains(&here.as_str()) {
            let bad: Vec<_> = ours(&metadata, package, |_| true)
                .into_iter()
                .filter(|path| path.starts_with("services/"))
                .collect();
            assert!(
                bad.is_empty(),
                "{here} depends on {bad:?}: services speak through proto/ and NATS only"
            );
        }
    }
}

#[test]
fn nothing_shared_depends_on_a_service() {
    let metadata = workspace();
    for package in metadata
        .packages
        .iter()
        .filter(|package| folder(package).starts_with("shared/"))
    {
        let bad: Vec<_> = ours(&metadata, package, |_| true)
            .into_iter()
            .filter(|path| path.starts_with("services/"))
            .collect();
        assert!(bad.is_empty(), "{} depends on {bad:?}", folder(package));
    }
}

#[test]
fn contracts_and_kernel_depend_on_nothing_of_ours() {
    let metadata = workspace();
    for package in &metadata.packages {
        if ["shared/contracts", "shared/kernel"].contains(&folder(package).as_str()) {
            let found = ours(&metadata, package, shipped);
            assert!(found.is_empty(), "{} depends on {found:?}", folder(package));
        }
    }
}

#[test]
fn the_testkit_is_shipped_with_nothing_but_the_development_tools() {
    let metadata = workspace();
    for package in &metadata.packages {
        let here = folder(package);
        let uses = ours(&metadata, package, shipped).contains("shared/testkit");
        assert!(
            !uses || ["services/dev", "tests/faults"].contains(&here.as_str()),
            "{here} depends on the testkit outside its tests"
        );
    }
}

#[test]
fn the_harness_is_shipped_with_nothing() {
    let metadata = workspace();
    let mut users = 0;
    for package in &metadata.packages {
        let shipped = ours(&metadata, package, shipped).contains("shared/harness");
        assert!(
            !shipped,
            "{} depends on the harness outside its tests",
            folder(package)
        );
        users += usize::from(ours(&metadata, package, |_| true).contains("shared/harness"));
    }
    assert!(
        users >= GRPC_SERVICES.len(),
        "only {users} packages use the harness"
    );
}

#[test]
fn no_module_is_a_file_of_another_crate() {
    let metadata = workspace();
    for package in &metadata.packages {
        let home = root().join(folder(package));
        for path in ["src", "tests", "benches"]
            .iter()
            .flat_map(|part| sources(&home.join(part)))
        {
            let text = fs::read_to_string(&path).unwrap();
            for named in text.split("#[path = \"").skip(1) {
                let named = path.parent().unwrap().join(named.split('"').next().unwrap());
                let Ok(named) = named.canonicalize() else {
                    continue;
                };
                assert!(
                    named.starts_with(home.canonicalize().unwrap()),
                    "{} takes in {}",
                    path.display(),
                    named.display()
                );
            }
        }
    }
}

#[test]
fn a_domain_is_pure() {
    let banned = [
        "async fn",
        ".await",
        "tokio::",
        "tonic::",
        "sqlx::",
        "async_nats",
        "std::fs",
        "std::net",
        "std::env",
    ];
    let allowed_crates = ["kernel", "eventsourcing"];
    let our_crates = ["contracts", "messaging", "privacy", "service", "testkit"];
    let mut files = 0;
    for service in GRPC_SERVICES {
        for path in sources(&root().join(service).join("src/domain")) {
            files += 1;
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in text
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for word in banned {
                    assert!(
                        !line.contains(word),
                        "{}:{} uses `{word}`",
                        path.display(),
                        number + 1
                    );
                }
                for name in our_crates {
                    assert!(
                        !line.contains(&format!("{name}::")) || line.contains("crate::"),
                        "{}:{} uses `{name}`; a domain knows only {allowed_crates:?}",
                        path.display(),
                        number + 1
                    );
                }
            }
        }
    }
    assert!(
        files >= 10,
        "only {files} domain files were read: the layout changed and this test looks in the wrong place"
    );
}

#[test]
fn a_domain_takes_only_the_decider_and_its_words_from_eventsourcing() {
    let allowed = [
        "Decider",
        "Explain",
        "Problem",
        "ProblemKind",
        "FieldViolation",
        "specification",
        "fixtures",
    ];
    for service in GRPC_SERVICES {
        for path in sources(&root().join(service).join("src/domain")) {
            let text = fs::read_to_string(&path).unwrap();
            for rest in text.split("eventsourcing::").skip(1) {
                let words: String = rest
                    .chars()
                    .take_while(|c| *c != ';' && *c != '\n' && *c != '(')
                    .collect();
                let found: Vec<_> = words
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .filter(|word| !word.is_empty() && *word != "self")
                    .collect();
                let known = found.first().is_none_or(|word| allowed.contains(word));
                assert!(known, "{} uses eventsourcing::{words}", path.display());
            }
        }
    }
}

#[test]
fn every_file_says_why_it_exists() {
    let metadata = workspace();
    for package in &metadata.packages {
        for path in sources(&root().join(folder(package)).join("src")) {
            if path.components().any(|part| part.as_os_str() == "generated") {
                continue;
            }
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

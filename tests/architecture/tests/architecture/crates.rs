//! Which crate may depend on which.

use std::fs;

use crate::workspace::{GRPC_SERVICES, folder, ours, root, shipped, sources, within, workspace};

/// Crates for tests and for the development tools, which no service is shipped with.
const FOR_DEVELOPMENT: [&str; 4] = [
    "shared/testkit",
    "shared/kurrentdb/fake",
    "shared/eventsourcing/suite",
    "shared/harness",
];

/// What is never deployed and may be made of them.
const DEVELOPMENT_TOOLS: [&str; 2] = ["services/dev", "tests/faults"];

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
fn what_tests_are_made_of_is_shipped_with_nothing_but_the_development_tools() {
    let metadata = workspace();
    for package in &metadata.packages {
        let here = folder(package);
        if FOR_DEVELOPMENT.contains(&here.as_str()) || DEVELOPMENT_TOOLS.contains(&here.as_str()) {
            continue;
        }
        let bad: Vec<_> = ours(&metadata, package, shipped)
            .into_iter()
            .filter(|path| FOR_DEVELOPMENT.contains(&path.as_str()))
            .collect();
        assert!(bad.is_empty(), "{here} depends on {bad:?} outside its tests");
    }
}

#[test]
fn the_frozen_client_of_kurrentdb_stays_behind_its_border() {
    for package in &workspace().packages {
        let here = folder(package);
        let uses = package
            .dependencies
            .iter()
            .any(|dependency| dependency.name == "eventstore");
        assert_eq!(
            uses,
            here == "shared/kurrentdb",
            "`eventstore` is a dependency of shared/kurrentdb and of nothing else; {here}"
        );
    }
}

#[test]
fn no_module_is_a_file_of_another_crate() {
    for package in &workspace().packages {
        let home = root().join(folder(package));
        for path in sources(&home) {
            let text = fs::read_to_string(&path).unwrap();
            for named in text.split("#[path = \"").skip(1) {
                let named = path.parent().unwrap().join(named.split('"').next().unwrap());
                let Ok(named) = named.canonicalize() else {
                    continue;
                };
                assert!(
                    named.starts_with(home.canonicalize().unwrap()),
                    "{} takes in {}",
                    within(&path),
                    within(&named)
                );
            }
        }
    }
}

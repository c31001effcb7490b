//! The workspace as cargo and the file system know it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

pub(crate) const GRPC_SERVICES: [&str; 5] = [
    "services/identity",
    "services/endorsement",
    "services/claim-images",
    "services/phone-verification",
    "services/views",
];

pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

pub(crate) fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

/// A path as the project names it: "shared/kernel/src/lib.rs".
pub(crate) fn within(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// Where a package lives: "shared/kernel".
pub(crate) fn folder(package: &Package) -> String {
    within(package.manifest_path.as_std_path().parent().unwrap())
}

/// The folders of our own crates a package depends on, by kind.
pub(crate) fn ours(
    metadata: &Metadata,
    package: &Package,
    wanted: impl Fn(DependencyKind) -> bool,
) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|dependency| wanted(dependency.kind))
        .filter_map(|dependency| dependency.path.as_ref())
        .map(|path| within(path.as_std_path()))
        .filter(|path| metadata.packages.iter().any(|other| folder(other) == *path))
        .collect()
}

pub(crate) fn shipped(kind: DependencyKind) -> bool {
    kind != DependencyKind::Development
}

/// Files below a folder with one of these endings, in a stable order; what is generated or built is left out.
pub(crate) fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !matches!(&*name, "generated" | "target") && !name.starts_with('.') {
                found.extend(files(&path, endings));
            }
        } else if path
            .extension()
            .is_some_and(|extension| endings.iter().any(|ending| extension == *ending))
        {
            found.push(path);
        }
    }
    found
}

/// Rust files below a folder, written by hand.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, &["rs"])
}

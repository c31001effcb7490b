//! Golden fixtures: every type of event ever written has a JSON file that must decode for ever.
//! Files are `{"type": …, "data": …}`; one is added with each new type or version, none is ever edited.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::event_type::{Mismatch, decode_parts, event_types};

/// Everything that is wrong with a folder of fixtures.
#[derive(Debug)]
pub struct FixtureErrors(Vec<String>);

impl fmt::Display for FixtureErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for FixtureErrors {}

#[derive(Deserialize)]
struct Fixture {
    #[serde(rename = "type")]
    event_type: String,
    data: Value,
}

/// Decodes every `*.json` of `folder` that belongs to `E`, and asks for one of each of its types.
/// Several event enums may share a folder; [`check_all`] finds files that belong to none.
pub fn check<E: DeserializeOwned>(folder: impl AsRef<Path>) -> Result<(), FixtureErrors> {
    let mut errors = Vec::new();
    let mut missing: BTreeSet<&str> = event_types::<E>().iter().copied().collect();
    if missing.is_empty() {
        errors.push(format!(
            "{} is no enum tagged by type with its content in data",
            std::any::type_name::<E>()
        ));
    }
    for (path, fixture) in read(folder.as_ref(), &mut errors) {
        match decode_parts::<E>(&fixture.event_type, fixture.data) {
            Ok(_) => {
                missing.remove(fixture.event_type.as_str());
            }
            Err(Mismatch::UnknownType) => {}
            Err(Mismatch::Malformed { path: place, problem }) => {
                errors.push(format!(
                    "{}: {} no longer decodes at {place}: {problem}",
                    path.display(),
                    fixture.event_type
                ));
                missing.remove(fixture.event_type.as_str());
            }
        }
    }
    errors.extend(
        missing
            .into_iter()
            .map(|event_type| format!("{event_type} has no fixture in {}", folder.as_ref().display())),
    );
    if errors.is_empty() {
        Ok(())
    } else {
        Err(FixtureErrors(errors))
    }
}

/// Asks that every file of `folder` has a type of `known`, the types of all event enums of the service: a file left
/// over tells of a type that was renamed or removed although stored events have it.
pub fn check_all(folder: impl AsRef<Path>, known: &[&[&str]]) -> Result<(), FixtureErrors> {
    let mut errors = Vec::new();
    for (path, fixture) in read(folder.as_ref(), &mut errors) {
        if !known
            .iter()
            .any(|types| types.contains(&fixture.event_type.as_str()))
        {
            errors.push(format!(
                "{}: no event enum knows {} any more",
                path.display(),
                fixture.event_type
            ));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(FixtureErrors(errors))
    }
}

fn read(folder: &Path, errors: &mut Vec<String>) -> Vec<(PathBuf, Fixture)> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            errors.push(format!("{}: {error}", folder.display()));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut fixtures = Vec::new();
    for path in paths {
        let parsed = fs::read_to_string(&path).map_err(|error| error.to_string());
        match parsed.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string())) {
            Ok(fixture) => fixtures.push((path, fixture)),
            Err(error) => errors.push(format!("{}: {error}", path.display())),
        }
    }
    fixtures
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(tag = "type", content = "data")]
    #[allow(dead_code, reason = "only decoded")]
    enum Event {
        #[serde(rename = "lamp.lit.v1")]
        Lit { watts: u32 },
        #[serde(rename = "lamp.put_out.v1")]
        PutOut {},
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    const LIT: (&str, &str) = (
        "lamp.lit.v1.json",
        r#"{"type": "lamp.lit.v1", "data": {"watts": 40}}"#,
    );
    const OUT: (&str, &str) = (
        "lamp.put_out.v1.json",
        r#"{"type": "lamp.put_out.v1", "data": {}}"#,
    );

    #[test]
    fn an_enum_tells_its_types() {
        assert_eq!(event_types::<Event>(), ["lamp.lit.v1", "lamp.put_out.v1"]);
        assert!(event_types::<Value>().is_empty());
    }

    #[test]
    fn a_fixture_for_each_type_is_enough() {
        let folder = folder(&[LIT, OUT, ("other.v1.json", r#"{"type": "other.v1", "data": {}}"#)]);
        check::<Event>(folder.path()).unwrap();
    }

    #[test]
    fn a_type_without_fixture_is_named() {
        let folder = folder(&[LIT]);
        let error = check::<Event>(folder.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("lamp.put_out.v1 has no fixture in {}", folder.path().display())
        );
    }

    #[test]
    fn a_fixture_that_no_longer_decodes_is_named_with_the_place() {
        let folder = folder(&[
            ("old.json", r#"{"type": "lamp.lit.v1", "data": {"power": 40}}"#),
            OUT,
        ]);
        let error = check::<Event>(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("old.json: lamp.lit.v1 no longer decodes at data: missing field `watts`"),
            "{error}"
        );
    }

    #[test]
    fn a_fixture_of_a_type_nobody_knows_is_named() {
        let folder = folder(&[
            LIT,
            OUT,
            ("old.json", r#"{"type": "lamp.renamed.v1", "data": {}}"#),
        ]);
        check_all(folder.path(), &[event_types::<Event>(), &["lamp.renamed.v1"]]).unwrap();
        let error = check_all(folder.path(), &[event_types::<Event>()])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no event enum knows lamp.renamed.v1 any more"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(
            check::<Event>("/nowhere/fixtures")
                .unwrap_err()
                .to_string()
                .contains("/nowhere/fixtures")
        );
    }
}

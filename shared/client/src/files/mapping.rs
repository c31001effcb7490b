//! A core system's own header names. A mapping file says for each of our columns what it is called there, which columns nobody
//! needs here, and which it does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::FileRow;

/// The names of the three files' columns; by default those of docs/import.md.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Of the contracts.
    #[serde(default)]
    pub contracts: Columns,
    /// Of the credentials.
    #[serde(default)]
    pub credentials: Columns,
    /// Of the accidents.
    #[serde(default)]
    pub accidents: Columns,
}

/// The names of one file's columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// Our name, and the header's. What is not listed is called as we call it.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
    /// Columns of the file that are not imported.
    #[serde(default)]
    pub ignored: BTreeSet<String>,
    /// Our columns that the file does not have: they are read as empty.
    #[serde(default)]
    pub absent: BTreeSet<String>,
}

/// A mapping file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is no mapping.
    #[error("{}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<toml::de::Error>,
    },
    /// It names a column that nobody knows, or one name twice.
    #[error("{}: the mapping of {file} {fault}", path.display())]
    Wrong {
        /// The mapping file.
        path: PathBuf,
        /// Which of the three files.
        file: &'static str,
        /// What is wrong.
        fault: String,
    },
}

impl Mapping {
    /// Reads a mapping file.
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        let text = std::fs::read_to_string(path).map_err(|source| MappingError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mapping: Self = toml::from_str(&text).map_err(|source| MappingError::Malformed {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        mapping.check::<contracts::endorsement::v1::ContractRow>(path)?;
        mapping.check::<contracts::identity::v1::InitialCredential>(path)?;
        mapping.check::<contracts::claim_images::v1::AccidentRow>(path)?;
        Ok(mapping)
    }

    fn check<R: FileRow>(&self, path: &Path) -> Result<(), MappingError> {
        R::mapped(self)
            .check(&R::columns())
            .map_err(|fault| MappingError::Wrong {
                path: path.to_owned(),
                file: R::FILE,
                fault,
            })
    }
}

impl Columns {
    fn check(&self, known: &[String]) -> Result<(), String> {
        if let Some(unknown) = self
            .names
            .keys()
            .chain(&self.absent)
            .find(|name| !known.contains(name))
        {
            return Err(format!("names {unknown}, which is no column of ours"));
        }
        let mut taken = BTreeSet::new();
        let twice = known.iter().map(|name| self.theirs(name));
        let twice = twice.chain(self.ignored.iter().map(String::as_str));
        match twice.into_iter().find(|name| !taken.insert(*name)) {
            Some(name) => Err(format!("names {name} twice")),
            None => Ok(()),
        }
    }

    /// What a column of ours is called in the file.
    pub(super) fn theirs<'a>(&'a self, ours: &'a str) -> &'a str {
        self.names.get(ours).map_or(ours, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn read(text: &str) -> Result<Mapping, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Mapping::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_sample_names_every_column_in_japanese() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/import-mapping.ja.toml");
        let mapping = Mapping::read(Path::new(sample)).unwrap();
        for (columns, count) in [
            (&mapping.contracts, 29),
            (&mapping.credentials, 5),
            (&mapping.accidents, 10),
        ] {
            assert_eq!(columns.names.len(), count);
            assert!(columns.names.values().all(|name| !name.is_ascii()));
        }
    }

    #[test]
    fn a_mapping_that_cannot_be_meant_is_refused_with_the_name() {
        let unknown = read("[accidents.names]\nplacement = \"場所\"\n").unwrap_err();
        assert!(unknown.contains("placement"), "{unknown}");
        let twice = read("[accidents.names]\nplace = \"場所\"\nkind = \"場所\"\n").unwrap_err();
        assert!(twice.contains("場所 twice"), "{twice}");
        let key = read("[accident]\n").unwrap_err();
        assert!(key.contains("accident"), "{key}");
        assert_eq!(read("").unwrap(), Mapping::default());
    }
}

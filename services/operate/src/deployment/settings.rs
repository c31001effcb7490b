//! The services' own settings files, read for what operators' commands need of them. What a deployment gives by environment
//! is not seen here.

use std::path::{Path, PathBuf};

use client::SERVICES;
use toml::Table;

use super::places_error::PlacesError;

/// Not a service: where the keyring is, for its owner.
pub(super) const KEYRING: &str = "keyring";

#[derive(Debug, Clone)]
pub(super) struct SettingsFile {
    pub(super) path: PathBuf,
    pub(super) service: &'static str,
    table: Table,
}

impl SettingsFile {
    /// Reads files, `SERVICE=FILE`s and folders.
    pub(super) fn read_all(given: &[String]) -> Result<Vec<Self>, PlacesError> {
        let mut files = Vec::new();
        for given in given {
            let named = given
                .split_once('=')
                .and_then(|(name, path)| Some((service(name)?, path)));
            match named {
                Some((service, path)) => files.push(Self::read(Path::new(path), service)?),
                None if Path::new(given).is_dir() => files.extend(Self::of_folder(Path::new(given))?),
                None => {
                    let path = Path::new(given);
                    let unnamed = || PlacesError::Unnamed { path: given.into() };
                    files.push(Self::read(path, stem(path).ok_or_else(unnamed)?)?);
                }
            }
        }
        Ok(files)
    }

    /// The files of a folder that are named after services; others (the rulebook) are passed over.
    fn of_folder(folder: &Path) -> Result<Vec<Self>, PlacesError> {
        let mut files = Vec::new();
        for name in SERVICES.into_iter().chain([KEYRING]) {
            let path = folder.join(format!("{name}.toml"));
            if path.exists() {
                files.push(Self::read(&path, name)?);
            }
        }
        if files.is_empty() {
            return Err(PlacesError::None {
                path: folder.to_owned(),
            });
        }
        Ok(files)
    }

    fn read(path: &Path, service: &'static str) -> Result<Self, PlacesError> {
        let file = |source| PlacesError::File {
            path: path.to_owned(),
            source,
        };
        let content = std::fs::read_to_string(path).map_err(file)?;
        let table = content.parse().map_err(|_| PlacesError::Toml {
            path: path.to_owned(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            service,
            table,
        })
    }

    #[cfg(test)]
    pub(super) fn of_text(service: &'static str, text: &str) -> Self {
        Self {
            path: format!("{service}.toml").into(),
            service,
            table: text.parse().unwrap_or_default(),
        }
    }

    /// A setting that is a text.
    pub(super) fn word(&self, section: &str, key: &str) -> Option<&str> {
        self.table.get(section)?.as_table()?.get(key)?.as_str()
    }

    /// A setting, or the content of the file it names instead (`url_file`), as the services read it.
    pub(super) fn text(&self, section: &str, key: &str) -> Result<Option<String>, PlacesError> {
        if let Some(value) = self.word(section, key) {
            return Ok(Some(value.to_owned()));
        }
        let Some(path) = self.word(section, &format!("{key}_file")) else {
            return Ok(None);
        };
        match std::fs::read_to_string(path) {
            Ok(content) => Ok(Some(content.trim_end().to_owned())),
            Err(source) => Err(PlacesError::File {
                path: path.into(),
                source,
            }),
        }
    }
}

fn service(name: &str) -> Option<&'static str> {
    SERVICES.into_iter().chain([KEYRING]).find(|known| *known == name)
}

fn stem(path: &Path) -> Option<&'static str> {
    service(path.file_stem()?.to_str()?)
}

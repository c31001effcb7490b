//! Where a deployment keeps what must outlive it: databases and folders of files, as the services' own settings files
//! name them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Table;

/// The name under which the keyring's database stands among the others.
const KEYRING: &str = "keyring";

/// Databases and folders, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The URL of each service's database, by the name of its settings file.
    pub services: BTreeMap<String, String>,
    /// The URL of the keyring's database.
    pub keyring: String,
    /// Folders of files that are kept for ever, by the service's name.
    pub files: BTreeMap<String, PathBuf>,
    /// The services whose events are not in their PostgreSQL database.
    pub events_elsewhere: Vec<String>,
}

/// Why the places are not known.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// A file cannot be read.
    #[error("read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A settings file is not TOML. The reason is left out: it quotes the file, which may hold a password.
    #[error("{} is not TOML", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
    },
    /// A setting is not there.
    #[error("{} has no {key}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The setting.
        key: &'static str,
    },
    /// Services of one deployment share one keyring.
    #[error("{} names another keyring than the files before it", path.display())]
    Keyrings {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to do.
    #[error("{} holds no settings of a service", path.display())]
    None {
        /// Where was looked.
        path: PathBuf,
    },
}

impl Places {
    /// From the settings files of all services of a deployment.
    pub fn of_files(files: &[PathBuf]) -> Result<Self, PlacesError> {
        let mut places = Self::default();
        for path in files {
            let table = read(path)?;
            places.add(path, &table)?;
        }
        Ok(places)
    }

    /// From a folder of settings files; what is not a service's (the rulebook) is passed over.
    pub fn of_folder(folder: &Path) -> Result<Self, PlacesError> {
        let failed = |source| PlacesError::File {
            path: folder.to_owned(),
            source,
        };
        let mut places = Self::default();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let table = read(&path)?;
                if table.contains_key("database") {
                    places.add(&path, &table)?;
                }
            }
        }
        if places.services.is_empty() {
            return Err(PlacesError::None {
                path: folder.to_owned(),
            });
        }
        Ok(places)
    }

    /// All databases by name, the keyring last.
    pub fn databases(&self) -> Vec<(&str, &str)> {
        let services = self
            .services
            .iter()
            .map(|(name, url)| (name.as_str(), url.as_str()));
        services.chain([(KEYRING, self.keyring.as_str())]).collect()
    }

    fn add(&mut self, path: &Path, table: &Table) -> Result<(), PlacesError> {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let missing = |key| PlacesError::Missing {
            path: path.to_owned(),
            key,
        };
        let database = text(table, "database", "url")?.ok_or_else(|| missing("database.url"))?;
        let keyring = text(table, KEYRING, "url")?.ok_or_else(|| missing("keyring.url"))?;
        if !self.keyring.is_empty() && self.keyring != keyring {
            return Err(PlacesError::Keyrings {
                path: path.to_owned(),
            });
        }
        self.keyring = keyring;
        if let Some(folder) = text(table, "service", "originals_folder")? {
            self.files.insert(name.clone(), folder.into());
        }
        if text(table, "event_store", "url")?.is_some() {
            self.events_elsewhere.push(name.clone());
        }
        self.services.insert(name, database);
        Ok(())
    }
}

fn read(path: &Path) -> Result<Table, PlacesError> {
    let file = |source| PlacesError::File {
        path: path.to_owned(),
        source,
    };
    let content = std::fs::read_to_string(path).map_err(file)?;
    content.parse().map_err(|_| PlacesError::Toml {
        path: path.to_owned(),
    })
}

/// A setting, or the content of the file it names instead (`url_file`), as the services read it.
fn text(table: &Table, section: &str, key: &str) -> Result<Option<String>, PlacesError> {
    let Some(section) = table.get(section).and_then(toml::Value::as_table) else {
        return Ok(None);
    };
    if let Some(value) = section.get(key).and_then(toml::Value::as_str) {
        return Ok(Some(value.to_owned()));
    }
    let Some(path) = section.get(&format!("{key}_file")).and_then(toml::Value::as_str) else {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }

    #[test]
    fn the_places_are_those_of_the_services_settings() {
        let folder = folder(&[
            ("secret", "postgres://localhost/keyring\n"),
            ("rulebook.toml", "[routes]\n"),
        ]);
        let secret = folder.path().join("secret");
        let settings = format!(
            "[database]\nurl = \"postgres://localhost/claims\"\n[keyring]\nurl_file = \"{}\"\n\
             [event_store]\nurl = \"esdb://localhost\"\n[service]\noriginals_folder = \"/srv/originals\"\n",
            secret.display()
        );
        std::fs::write(folder.path().join("claims.toml"), settings).unwrap();

        let places = Places::of_folder(folder.path()).unwrap();

        assert_eq!(
            places.databases(),
            [
                ("claims", "postgres://localhost/claims"),
                ("keyring", "postgres://localhost/keyring")
            ]
        );
        assert_eq!(places.files["claims"], Path::new("/srv/originals"));
        assert_eq!(places.events_elsewhere, ["claims"]);
        let files = [folder.path().join("claims.toml")];
        assert_eq!(Places::of_files(&files).unwrap(), places);
    }

    #[test]
    fn settings_that_are_incomplete_or_of_two_deployments_are_refused() {
        let of = |keyring: &str| format!("[database]\nurl = \"d\"\n[keyring]\nurl = \"{keyring}\"\n");
        let two = folder(&[("a.toml", &of("one")), ("b.toml", &of("other"))]);
        let refused = Places::of_folder(two.path()).unwrap_err();
        assert!(matches!(refused, PlacesError::Keyrings { .. }), "{refused}");
        let none = folder(&[("rulebook.toml", "")]);
        let refused = Places::of_folder(none.path()).unwrap_err();
        assert!(matches!(refused, PlacesError::None { .. }), "{refused}");
        let half = folder(&[("a.toml", "[database]\nurl = \"d\"\n")]);
        let refused = Places::of_folder(half.path()).unwrap_err();
        assert_eq!(
            refused.to_string().rsplit(' ').next(),
            Some("keyring.url"),
            "{refused}"
        );
    }
}

//! Where a deployment keeps what must outlive it: databases and folders of files, as the services' own settings files
//! name them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use url::Url;

use super::places_error::PlacesError;
use super::settings::{KEYRING, SettingsFile};

/// Databases and folders, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The URL of each service's database, by the service's name.
    pub services: BTreeMap<String, String>,
    /// The URL of the keyring's database: its owner's, where settings of its own name that, else the first service's.
    pub keyring: String,
    /// The keyring's URL as each service reaches it, by the service's name.
    pub keyring_of: BTreeMap<String, String>,
    /// Folders of files that are kept for ever, by the service's name.
    pub files: BTreeMap<String, PathBuf>,
    /// The services whose events are not in their PostgreSQL database.
    pub events_elsewhere: Vec<String>,
}

impl Places {
    /// From the settings files of all services of a deployment.
    pub(super) fn of(files: &[SettingsFile]) -> Result<Self, PlacesError> {
        let mut places = Self::default();
        let (keyrings, services): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.service == KEYRING);
        for file in keyrings {
            let url = needed(file, "database", "url", "database.url")?;
            places.keyring_is(&file.path, &url)?;
        }
        for file in services {
            places.add(file)?;
        }
        if places.services.is_empty() {
            return Err(PlacesError::None {
                path: files.first().map(|file| file.path.clone()).unwrap_or_default(),
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

    fn add(&mut self, file: &SettingsFile) -> Result<(), PlacesError> {
        let name = file.service.to_owned();
        let database = needed(file, "database", "url", "database.url")?;
        let keyring = needed(file, KEYRING, "url", "keyring.url")?;
        self.keyring_is(&file.path, &keyring)?;
        self.keyring_of.insert(name.clone(), keyring);
        if let Some(folder) = file.text("service", "originals_folder")? {
            self.files.insert(name.clone(), folder.into());
        }
        if file.text("event_store", "url")?.is_some() {
            self.events_elsewhere.push(name.clone());
        }
        if self.services.insert(name, database).is_some() {
            return Err(PlacesError::Twice {
                path: file.path.clone(),
                service: file.service,
            });
        }
        Ok(())
    }

    /// All files name one keyring, each by a role of its own; the first named is used.
    fn keyring_is(&mut self, path: &Path, url: &str) -> Result<(), PlacesError> {
        if self.keyring.is_empty() {
            url.clone_into(&mut self.keyring);
        }
        if same_database(&self.keyring, url) {
            return Ok(());
        }
        Err(PlacesError::Keyrings {
            path: path.to_owned(),
        })
    }
}

fn needed(file: &SettingsFile, section: &str, key: &str, name: &'static str) -> Result<String, PlacesError> {
    file.text(section, key)?.ok_or_else(|| PlacesError::Missing {
        path: file.path.clone(),
        key: name,
    })
}

/// Whoever logs in.
fn same_database(one: &str, other: &str) -> bool {
    let place = |url: &str| {
        let url = Url::parse(url).ok()?;
        Some((
            url.host_str()?.to_owned(),
            url.port().unwrap_or(5432),
            url.path().to_owned(),
        ))
    };
    one == other || place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
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

    fn places(given: &std::path::Path) -> Result<Places, PlacesError> {
        Places::of(&SettingsFile::read_all(&[given.display().to_string()])?)
    }

    #[test]
    fn the_places_are_those_of_the_services_settings() {
        let folder = folder(&[
            ("secret", "postgres://localhost/keyring\n"),
            ("rulebook.toml", "[routes]\n"),
            ("views-2.toml", "[database]\nurl = \"another\"\n"),
        ]);
        let secret = folder.path().join("secret");
        let settings = format!(
            "[database]\nurl = \"postgres://localhost/claims\"\n[keyring]\nurl_file = \"{}\"\n\
             [event_store]\nurl = \"esdb://localhost\"\n[service]\noriginals_folder = \"/srv/originals\"\n",
            secret.display()
        );
        let file = folder.path().join("claim-images.toml");
        std::fs::write(&file, settings).unwrap();

        let found = places(folder.path()).unwrap();

        assert_eq!(
            found.databases(),
            [
                ("claim-images", "postgres://localhost/claims"),
                ("keyring", "postgres://localhost/keyring")
            ]
        );
        assert_eq!(
            found.files["claim-images"],
            std::path::Path::new("/srv/originals")
        );
        assert_eq!(found.events_elsewhere, ["claim-images"]);
        assert_eq!(places(&file).unwrap(), found);
    }

    #[test]
    fn a_settings_file_may_have_any_name_if_its_service_is_told() {
        let folder = folder(&[("config.toml", "[database]\nurl = \"d\"\n[keyring]\nurl = \"k\"\n")]);
        let file = folder.path().join("config.toml");
        let refused = places(&file).unwrap_err();
        assert!(matches!(refused, PlacesError::Unnamed { .. }), "{refused}");
        let told = format!("views={}", file.display());
        let of = |given: &[String]| Places::of(&SettingsFile::read_all(given)?);
        assert_eq!(
            of(std::slice::from_ref(&told)).unwrap().databases()[0],
            ("views", "d")
        );
        let twice = of(&[told.clone(), told]).unwrap_err();
        assert!(
            matches!(twice, PlacesError::Twice { service: "views", .. }),
            "{twice}"
        );
    }

    #[test]
    fn each_service_has_a_role_in_the_keyring_and_operators_are_its_owner() {
        let of = |role: &str| {
            format!("[database]\nurl = \"d\"\n[keyring]\nurl = \"postgres://{role}:x@db/keyring\"\n")
        };
        let owner = "postgres://owner:y@db:5432/keyring";
        let files = folder(&[
            ("identity.toml", &of("identity")),
            ("views.toml", &of("views")),
            ("keyring.toml", &format!("[database]\nurl = \"{owner}\"\n")),
        ]);
        let found = places(files.path()).unwrap();
        assert_eq!(found.keyring, owner);
        assert_eq!(found.keyring_of["views"], "postgres://views:x@db/keyring");
        assert_eq!(found.databases().len(), 3);
    }

    #[test]
    fn settings_that_are_incomplete_or_of_two_deployments_are_refused() {
        let of = |keyring: &str| format!("[database]\nurl = \"d\"\n[keyring]\nurl = \"{keyring}\"\n");
        let two = folder(&[("identity.toml", &of("one")), ("views.toml", &of("other"))]);
        let refused = places(two.path()).unwrap_err();
        assert!(matches!(refused, PlacesError::Keyrings { .. }), "{refused}");
        let none = folder(&[("rulebook.toml", "")]);
        let refused = places(none.path()).unwrap_err();
        assert!(matches!(refused, PlacesError::None { .. }), "{refused}");
        let alone = folder(&[("keyring.toml", "[database]\nurl = \"k\"\n")]);
        let refused = places(alone.path()).unwrap_err();
        assert!(matches!(refused, PlacesError::None { .. }), "{refused}");
        let half = folder(&[("views.toml", "[database]\nurl = \"d\"\n")]);
        let refused = places(half.path()).unwrap_err();
        assert_eq!(
            refused.to_string().rsplit(' ').next(),
            Some("keyring.url"),
            "{refused}"
        );
    }
}

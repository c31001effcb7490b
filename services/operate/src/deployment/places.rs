//! Where a deployment keeps what must outlive it: databases and folders of files, as the services' own settings files
//! name them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::places_error::PlacesError;
use super::settings::SettingsFile;

/// The name under which the keyring's database stands among the others.
const KEYRING: &str = "keyring";

/// Databases and folders, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The URL of each service's database, by the service's name.
    pub services: BTreeMap<String, String>,
    /// The URL of the keyring's database.
    pub keyring: String,
    /// Folders of files that are kept for ever, by the service's name.
    pub files: BTreeMap<String, PathBuf>,
    /// The services whose events are not in their PostgreSQL database.
    pub events_elsewhere: Vec<String>,
}

impl Places {
    /// From the settings files of all services of a deployment.
    pub(super) fn of(files: &[SettingsFile]) -> Result<Self, PlacesError> {
        let mut places = Self::default();
        for file in files {
            places.add(file)?;
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
        let path = || file.path.clone();
        let missing = |key| PlacesError::Missing { path: path(), key };
        let name = file.service.to_owned();
        let database = file
            .text("database", "url")?
            .ok_or_else(|| missing("database.url"))?;
        let keyring = file.text(KEYRING, "url")?.ok_or_else(|| missing("keyring.url"))?;
        if !self.keyring.is_empty() && self.keyring != keyring {
            return Err(PlacesError::Keyrings { path: path() });
        }
        self.keyring = keyring;
        if let Some(folder) = file.text("service", "originals_folder")? {
            self.files.insert(name.clone(), folder.into());
        }
        if file.text("event_store", "url")?.is_some() {
            self.events_elsewhere.push(name.clone());
        }
        if self.services.insert(name, database).is_some() {
            return Err(PlacesError::Twice {
                path: path(),
                service: file.service,
            });
        }
        Ok(())
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
    fn settings_that_are_incomplete_or_of_two_deployments_are_refused() {
        let of = |keyring: &str| format!("[database]\nurl = \"d\"\n[keyring]\nurl = \"{keyring}\"\n");
        let two = folder(&[("identity.toml", &of("one")), ("views.toml", &of("other"))]);
        let refused = places(two.path()).unwrap_err();
        assert!(matches!(refused, PlacesError::Keyrings { .. }), "{refused}");
        let none = folder(&[("rulebook.toml", "")]);
        let refused = places(none.path()).unwrap_err();
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

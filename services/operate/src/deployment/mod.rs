//! A deployment as its operators know it: the services' settings files, the services' addresses, a staff token.

mod addresses;
mod places;
mod places_error;
mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use client::{Address, AddressError, Bearer, Client, SERVICES};
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};

pub use places::Places;
pub use places_error::PlacesError;
use settings::SettingsFile;

/// The token itself, where it is given by environment.
const TOKEN_VARIABLE: &str = "MADOGUCHI_TOKEN";

/// Which deployment is meant, and as whom.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Deployment")]
pub struct Deployment {
    /// A service's settings file, named after it (identity.toml) or given as SERVICE=FILE, or a folder of such files; once
    /// for each service. Tells databases, folders of files, and addresses
    #[arg(long, global = true, value_name = "PATH")]
    pub settings: Vec<String>,
    /// Address of identity, http://host:port; by default as the settings files tell it
    #[arg(long, global = true, value_name = "URL")]
    pub identity: Option<String>,
    /// Address of endorsement
    #[arg(long, global = true, value_name = "URL")]
    pub endorsement: Option<String>,
    /// Address of phone verification
    #[arg(long, global = true, value_name = "URL")]
    pub phone_verification: Option<String>,
    /// Address of claim images
    #[arg(long, global = true, value_name = "URL")]
    pub claim_images: Option<String>,
    /// Address of the views
    #[arg(long, global = true, value_name = "URL")]
    pub views: Option<String>,
    /// File with a staff token, read anew for every call; without it the token itself is taken from the variable
    /// `MADOGUCHI_TOKEN`
    #[arg(long, global = true, value_name = "FILE", env = "MADOGUCHI_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
}

/// What was not said, or not rightly.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// The settings files.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// An address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A service's address is needed and not known.
    #[error(
        "the address of {0} is not known: give --{0} http://host:port, or --settings with the services' settings files"
    )]
    Unknown(&'static str),
    /// Databases are needed, and no settings file was named.
    #[error(
        "name the services' settings files: --settings FILE, once for each service, or --settings FOLDER"
    )]
    NoSettings,
    /// A token is needed.
    #[error("a staff token is needed: --token-file FILE, or the variable {TOKEN_VARIABLE}")]
    NoToken,
    /// The token's file.
    #[error("--token-file {}: {source}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Deployment {
    /// Databases and folders.
    pub fn places(&self) -> Result<Places, DeploymentError> {
        if self.settings.is_empty() {
            return Err(DeploymentError::NoSettings);
        }
        Ok(Places::of(&SettingsFile::read_all(&self.settings)?)?)
    }

    /// Clients of the services whose addresses are known.
    pub fn client(&self) -> Result<Client, DeploymentError> {
        let mut addresses = if self.settings.is_empty() {
            BTreeMap::new()
        } else {
            addresses::of(&SettingsFile::read_all(&self.settings)?)
        };
        for service in SERVICES {
            if let Some(given) = self.given(service) {
                addresses.insert(service, given.clone());
            }
        }
        let addresses = addresses
            .into_iter()
            .map(|(service, address)| Address::parse(service, &address));
        Ok(Client::of(addresses.collect::<Result<Vec<_>, _>>()?))
    }

    /// Clients, of these services at least.
    pub fn client_of(&self, services: &[&'static str]) -> Result<Client, DeploymentError> {
        let client = self.client()?;
        match services.iter().find(|service| !client.reaches(service)) {
            Some(service) => Err(DeploymentError::Unknown(service)),
            None => Ok(client),
        }
    }

    /// The member of staff whose token was given.
    pub fn staff(&self) -> Result<Bearer, DeploymentError> {
        if let Some(path) = &self.token_file {
            let failed = |source| DeploymentError::Token {
                path: path.clone(),
                source,
            };
            // A wrong name is told before anything is done; the file is read again by each call.
            std::fs::read(path).map_err(failed)?;
            return Ok(Bearer::of_file(path.clone()));
        }
        let token = token_of_environment().ok_or(DeploymentError::NoToken)?;
        Ok(Bearer::new(&token))
    }

    fn given(&self, service: &str) -> Option<&String> {
        match service {
            IDENTITY => self.identity.as_ref(),
            ENDORSEMENT => self.endorsement.as_ref(),
            PHONE_VERIFICATION => self.phone_verification.as_ref(),
            CLAIM_IMAGES => self.claim_images.as_ref(),
            VIEWS => self.views.as_ref(),
            _ => None,
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a token on the command line is seen by everybody on the machine; this program has no other settings"
)]
fn token_of_environment() -> Option<String> {
    std::env::var(TOKEN_VARIABLE)
        .ok()
        .filter(|token| !token.trim().is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[tokio::test]
    async fn an_address_that_was_given_comes_before_the_one_in_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let views = folder.path().join("views.toml");
        std::fs::write(
            &views,
            "[database]\nurl = \"d\"\n[keyring]\nurl = \"k\"\n[grpc]\nlisten = \"0.0.0.0:7005\"\n",
        )
        .unwrap();
        let mut deployment = Deployment {
            settings: vec![views.display().to_string()],
            ..Deployment::default()
        };
        let shown = |deployment: &Deployment| format!("{:?}", deployment.client_of(&[VIEWS]).unwrap());
        assert!(
            shown(&deployment).contains("127.0.0.1:7005"),
            "{}",
            shown(&deployment)
        );
        deployment.views = Some("http://10.1.1.1:9000".to_owned());
        assert!(shown(&deployment).contains("10.1.1.1:9000"));
        let missing = deployment.client_of(&[VIEWS, ENDORSEMENT]).unwrap_err();
        assert!(missing.to_string().contains("--endorsement"), "{missing}");
    }

    #[test]
    fn what_was_not_said_is_asked_for() {
        let nothing = Deployment::default();
        assert!(matches!(nothing.places(), Err(DeploymentError::NoSettings)));
        assert!(matches!(
            nothing.client_of(&[VIEWS]),
            Err(DeploymentError::Unknown(VIEWS))
        ));
        let nowhere = Deployment {
            token_file: Some("/nowhere/token".into()),
            ..Deployment::default()
        };
        assert!(
            nowhere
                .staff()
                .unwrap_err()
                .to_string()
                .contains("/nowhere/token")
        );
    }
}

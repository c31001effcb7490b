//! Everything `make run` keeps running: a private PostgreSQL, a private NATS, and each service as a process of its own.
//! Nothing here outlives the runner, however the runner ends.

mod description;
mod error;
mod folder;
mod infrastructure;
mod process;
mod secrets;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use testkit::PrivateNats;

pub use description::Description;
pub use error::StackError;
pub use folder::DataFolder;
use infrastructure::Infrastructure;
use process::ServiceProcess;
pub use secrets::Secrets;
pub use settings::LINES;

/// The services, in the order they are started: identity first, because the others ask it for its keys.
pub const SERVICES: [&str; 5] = [IDENTITY, ENDORSEMENT, PHONE_VERIFICATION, CLAIM_IMAGES, VIEWS];

/// A running stack.
pub struct Stack {
    folder: DataFolder,
    description: Description,
    services: BTreeMap<&'static str, ServiceProcess>,
    // Declared after the services: they end before what they work with.
    infrastructure: Infrastructure,
}

impl Stack {
    /// Starts everything in `data`, with what an earlier run left there. `programs` is the folder of the services'
    /// programs.
    pub async fn start(data: &Path, programs: &Path) -> Result<Self, StackError> {
        let folder = DataFolder::open(data)?;
        let secrets = Secrets::open(&folder)?;
        let infrastructure = Infrastructure::start(&folder).await?;
        let ports = description::ports(&folder)?;
        settings::write(&folder, &secrets, &infrastructure, &ports)?;
        let description = Description::new(&infrastructure, &ports);
        description.write(&folder)?;
        let mut stack = Self {
            folder,
            description,
            services: BTreeMap::new(),
            infrastructure,
        };
        for service in SERVICES {
            stack.launch(service, programs)?;
        }
        futures::future::try_join_all(stack.services.values_mut().map(ServiceProcess::serving)).await?;
        stack.description.pids = stack
            .services
            .iter()
            .map(|(name, process)| ((*name).to_owned(), process.pid()))
            .collect();
        stack.description.write(&stack.folder)?;
        Ok(stack)
    }

    fn launch(&mut self, service: &'static str, programs: &Path) -> Result<(), StackError> {
        let address = self
            .description
            .services
            .get(service)
            .cloned()
            .unwrap_or_default();
        self.services.insert(
            service,
            ServiceProcess::launch(service, programs, &self.folder, address)?,
        );
        Ok(())
    }

    /// Where everything is.
    pub const fn description(&self) -> &Description {
        &self.description
    }

    /// Where it keeps its data.
    pub const fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// The NATS server, to be stopped and started in tests.
    pub const fn nats(&mut self) -> &mut PrivateNats {
        &mut self.infrastructure.nats
    }

    /// The URL of a service's database (the keyring's is `keyring`).
    pub fn database_url(&self, service: &str) -> String {
        self.infrastructure.database_url(service)
    }

    /// The log of a service.
    pub fn log(&self, service: &str) -> PathBuf {
        self.folder.log(service)
    }

    /// Kills a service as a crash would.
    pub async fn kill(&mut self, service: &str) {
        if let Some(process) = self.services.get_mut(service) {
            process.kill().await;
        }
    }

    /// Starts a service again at the same address, after [`Stack::kill`] or stopping it first.
    pub async fn restart(&mut self, service: &str) -> Result<(), StackError> {
        match self.services.get_mut(service) {
            Some(process) => {
                process.restart(&self.folder).await?;
                self.description.pids.insert(service.to_owned(), process.pid());
                self.description.write(&self.folder)
            }
            None => Err(StackError::Unknown {
                service: service.to_owned(),
            }),
        }
    }

    /// A service that ended although nobody stopped it, with the end of its log.
    pub fn fallen(&mut self) -> Option<StackError> {
        self.services.values_mut().find_map(ServiceProcess::fallen)
    }

    /// Stops the services, all at the same time, then the servers.
    pub async fn stop(self) {
        let Self {
            services,
            infrastructure,
            ..
        } = self;
        futures::future::join_all(services.into_values().map(ServiceProcess::stop)).await;
        infrastructure.stop().await;
    }
}

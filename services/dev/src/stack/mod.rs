//! Everything `make run` keeps running: a private PostgreSQL, a private NATS, and each service as a process of its own.
//! Nothing here outlives the runner, however the runner ends.

mod bus;
mod description;
mod error;
mod folder;
mod infrastructure;
mod options;
mod process;
mod replica;
mod roles;
mod secrets;
mod settings;
#[cfg(test)]
mod tests;
mod web;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, VIEWS};
use testkit::{PrivateNats, PrivatePostgres};

pub use description::Description;
pub use error::StackError;
pub use folder::DataFolder;
pub use infrastructure::Databases;
use infrastructure::Infrastructure;
pub use options::{Between, Peer, StackOptions};
use process::ServiceProcess;
pub use secrets::Secrets;
pub use settings::LINES;

/// The services, in the order they are started: identity first, because the others ask it for its keys.
pub const SERVICES: [&str; 5] = [IDENTITY, ENDORSEMENT, PHONE_VERIFICATION, CLAIM_IMAGES, VIEWS];

/// The pages' program, database and settings.
pub const WEB: &str = "web";
/// The file of the key that seals the pages' sessions.
const SESSION_KEY: &str = "web_session_key";

pub struct Stack {
    folder: DataFolder,
    description: Description,
    services: BTreeMap<&'static str, ServiceProcess>,
    replicas: BTreeMap<&'static str, ServiceProcess>,
    programs: PathBuf,
    // Declared after the services: they end before what they work with.
    infrastructure: Infrastructure,
}

impl Stack {
    /// Starts everything in `data`, with what an earlier run left there. `programs` is the folder of the services'
    /// programs.
    pub async fn start(data: &Path, programs: &Path) -> Result<Self, StackError> {
        Self::start_with(data, programs, &StackOptions::default()).await
    }

    /// [`Stack::start`] with something between the parts, or other settings.
    pub async fn start_with(
        data: &Path,
        programs: &Path,
        options: &StackOptions<'_>,
    ) -> Result<Self, StackError> {
        let folder = DataFolder::open(data)?;
        let secrets = Secrets::open(&folder)?;
        let infrastructure = Infrastructure::start(&folder).await?;
        let ports = description::ports(&folder)?;
        settings::write(&folder, &secrets, &infrastructure, &ports, options)?;
        let description = Description::new(&infrastructure, &ports);
        description.write(&folder)?;
        let mut stack = Self {
            folder,
            description,
            services: BTreeMap::new(),
            replicas: BTreeMap::new(),
            programs: programs.to_owned(),
            infrastructure,
        };
        for service in SERVICES.into_iter().chain([WEB]) {
            stack.launch(service)?;
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

    fn launch(&mut self, service: &'static str) -> Result<(), StackError> {
        let address = self
            .description
            .services
            .get(service)
            .or_else(|| self.description.pages.get(service))
            .cloned()
            .unwrap_or_default();
        let process = ServiceProcess::launch(service, service, &self.programs, &self.folder, address)?;
        self.services.insert(service, process);
        Ok(())
    }

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

    /// The PostgreSQL server, likewise.
    pub const fn postgres(&mut self) -> &mut PrivatePostgres {
        &mut self.infrastructure.databases.postgres
    }

    /// The URL of a service's database (the keyring's is `keyring`) as the superuser.
    pub fn database_url(&self, service: &str) -> String {
        self.infrastructure.databases.url(service)
    }

    /// Where a browser finds the customers' pages.
    pub fn pages_url(&self) -> String {
        let address = self.description.pages.get(WEB);
        format!("http://{}", address.map_or("", String::as_str))
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

    /// Sends a service a signal by name ("STOP", "CONT").
    pub fn signal(&mut self, service: &str, name: &str) {
        if let Some(process) = self.services.get_mut(service) {
            process.signal(name);
        }
    }

    /// Starts a service again at the same address, after [`Stack::kill`] or stopping it first.
    pub async fn restart(&mut self, service: &str) -> Result<(), StackError> {
        self.relaunch(service, &[]).await?;
        self.serving(service).await
    }

    /// [`Stack::restart`] with environment variables for this one start, and without waiting until the service serves.
    pub async fn relaunch(&mut self, service: &str, variables: &[(&str, &str)]) -> Result<(), StackError> {
        let process = self.services.get_mut(service).ok_or_else(|| unknown(service))?;
        process.relaunch(&self.folder, variables).await?;
        self.description.pids.insert(service.to_owned(), process.pid());
        self.description.write(&self.folder)
    }

    /// Waits until a service serves.
    pub async fn serving(&mut self, service: &str) -> Result<(), StackError> {
        let process = self.services.get_mut(service).ok_or_else(|| unknown(service))?;
        process.serving().await
    }

    /// A service that ended although nobody stopped it, with the end of its log.
    pub fn fallen(&mut self) -> Option<StackError> {
        let services = self.services.values_mut();
        services
            .chain(self.replicas.values_mut())
            .find_map(ServiceProcess::fallen)
    }

    /// Stops the services, all at the same time, then the servers.
    pub async fn stop(self) {
        let Self {
            mut services,
            mut replicas,
            infrastructure,
            ..
        } = self;
        let all = services.values_mut().chain(replicas.values_mut());
        futures::future::join_all(all.map(ServiceProcess::stop)).await;
        infrastructure.stop().await;
    }
}

fn unknown(service: &str) -> StackError {
    StackError::Unknown {
        service: service.to_owned(),
    }
}

//! `stack.json`: where everything is, for the client and for people. It names database URLs with their passwords, so it
//! is readable by its owner alone.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::infrastructure::Infrastructure;
use super::roles::KEYRING;
use super::{DataFolder, SERVICES, StackError, WEB};

const PORTS: Range<u16> = 20_000..32_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Description {
    /// `127.0.0.1:port` by service.
    pub services: BTreeMap<String, String>,
    /// `127.0.0.1:port` of the pages.
    #[serde(default)]
    pub pages: BTreeMap<String, String>,
    /// Process id by service.
    pub pids: BTreeMap<String, u32>,
    /// Database URL by service, and the keyring's, as the superuser.
    pub databases: BTreeMap<String, String>,
    /// PostgreSQL's data folder; outside the data folder where that is closed to PostgreSQL's user.
    pub postgres_data: PathBuf,
    pub nats: String,
    /// Folder of JetStream's files.
    pub nats_store: PathBuf,
}

impl Description {
    pub(super) fn new(infrastructure: &Infrastructure, ports: &BTreeMap<&'static str, u16>) -> Self {
        let databases = SERVICES.into_iter().chain([KEYRING, WEB]);
        let addresses = ports
            .iter()
            .map(|(name, port)| ((*name).to_owned(), format!("127.0.0.1:{port}")));
        let (pages, services) = addresses.partition(|(name, _)| name == WEB);
        Self {
            services,
            pages,
            pids: BTreeMap::new(),
            databases: databases
                .map(|name| (name.to_owned(), infrastructure.databases.url(name)))
                .collect(),
            postgres_data: infrastructure.databases.postgres.data_dir().to_owned(),
            nats: infrastructure.nats.url(),
            nats_store: infrastructure.nats.store_dir(),
        }
    }

    pub(super) fn write(&self, folder: &DataFolder) -> Result<(), StackError> {
        let path = file(folder.path());
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| StackError::file("write", &path)(error.into()))?;
        folder.write(&path, &text)
    }

    /// Reads the description of the stack that runs, or ran, in `data`.
    pub fn read(data: &Path) -> Result<Self, StackError> {
        let path = file(data);
        let text = std::fs::read_to_string(&path).map_err(StackError::file("read", &path))?;
        serde_json::from_str(&text).map_err(|error| StackError::file("read", &path)(error.into()))
    }
}

fn file(data: &Path) -> PathBuf {
    data.join("stack.json")
}

/// A port for each service: the one of the run before, if it is free, so that addresses people noted stay good.
pub(super) fn ports(folder: &DataFolder) -> Result<BTreeMap<&'static str, u16>, StackError> {
    let before = Description::read(folder.path()).unwrap_or_default();
    let mut held = Vec::new();
    let mut ports = BTreeMap::new();
    for service in SERVICES.into_iter().chain([WEB]) {
        let kept = before
            .services
            .get(service)
            .or_else(|| before.pages.get(service))
            .and_then(|address| address.rsplit(':').next()?.parse().ok());
        let listener = kept
            .and_then(|port: u16| TcpListener::bind(("127.0.0.1", port)).ok())
            .map_or_else(free, Ok)
            .map_err(StackError::file("listen on", Path::new("127.0.0.1")))?;
        let address = listener
            .local_addr()
            .map_err(StackError::file("listen on", Path::new("127.0.0.1")))?;
        ports.insert(service, address.port());
        // Held until all are chosen, or two services could get the same one.
        held.push(listener);
    }
    Ok(ports)
}

/// Of the ports that the system gives to nobody by itself (its own begin at 32768): one of those could be taken by any
/// connection between now and the moment when the service listens.
fn free() -> Result<TcpListener, std::io::Error> {
    let mut random = rand::rng();
    let attempts = std::iter::repeat_with(|| TcpListener::bind(("127.0.0.1", random.random_range(PORTS))));
    attempts
        .take(100)
        .find_map(Result::ok)
        .map_or_else(|| TcpListener::bind("127.0.0.1:0"), Ok)
}

//! A private NATS server with JetStream in a folder of its own, on a free port of the loopback interface, with the
//! same streams again when it is started in the same folder. It may rely on nats-server 2.9 or newer.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;

use crate::certificates::Certificates;
use crate::error::{ServerError, tail_of};
use crate::guarded::{GuardedCommand, GuardedProcess};
use crate::lookup::nats_server;
use crate::occupancy::wait_until_vacant;
use crate::private::private_folder;
use crate::temporary::TemporaryFolder;
use crate::wait::poll;

const SERVER: &str = "NATS";
const PROCESS_NAME: &str = "nats-server";
/// Recovery of the streams is part of the start.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Streams reserve what they may grow to, and many tests have many streams: the sum must not reach the server's own
/// guess, which is a part of the free disk.
const CONFIGURATION: &str = "jetstream { max_file_store: 4TB, max_memory_store: 1GB }\n";

/// Who may do what on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsUser {
    /// Unique on the server.
    pub name: String,
    /// Of letters and digits.
    pub password: String,
    /// Subjects that may be written to.
    pub publish: Vec<String>,
    /// Subjects that may be heard.
    pub subscribe: Vec<String>,
}

impl NatsUser {
    /// Who may do everything.
    #[must_use]
    pub fn all(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
            publish: vec![">".to_owned()],
            subscribe: vec![">".to_owned()],
        }
    }

    fn configuration(&self) -> serde_json::Value {
        serde_json::json!({
            "user": self.name,
            "password": self.password,
            "permissions": {
                "publish": { "allow": self.publish },
                "subscribe": { "allow": self.subscribe },
            },
        })
    }
}

/// A connection as the user that the URL names, if it names one; the library does not look there.
///
/// # Errors
/// When the server does not answer, or does not know the user.
pub async fn connect_to_nats(url: &str) -> Result<async_nats::Client, async_nats::ConnectError> {
    let server: async_nats::ServerAddr = url.parse()?;
    let options = match (server.username(), server.password()) {
        (Some(user), Some(password)) => {
            async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        _ => async_nats::ConnectOptions::new(),
    };
    Box::pin(options.connect(server)).await
}

/// A running private NATS server. Stopped when dropped, and when its owner ends in whatever way.
#[derive(Debug)]
pub struct PrivateNats {
    program: PathBuf,
    folder: PathBuf,
    port: Option<u16>,
    /// Whom a client connects as that says nothing.
    first: Option<NatsUser>,
    process: Option<GuardedProcess>,
    // Declared after the process: the server ends before its folder goes.
    _temporary: Option<TemporaryFolder>,
}

impl PrivateNats {
    /// Starts a server whose streams and log live in `folder`, which is made if it does not exist.
    pub async fn start(folder: &Path) -> Result<Self, ServerError> {
        Self::start_in(folder, None, CONFIGURATION.to_owned()).await
    }

    /// The same for these users alone; [`Self::url`] is the first one's.
    pub async fn start_for(folder: &Path, users: &[NatsUser]) -> Result<Self, ServerError> {
        // The server's configuration is a superset of JSON.
        let list: Vec<_> = users.iter().map(NatsUser::configuration).collect();
        let authorization = serde_json::json!({ "users": list });
        let text = format!("{CONFIGURATION}authorization: {authorization}\n");
        let mut server = Self::start_in(folder, None, text).await?;
        server.first = users.first().cloned();
        Ok(server)
    }

    /// Starts a server in a temporary folder that speaks TLS only.
    pub async fn temporary_with_tls(certificates: &Certificates) -> Result<Self, ServerError> {
        let tls = format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
            certificates.certificate.display(),
            certificates.key.display()
        );
        Self::start_temporary(format!("{CONFIGURATION}{tls}")).await
    }

    /// Starts a server in a temporary folder, which is removed with it, even when the owner is killed.
    pub async fn temporary() -> Result<Self, ServerError> {
        Self::start_temporary(CONFIGURATION.to_owned()).await
    }

    async fn start_temporary(configuration: String) -> Result<Self, ServerError> {
        let temporary = TemporaryFolder::create()?;
        let folder = temporary.path().join("nats");
        Self::start_in(&folder, Some(temporary), configuration).await
    }

    async fn start_in(
        folder: &Path,
        temporary: Option<TemporaryFolder>,
        text: String,
    ) -> Result<Self, ServerError> {
        let program = nats_server()?;
        private_folder(folder)?;
        let folder = folder.canonicalize().map_err(ServerError::io("find", folder))?;
        let mut server = Self {
            program,
            folder,
            port: None,
            first: None,
            process: None,
            _temporary: temporary,
        };
        private_folder(&server.store_dir())?;
        let configuration = server.configuration();
        write_for_oneself(&configuration, &text).map_err(ServerError::io("write", &configuration))?;
        server.launch().await?;
        Ok(server)
    }

    /// The URL clients connect to; the same after a restart.
    pub fn url(&self) -> String {
        match &self.first {
            None => format!("nats://127.0.0.1:{}", self.port()),
            Some(user) => format!("nats://{}:{}@127.0.0.1:{}", user.name, user.password, self.port()),
        }
    }

    /// The port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_default()
    }

    /// The folder with the files of the streams.
    pub fn store_dir(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("nats.log")
    }

    /// The server's process id while it is not stopped.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(GuardedProcess::pid)
    }

    /// Stops the server. Does nothing when it is stopped.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A panic there could only come from the runtime's shutdown, which drops and so stops the process.
            let _ = tokio::task::spawn_blocking(move || process.stop()).await;
        }
    }

    /// Sends the server a signal by name ("STOP", "CONT").
    pub fn signal(&mut self, name: &str) {
        if let Some(process) = &mut self.process {
            process.signal(name);
        }
    }

    /// Kills the server as a crash would.
    pub async fn kill(&mut self) -> Result<(), ServerError> {
        if let Some(mut process) = self.process.take() {
            let _ = tokio::task::spawn_blocking(move || process.kill()).await;
        }
        wait_until_vacant(&self.folder, PROCESS_NAME).await
    }

    /// Kills the server and empties its folder; [`Self::restart`] starts it with nothing.
    pub async fn wipe(&mut self) -> Result<(), ServerError> {
        self.kill().await?;
        let store = self.store_dir();
        fs::remove_dir_all(&store).map_err(ServerError::io("remove", &store))?;
        private_folder(&store)
    }

    /// Starts the server again on the same port, after [`Self::stop`] or [`Self::kill`], or stopping it first.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.stop().await;
        self.launch().await
    }

    async fn launch(&mut self) -> Result<(), ServerError> {
        wait_until_vacant(&self.folder, PROCESS_NAME).await?;
        self.clear_ports_folder()?;
        let mut process = self.command().start()?;
        match self.wait_until_ready(&mut process).await {
            Ok(port) => {
                self.port = Some(port);
                self.process = Some(process);
                Ok(())
            }
            Err(error) => {
                let _ = tokio::task::spawn_blocking(move || process.stop()).await;
                Err(error)
            }
        }
    }

    fn command(&self) -> GuardedCommand {
        GuardedCommand::new(&self.program, &self.folder, self.log())
            .argument("-c")
            .argument(self.configuration())
            .argument("-a")
            .argument("127.0.0.1")
            .argument("-p")
            .argument(self.port.map_or_else(|| "-1".to_owned(), |port| port.to_string()))
            .argument("-js")
            .argument("-sd")
            .argument(self.store_dir())
            .argument("--ports_file_dir")
            .argument(self.ports_folder())
            .stop_with(&["INT", "KILL"], 10)
    }

    fn configuration(&self) -> PathBuf {
        self.folder.join("nats.conf")
    }

    fn ports_folder(&self) -> PathBuf {
        self.folder.join("ports")
    }

    /// A killed server leaves its ports file, which would be read as the new one's.
    fn clear_ports_folder(&self) -> Result<(), ServerError> {
        let folder = self.ports_folder();
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(ServerError::io("remove", &folder))?;
        }
        private_folder(&folder)
    }

    async fn wait_until_ready(&self, process: &mut GuardedProcess) -> Result<u16, ServerError> {
        let ports = self.ports_folder();
        let outcome = poll(READY_WITHIN, async || match port_with_jetstream(&ports).await {
            Some(port) => Ok(Some(port)),
            None if process.ended().is_some() => Ok(None),
            None => Err(()),
        })
        .await;
        let log = self.log();
        let tail = tail_of(&log);
        match outcome {
            Ok(Some(port)) => Ok(port),
            Ok(None) => Err(ServerError::Ended {
                server: SERVER,
                log,
                tail,
            }),
            Err(_) => Err(ServerError::NotReady {
                server: SERVER,
                deadline: READY_WITHIN,
                log,
                tail,
            }),
        }
    }
}

/// It may hold passwords.
fn write_for_oneself(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// The port from the ports file, once the server greets there as one with JetStream.
async fn port_with_jetstream(ports: &Path) -> Option<u16> {
    let port = fs::read_dir(ports)
        .ok()?
        .flatten()
        .find_map(|entry| port_of(&fs::read(entry.path()).ok()?))?;
    let connection = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let mut greeting = String::new();
    BufReader::new(connection).read_line(&mut greeting).await.ok()?;
    let information: serde_json::Value = serde_json::from_str(greeting.strip_prefix("INFO ")?).ok()?;
    information["jetstream"].as_bool()?.then_some(port)
}

/// A ports file reads `{"nats": ["nats://127.0.0.1:4222"], ...}`.
fn port_of(file: &[u8]) -> Option<u16> {
    let ports: serde_json::Value = serde_json::from_slice(file).ok()?;
    ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
}

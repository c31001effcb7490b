//! A private PostgreSQL server in a folder of its own: a free port on the loopback interface, a random password, and
//! the same data again when it is started in the same folder. It may rely on PostgreSQL 15 or newer.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::error::{ServerError, tail_of};
use crate::guarded::{GuardedCommand, GuardedProcess};
use crate::lookup::{PostgresUser, postgres_folder};
use crate::occupancy::wait_until_vacant;
use crate::private::private_folder;
use crate::temporary::TemporaryFolder;
use crate::wait::poll;

const SERVER: &str = "PostgreSQL";
const PROCESS_NAME: &str = "postgres";
/// Recovery after a crash is part of the start.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Another process may take the free port between our look and the server's bind.
const PORT_ATTEMPTS: u32 = 5;

/// How a private server treats its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Whether a commit waits for the disk. Without it tests run faster; a killed server still keeps its commits,
    /// a machine that loses power does not.
    pub durable: bool,
    /// How many connections the server admits.
    pub max_connections: u16,
}

impl PostgresOptions {
    /// Who connects proves the password without sending it. A server of tests, whose password is random and crosses the
    /// loopback interface only, is spared the key stretching of that: it costs an unoptimised client tens of milliseconds a
    /// connection.
    const fn authentication(self) -> &'static str {
        if self.durable { "scram-sha-256" } else { "password" }
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            durable: true,
            max_connections: 300,
        }
    }
}

/// A running private PostgreSQL. Stopped when dropped, and when its owner ends in whatever way.
pub struct PrivatePostgres {
    folder: PathBuf,
    data: PathBuf,
    programs: PathBuf,
    user: PostgresUser,
    options: PostgresOptions,
    password: String,
    port: u16,
    process: Option<GuardedProcess>,
    // Declared after the process: the server ends before its folder goes.
    _temporary: Option<TemporaryFolder>,
}

impl fmt::Debug for PrivatePostgres {
    /// Without the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PrivatePostgres")
            .field("folder", &self.folder)
            .field("port", &self.port)
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

impl PrivatePostgres {
    /// Starts a durable server whose data, log and password live in `folder`, which is made if it does not exist.
    ///
    /// As root the server runs as the user `postgres`, to whom `folder` is handed over.
    pub async fn start(folder: &Path) -> Result<Self, ServerError> {
        Self::start_with(folder, PostgresOptions::default()).await
    }

    /// [`PrivatePostgres::start`] with other options than the default ones.
    pub async fn start_with(folder: &Path, options: PostgresOptions) -> Result<Self, ServerError> {
        Self::start_in(folder, options, None).await
    }

    /// Starts a server in a temporary folder, which is removed with it, even when the owner is killed.
    pub async fn temporary(options: PostgresOptions) -> Result<Self, ServerError> {
        let temporary = TemporaryFolder::create()?;
        let folder = temporary.path().join("postgres");
        Self::start_in(&folder, options, Some(temporary)).await
    }

    async fn start_in(
        folder: &Path,
        options: PostgresOptions,
        temporary: Option<TemporaryFolder>,
    ) -> Result<Self, ServerError> {
        let programs = postgres_folder()?;
        let user = PostgresUser::find()?;
        let folder = prepare_folder(folder, user)?;
        check_reachable(&folder, user).await?;
        let data = folder.join("data");
        let password_file = folder.join("password");
        if !data.exists() {
            initialise(&folder, &programs, user, &password_file, options).await?;
        }
        let password = fs::read_to_string(&password_file)
            .map_err(ServerError::io("read the password", &password_file))?;
        let mut server = Self {
            folder,
            data,
            programs,
            user,
            options,
            password,
            port: 0,
            process: None,
            _temporary: temporary,
        };
        server.launch_on_free_port().await?;
        Ok(server)
    }

    /// The URL of one of its databases, as the superuser, with the password.
    pub fn url(&self, database: &str) -> String {
        self.url_as("postgres", &self.password, database)
    }

    /// The same as another role, whose name and password need no escaping.
    pub fn url_as(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id while it is not stopped.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(GuardedProcess::pid)
    }

    /// The server's own data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    /// Creates an empty database unless it exists already.
    pub async fn create_database(&self, name: &str) -> Result<(), ServerError> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !exists {
            create_database(&mut connection, name).await?;
        }
        Ok(connection.close().await?)
    }

    /// Drops a database, whoever is connected to it; a missing one is no error.
    pub async fn drop_database(&self, name: &str) -> Result<(), ServerError> {
        drop_database(&self.url("postgres"), name).await
    }

    /// Stops the server: clients are disconnected, what they committed is written. Does nothing when it is stopped.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A panic there could only come from the runtime's shutdown, which drops and so stops the process.
            let _ = tokio::task::spawn_blocking(move || process.stop()).await;
        }
    }

    /// Kills the server as a crash would, and waits until its children have noticed.
    pub async fn kill(&mut self) -> Result<(), ServerError> {
        if let Some(mut process) = self.process.take() {
            let _ = tokio::task::spawn_blocking(move || process.kill()).await;
        }
        wait_until_vacant(&self.data, PROCESS_NAME).await
    }

    /// Starts the server again on the same port, after [`Self::stop`] or [`Self::kill`], or stopping it first.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.stop().await;
        self.launch().await
    }

    async fn launch_on_free_port(&mut self) -> Result<(), ServerError> {
        let mut attempt = 1;
        loop {
            self.port = free_port()?;
            match self.launch().await {
                Err(ServerError::Ended { tail, .. })
                    if attempt < PORT_ATTEMPTS && tail.contains("could not bind") =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn launch(&mut self) -> Result<(), ServerError> {
        wait_until_vacant(&self.data, PROCESS_NAME).await?;
        remove_stale_pid_file(&self.data)?;
        let mut process = self.command().start()?;
        match self.wait_until_ready(&mut process).await {
            Ok(()) => {
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
        let mut words = self
            .user
            .command_line(&self.programs.join("postgres"), &self.folder)
            .into_iter();
        let program = words.next().unwrap_or_default();
        let settings = self
            .settings()
            .into_iter()
            .flat_map(|setting| ["-c".into(), OsString::from(setting)]);
        words
            .chain(["-D".into(), self.data.clone().into_os_string()])
            .chain(settings)
            .fold(
                GuardedCommand::new(program, &self.folder, self.log()),
                GuardedCommand::argument,
            )
            // Fast shutdown, then immediate shutdown (recovers at the next start), then the kernel.
            .stop_with(&["INT", "QUIT", "KILL"], 15)
    }

    fn settings(&self) -> Vec<String> {
        let mut settings = vec![
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            // The path of a socket may have 107 bytes, fewer than folders of checkouts have.
            "unix_socket_directories=".to_owned(),
            format!("max_connections={}", self.options.max_connections),
            // In a file of the data folder, so that a killed server leaves nothing in /dev/shm.
            "dynamic_shared_memory_type=mmap".to_owned(),
            // The details of an error quote values, which may be personal.
            "log_error_verbosity=terse".to_owned(),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
            "jit=off".to_owned(),
        ];
        if !self.options.durable {
            settings.extend(["fsync=off".to_owned(), "full_page_writes=off".to_owned()]);
        }
        settings
    }

    async fn wait_until_ready(&self, process: &mut GuardedProcess) -> Result<(), ServerError> {
        let url = self.url("postgres");
        let outcome = poll(READY_WITHIN, async || match PgConnection::connect(&url).await {
            Ok(connection) => Ok(connection.close().await.is_ok()),
            Err(_) if process.ended().is_some() => Ok(false),
            Err(refused) => Err(refused),
        })
        .await;
        let log = self.log();
        let tail = tail_of(&log);
        match outcome {
            Ok(true) => Ok(()),
            Ok(false) => Err(ServerError::Ended {
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

/// `template0` because nobody can be connected to it, which would make the copy fail.
pub(crate) async fn create_database(connection: &mut PgConnection, name: &str) -> Result<(), ServerError> {
    let statement = format!("CREATE DATABASE {} TEMPLATE template0", quoted(name));
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}

pub(crate) async fn drop_database(server_url: &str, name: &str) -> Result<(), ServerError> {
    let mut connection = PgConnection::connect(server_url).await?;
    let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

fn free_port() -> Result<u16, ServerError> {
    let any = Path::new("127.0.0.1:0");
    let listener = TcpListener::bind("127.0.0.1:0").map_err(ServerError::io("listen on", any))?;
    Ok(listener
        .local_addr()
        .map_err(ServerError::io("listen on", any))?
        .port())
}

fn prepare_folder(folder: &Path, user: PostgresUser) -> Result<PathBuf, ServerError> {
    private_folder(folder)?;
    let folder = folder.canonicalize().map_err(ServerError::io("find", folder))?;
    user.hand_over(&folder)?;
    Ok(folder)
}

async fn check_reachable(folder: &Path, user: PostgresUser) -> Result<(), ServerError> {
    let arguments = [
        OsString::from("-c"),
        r#"test -w "$1" && test -x "$1""#.into(),
        "sh".into(),
        folder.into(),
    ];
    match run(user, Path::new("/bin/sh"), Path::new("/"), &arguments).await {
        Err(ServerError::Command { .. }) => Err(ServerError::Unreachable {
            dir: folder.to_owned(),
        }),
        outcome => outcome,
    }
}

/// Makes a new cluster beside its final place, so that an interrupted attempt is never taken for a cluster.
async fn initialise(
    folder: &Path,
    programs: &Path,
    user: PostgresUser,
    password_file: &Path,
    options: PostgresOptions,
) -> Result<(), ServerError> {
    let unfinished = folder.join("data.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(ServerError::io("remove", &unfinished))?;
    }
    write_password(password_file).map_err(ServerError::io("write the password", password_file))?;
    user.hand_over(password_file)?;
    let mut password_option = OsString::from("--pwfile=");
    password_option.push(password_file);
    let mut method_option = OsString::from("--auth=");
    method_option.push(options.authentication());
    let arguments = [
        "--username=postgres".into(),
        method_option,
        password_option,
        "--encoding=UTF8".into(),
        "--no-locale".into(),
        "-D".into(),
        unfinished.clone().into_os_string(),
    ];
    run(user, &programs.join("initdb"), folder, &arguments).await?;
    fs::rename(&unfinished, folder.join("data")).map_err(ServerError::io("rename", &unfinished))
}

fn write_password(file: &Path) -> std::io::Result<()> {
    let password = format!("{:032x}", rand::random::<u128>());
    if file.exists() {
        fs::remove_file(file)?;
    }
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?
        .write_all(password.as_bytes())
}

async fn run(
    user: PostgresUser,
    program: &Path,
    home: &Path,
    arguments: &[OsString],
) -> Result<(), ServerError> {
    let mut words = user.command_line(program, home).into_iter();
    let first = words.next().unwrap_or_default();
    let output = tokio::process::Command::new(first)
        .args(words)
        .args(arguments)
        .current_dir(home)
        .env("LC_ALL", "C")
        .output()
        .await
        .map_err(ServerError::io("run", program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ServerError::Command {
        command: program.display().to_string(),
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A crashed server leaves its pid file, and PostgreSQL refuses to start when the number in it belongs to any other
/// process by now. Nobody works in the folder, so the file is worth nothing. Without /proc nobody could be seen
/// there: then PostgreSQL decides.
fn remove_stale_pid_file(data: &Path) -> Result<(), ServerError> {
    let file = data.join("postmaster.pid");
    if !file.exists() || !Path::new("/proc/self/cwd").exists() {
        return Ok(());
    }
    fs::remove_file(&file).map_err(ServerError::io("remove", &file))
}

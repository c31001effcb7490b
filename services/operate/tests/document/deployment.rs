//! A deployment as somebody sets it up by hand: databases, settings files, secrets, the services' programs.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use client::SERVICES;
use kernel::{Clock as _, SystemClock};
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::staff_issuer::{STAFF_AUDIENCE, STAFF_ISSUER, StaffIssuer};
use testkit::{GuardedCommand, GuardedProcess, PostgresOptions, PrivateNats, PrivatePostgres, wait_for};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const SERVING_WITHIN: Duration = Duration::from_mins(5);

/// Who is who, and may what: an administrator, two supervisors, somebody of the call centre.
const STAFF: [(&str, &str); 4] = [
    ("A001", "administrator"),
    ("S001", "supervisor"),
    ("S002", "supervisor"),
    ("C001", "call_centre"),
];

/// Ports that the system gives to nobody by itself.
const PORTS: std::ops::Range<u16> = 12_000..20_000;

/// PostgreSQL and NATS, with an empty database for each service and the keyring.
pub(crate) struct Servers {
    postgres: PrivatePostgres,
    nats: PrivateNats,
}

/// What the document's SQL says in place of a password.
const PASSWORD: &str = "of-this-test";

/// What docs/operations.md tells a superuser to type: statements of one line, and which database they are for.
fn documented_sql() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, after) = document.split_once("```sql\n").unwrap();
    let (block, _) = after.split_once("```").unwrap();
    let mut database = "postgres";
    let mut typed = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("\\connect ") {
            Some(other) => database = other,
            None => typed.push((database.to_owned(), line.replace('…', PASSWORD))),
        }
    }
    typed
}

impl Servers {
    /// Nobody has set up the databases but as the document says.
    pub(crate) async fn start() -> Self {
        let quick = PostgresOptions {
            durable: false,
            ..PostgresOptions::default()
        };
        let postgres = PrivatePostgres::temporary(quick).await.unwrap();
        for (database, statement) in documented_sql() {
            let mut superuser = PgConnection::connect(&postgres.url(&database)).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut superuser)
                .await
                .unwrap();
        }
        let nats = PrivateNats::temporary().await.unwrap();
        Self { postgres, nats }
    }

    /// The URL of a database as a service, or the keyring's owner.
    fn database(&self, name: &str, of: &str) -> String {
        let [role, database] = [name, of].map(|name| name.replace('-', "_"));
        self.postgres.url_as(&role, PASSWORD, &database)
    }
}

/// A folder that other users may pass through.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new()
        .prefix("madoguchi-operate-")
        .tempdir()
        .unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

pub(crate) struct Deployment {
    pub(crate) folder: PathBuf,
    /// The settings files' folder.
    pub(crate) settings: PathBuf,
    ports: BTreeMap<&'static str, u16>,
    databases: BTreeMap<&'static str, String>,
    issuer: StaffIssuer,
    processes: Vec<GuardedProcess>,
}

impl Deployment {
    /// All services, once the keyring is prepared.
    pub(crate) async fn launch_all(&mut self) {
        for service in SERVICES {
            self.launch(service).await;
        }
    }

    /// Everything but the services' processes.
    pub(crate) fn set_up(folder: &Path, servers: &Servers) -> Self {
        let settings = folder.join("settings");
        std::fs::create_dir_all(&settings).unwrap();
        let deployment = Self {
            settings,
            folder: folder.to_owned(),
            ports: ports(),
            databases: SERVICES
                .into_iter()
                .map(|service| (service, servers.database(service, service)))
                .collect(),
            issuer: StaffIssuer::generate(),
            processes: Vec::new(),
        };
        deployment.write("staff_jwks.json", &deployment.issuer.jwks());
        deployment.write("master_key", &"5a".repeat(32));
        for (id, _) in STAFF {
            deployment.write(&format!("token-{id}"), &deployment.token(id));
        }
        let owner = format!(
            "[database]\nurl = \"{}\"\n",
            servers.database("keyring", "keyring")
        );
        std::fs::write(deployment.settings.join("keyring.toml"), owner).unwrap();
        for service in SERVICES {
            let text = deployment.settings_of(service, servers);
            std::fs::write(deployment.settings.join(format!("{service}.toml")), text).unwrap();
        }
        deployment
    }

    pub(crate) async fn launch(&mut self, service: &'static str) {
        // Tests lie one below the programs.
        let test = std::env::current_exe().unwrap();
        let program = test
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join(format!("madoguchi-{service}"));
        assert!(
            program.is_file(),
            "{} is missing: run `make build`",
            program.display()
        );
        let log = self.folder.join(format!("{service}.log"));
        let mut process = GuardedCommand::new(program, &self.folder, &log)
            .argument("--config")
            .argument(self.settings.join(format!("{service}.toml")))
            .stop_with(&["TERM", "KILL"], 15)
            .start()
            .unwrap();
        let url = self.address(service);
        wait_for(&format!("{service} to serve"), SERVING_WITHIN, async || {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(process.ended().is_none(), "{service} ended: {}", said());
            is_serving(&url).await.then_some(()).ok_or_else(said)
        })
        .await;
        self.processes.push(process);
    }

    pub(crate) async fn stop(mut self) {
        for process in &mut self.processes {
            process.signal("TERM");
        }
        for mut process in std::mem::take(&mut self.processes) {
            tokio::task::spawn_blocking(move || process.stop()).await.unwrap();
        }
    }

    pub(crate) fn address(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[service])
    }

    pub(crate) fn token(&self, id: &str) -> String {
        let (_, role) = STAFF.into_iter().find(|(known, _)| *known == id).unwrap();
        let now_s = SystemClock.now().as_second();
        self.issuer.token(id, &[role], now_s, 36_000).unwrap()
    }

    pub(crate) fn token_file(&self, id: &str) -> PathBuf {
        self.folder.join(format!("token-{id}"))
    }

    pub(crate) async fn sql(&self, service: &str, sql: &str) {
        let mut connection = PgConnection::connect(&self.databases[service]).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.join(name), content).unwrap();
    }

    /// What README.md and the services' own pages say a service needs.
    fn settings_of(&self, service: &str, servers: &Servers) -> String {
        let folder = self.folder.display();
        let line = |(peer, address): (&str, String)| format!("{peer} = \"{address}\"\n");
        let feeds: String = SERVICES[..4]
            .iter()
            .map(|peer| line((peer, self.address(peer))))
            .collect();
        let accept: String = SERVICES
            .iter()
            .map(|peer| line((peer, hex::encode(Sha256::digest(secret(peer))))))
            .collect();
        let own = match service {
            "phone-verification" => {
                let lines: Vec<_> = (1..=8).map(|line| format!("\"03-0000-010{line}\"")).collect();
                format!("[service]\nlines = [{}]\n", lines.join(", "))
            }
            "claim-images" => format!(
                "[service]\nspool_folder = \"{folder}/spool\"\noriginals_folder = \"{folder}/originals\"\n"
            ),
            _ => String::new(),
        };
        format!(
            "[grpc]\nlisten = \"0.0.0.0:{port}\"\n\
             [database]\nurl = \"{database}\"\n\
             [keyring]\nurl = \"{keyring}\"\nmaster_key_file = \"{folder}/master_key\"\n\
             [secrets]\npepper = \"{pepper}\"\n\
             [nats]\nurl = \"{nats}\"\n\
             [feeds]\n{feeds}\
             [peers]\nown_secret = \"{secret}\"\n[peers.accept]\n{accept}\
             [tokens]\nidentity_url = \"{identity}\"\nstaff_issuer = \"{STAFF_ISSUER}\"\n\
             staff_audience = \"{STAFF_AUDIENCE}\"\nstaff_jwks_file = \"{folder}/staff_jwks.json\"\n\
             {own}",
            port = self.ports[service],
            database = servers.database(service, service),
            keyring = servers.database(service, "keyring"),
            pepper = hex::encode(Sha256::digest(service)),
            nats = servers.nats.url(),
            secret = secret(service),
            identity = self.address("identity"),
        )
    }
}

fn secret(peer: &str) -> String {
    format!("secret-of-{peer}")
}

/// A free port for each service; held until all are chosen.
fn ports() -> BTreeMap<&'static str, u16> {
    let mut held = Vec::new();
    let span = PORTS.end - PORTS.start;
    let first = u16::try_from(std::process::id() % u32::from(span)).unwrap();
    let mut candidates = (0..span).map(|step| PORTS.start + (first + step * 7) % span);
    let mut free = || {
        let listener = candidates.find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
        let listener = listener.expect("a free port");
        let port = listener.local_addr().unwrap().port();
        held.push(listener);
        port
    };
    SERVICES.into_iter().map(|service| (service, free())).collect()
}

async fn is_serving(url: &str) -> bool {
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
    let Ok(channel) = endpoint.connect().await else {
        return false;
    };
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

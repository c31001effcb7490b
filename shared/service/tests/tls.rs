//! A process with TLS on every connection it has: PostgreSQL, the keyring, NATS and KurrentDB, each of which brings or picks a
//! TLS provider of its own. Runs itself as the service, so it has a `main` of its own instead of the test harness.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use kurrentdb_fake::{KurrentDb, KurrentDbOptions};
use sqlx::{Connection as _, PgConnection};
use testkit::{Certificates, PostgresOptions, PrivateNats, PrivatePostgres, wait_for};

mod probe;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--config") {
        return service::main::<probe::Probe>();
    }
    // `cargo test -- --list` and filters by name are answered as a harness would.
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(a_process_with_tls_on_every_connection_starts_serves_and_stops());
    ExitCode::SUCCESS
}

async fn a_process_with_tls_on_every_connection_starts_serves_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::create(folder.path()).unwrap();
    let quick = PostgresOptions {
        durable: false,
        ..PostgresOptions::default()
    };
    let postgres = PrivatePostgres::temporary(quick).await.unwrap();
    demand_tls(&postgres, &certificates).await;
    let nats = PrivateNats::temporary_with_tls(&certificates).await.unwrap();
    let options = KurrentDbOptions {
        tls: Some(certificates.clone()),
        user: Some(("counter".to_owned(), "secret".to_owned())),
        ..KurrentDbOptions::default()
    };
    let kurrentdb = KurrentDb::start_with(options).await.unwrap();
    // Without KurrentDB nobody makes a provider the process's default, and with it another one than the others name.
    for events in [None, Some(&kurrentdb)] {
        let child = start(
            folder.path(),
            &certificates,
            &toml(folder.path(), &postgres, &nats, events),
        )
        .await;
        all_encrypted(&postgres).await;
        let log = stop(child).await;
        assert!(log.contains("connected"), "NATS was never connected to: {log}");
        for word in ["panicked", "\"ERROR\"", "lost"] {
            assert!(!log.contains(word), "{word}: {log}");
        }
    }
}

/// Starts it and waits until it serves.
async fn start(folder: &Path, certificates: &Certificates, toml: &str) -> Child {
    let (config, address) = (folder.join("probe.toml"), folder.join("address"));
    std::fs::write(&config, toml).unwrap();
    let _ = std::fs::remove_file(&address);
    let child = Command::new(std::env::current_exe().unwrap())
        .arg("--config")
        .arg(&config)
        // The authority is all that this process trusts.
        .env("SSL_CERT_FILE", &certificates.authority)
        .env_remove("SSL_CERT_DIR")
        .env_remove("EVENT_STORE_URL")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the address file", probe::SOON, async || {
        std::fs::read_to_string(&address).ok()
    })
    .await;
    child
}

async fn all_encrypted(postgres: &PrivatePostgres) {
    let mut connection = PgConnection::connect(&postgres.url("postgres")).await.unwrap();
    wait_for(
        "all connections of the service to be encrypted",
        probe::SOON,
        async || {
            let (all, encrypted): (i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE datname IN ('probe', 'keyring')",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
            if all >= 2 && all == encrypted {
                Ok(())
            } else {
                Err((all, encrypted))
            }
        },
    )
    .await;
}

/// Connections come in over TLS or not at all, except this test's own.
async fn demand_tls(postgres: &PrivatePostgres, certificates: &Certificates) {
    for database in ["probe", "keyring"] {
        postgres.create_database(database).await.unwrap();
    }
    let data = postgres.data_dir();
    let owner = std::fs::metadata(data).unwrap();
    for (from, name) in [
        (&certificates.certificate, "server.crt"),
        (&certificates.key, "server.key"),
    ] {
        let to = data.join(name);
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let mut connection = PgConnection::connect(&postgres.url("postgres")).await.unwrap();
    for statement in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
    wait_for("PostgreSQL to speak TLS", probe::SOON, async || {
        let url = format!("{}?sslmode=require", postgres.url("postgres"));
        PgConnection::connect(&url).await
    })
    .await;
}

fn toml(
    folder: &Path,
    postgres: &PrivatePostgres,
    nats: &PrivateNats,
    kurrentdb: Option<&KurrentDb>,
) -> String {
    let database = |name| format!("{}?sslmode=verify-full", postgres.url(name));
    let key = "0f".repeat(32);
    let folder = folder.display();
    let (own, keyring) = (database("probe"), database("keyring"));
    let nats = nats.url();
    let events = kurrentdb.map_or_else(String::new, |kurrentdb| {
        format!("[event_store]\nurl = \"{}\"\n", kurrentdb.url())
    });
    format!(
        r#"address_file = "{folder}/address"
[grpc]
listen = "127.0.0.1:0"
[database]
url = "{own}"
[keyring]
url = "{keyring}"
master_key = "{key}"
[secrets]
pepper = "{key}"
[nats]
url = "{nats}"
{events}
[telemetry]
log_format = "json"
[service]
test = "tls"
"#
    )
}

async fn stop(child: Child) -> String {
    let told = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(told.success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{log}");
    log
}

//! The settings each service is started with, as files an operator would write too.

use std::collections::BTreeMap;

use contracts::names::{CLAIM_IMAGES, IDENTITY, PHONE_VERIFICATION, SERVICES as PUBLISHERS};
use rulebook::DEFAULT_RULEBOOK;
use testkit::staff_issuer::{STAFF_AUDIENCE, STAFF_ISSUER};
use toml::{Table, Value};

use super::infrastructure::Infrastructure;
use super::roles::KEYRING;
use super::{DataFolder, Peer, SERVICES, Secrets, StackError, StackOptions, bus, web};

/// The lines customers are told to dial (PV-8).
pub const LINES: [&str; 8] = [
    "03-0000-0101",
    "03-0000-0102",
    "03-0000-0103",
    "03-0000-0104",
    "03-0000-0105",
    "03-0000-0106",
    "03-0000-0107",
    "03-0000-0108",
];

/// Writes the settings of all services.
pub(super) fn write(
    folder: &DataFolder,
    secrets: &Secrets,
    infrastructure: &Infrastructure,
    ports: &BTreeMap<&'static str, u16>,
    options: &StackOptions<'_>,
) -> Result<(), StackError> {
    folder.write(&folder.config("rulebook"), &rulebook())?;
    folder.write(&folder.config(KEYRING), &keyring(infrastructure).to_string())?;
    for service in SERVICES {
        let mut table = settings(folder, secrets, infrastructure, ports, options, service)?;
        merge(&mut table, &options.settings);
        folder.write(&folder.config(service), &table.to_string())?;
    }
    web::write(folder, secrets, infrastructure, ports)
}

/// The settings of a second instance of a service: the same, at another port.
pub(super) fn write_replica(
    folder: &DataFolder,
    service: &str,
    replica: &str,
    port: u16,
) -> Result<(), StackError> {
    let path = folder.config(service);
    let text = std::fs::read_to_string(&path).map_err(StackError::file("read", &path))?;
    let mut table: Table = text
        .parse()
        .map_err(|error| StackError::file("read", &path)(std::io::Error::other(error)))?;
    let listen = section("grpc", [("listen", Value::from(format!("127.0.0.1:{port}")))]);
    merge(&mut table, &Table::from_iter([listen]));
    folder.write(&folder.config(replica), &table.to_string())
}

/// Adds settings; of two of the same name the added one stays.
fn merge(table: &mut Table, added: &Table) {
    for (key, value) in added {
        match (table.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(added)) => merge(inner, added),
            _ => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

fn settings(
    folder: &DataFolder,
    secrets: &Secrets,
    infrastructure: &Infrastructure,
    ports: &BTreeMap<&'static str, u16>,
    options: &StackOptions<'_>,
    service: &'static str,
) -> Result<Table, StackError> {
    let port = |service: &str| ports.get(service).copied().unwrap_or_default();
    let between = |peer, port| (options.between)(service, peer, port);
    let url = |peer| format!("http://127.0.0.1:{}", between(Peer::Service(peer), port(peer)));
    let databases = &infrastructure.databases;
    let through = between(Peer::Postgres, databases.postgres.port());
    let database = |url: String| {
        let own = format!("@127.0.0.1:{}/", databases.postgres.port());
        url.replace(&own, &format!("@127.0.0.1:{through}/"))
    };
    let nats = bus::url(folder, service, between(Peer::Nats, infrastructure.nats.port()))?;
    let secret = |name: String| path(&secrets.file(&name));
    let feeds = PUBLISHERS
        .into_iter()
        .map(|publisher| (publisher.to_owned(), Value::from(url(publisher))))
        .collect();
    let accept = secrets
        .accepted()
        .into_iter()
        .map(|(peer, hash)| (peer, Value::from(hash)))
        .collect();
    let tokens = [
        ("identity_url", url(IDENTITY).into()),
        ("staff_issuer", STAFF_ISSUER.into()),
        ("staff_audience", STAFF_AUDIENCE.into()),
        ("staff_jwks_file", secret("staff_jwks.json".to_owned())),
    ];
    let mut table = Table::from_iter([
        section(
            "grpc",
            [("listen", Value::from(format!("127.0.0.1:{}", port(service))))],
        ),
        section("database", [("url", database(databases.own_url(service)).into())]),
        section(
            "keyring",
            [
                ("url", database(databases.keyring_url(service)).into()),
                ("master_key_file", secret("master_key".to_owned())),
            ],
        ),
        section("secrets", [("pepper_file", secret(format!("pepper_{service}")))]),
        section("nats", [("url", nats.into())]),
        ("feeds".to_owned(), Value::Table(feeds)),
        section(
            "peers",
            [
                ("own_secret_file", secret(format!("peer_{service}"))),
                ("accept", Value::Table(accept)),
            ],
        ),
        section("tokens", tokens),
        section(
            "telemetry",
            [("log_format", "human".into()), ("log", "info".into())],
        ),
        section("rulebook", [("file", path(&folder.config("rulebook")))]),
    ]);
    let own = own(folder, service)?;
    if !own.is_empty() {
        table.insert("service".to_owned(), Value::Table(own));
    }
    Ok(table)
}

/// What operators' commands know of the keyring: its owner, whom no service is told of.
fn keyring(infrastructure: &Infrastructure) -> Table {
    let url = infrastructure.databases.own_url(KEYRING);
    Table::from_iter([section("database", [("url", url.into())])])
}

/// What one service alone needs.
fn own(folder: &DataFolder, service: &str) -> Result<Table, StackError> {
    Ok(match service {
        PHONE_VERIFICATION => Table::from_iter([("lines".to_owned(), LINES.to_vec().into())]),
        CLAIM_IMAGES => {
            let files = folder.service(service)?;
            Table::from_iter([
                ("spool_folder".to_owned(), path(&files.join("spool"))),
                ("originals_folder".to_owned(), path(&files.join("originals"))),
            ])
        }
        _ => Table::new(),
    })
}

fn section<const N: usize>(name: &str, keys: [(&str, Value); N]) -> (String, Value) {
    (
        name.to_owned(),
        Value::Table(
            keys.into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        ),
    )
}

fn path(path: &std::path::Path) -> Value {
    Value::from(path.to_string_lossy().into_owned())
}

/// The rulebook that ships with the software, without the weekly maintenance (OP-1): a developer may work on a Sunday
/// evening.
pub(super) fn rulebook() -> String {
    match DEFAULT_RULEBOOK.parse::<Table>() {
        Ok(mut table) => {
            table.insert("maintenance".to_owned(), Value::Array(Vec::new()));
            table.to_string()
        }
        // Its own tests prove that it parses; a service that reads this says what is wrong.
        Err(error) => error.to_string(),
    }
}

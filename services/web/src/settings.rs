//! The settings, parsed once; every error in them is reported before a port opens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use client::{Address, SERVICES};
use privacy::Pepper;
use rulebook::Rulebook;
use service::config::keys::Configuration as _;
use service::{ConfigErrors, Keys, Secret, TelemetrySettings, own_secret};

/// How many seconds a session lives without use, and in all.
const IDLE_S: u64 = 30 * 60;
const TOTAL_S: u64 = 12 * 60 * 60;

/// What the pages need to be served.
pub struct Settings {
    pub(crate) customer: Listener,
    pub(crate) database: Secret,
    pub(crate) database_connections: u32,
    pub(crate) sessions: SessionSettings,
    pub(crate) services: Vec<Address>,
    pub(crate) own_secret: Option<Secret>,
    pub(crate) rulebook: Rulebook,
    pub(crate) drain: Duration,
    pub(crate) address_file: Option<PathBuf>,
}

/// One listener with its audience; the back office's will be another.
pub(crate) struct Listener {
    pub(crate) listen: SocketAddr,
    /// How many proxies of our own stand before it, each of which adds to `x-forwarded-for`.
    pub(crate) proxies: u8,
    pub(crate) connections: usize,
}

pub(crate) struct SessionSettings {
    /// The first seals, all open: so that a key can be changed while sessions live.
    pub(crate) keys: Vec<Pepper>,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
}

/// The settings with what they mean, for `--help`.
const MEANINGS: &[(&str, &str)] = &[
    (
        "customer.listen",
        "address and port of the customers' pages; required",
    ),
    (
        "customer.proxies",
        "own proxies before it, whose x-forwarded-for is believed; 0",
    ),
    (
        "customer.max_connections",
        "connections at the same time; more wait; 1024",
    ),
    (
        "database.url",
        "postgres:// of web's own database, secret; required",
    ),
    ("database.max_connections", "connections to it; 24"),
    (
        "sessions.key",
        "64 hexadecimal digits that seal sessions, secret; required",
    ),
    (
        "sessions.previous_key",
        "the key before it, while it is changed, secret",
    ),
    ("sessions.idle_s", "seconds a session lives without use; 1800"),
    ("sessions.total_s", "seconds a session lives in all; 43200"),
    (
        "services",
        "[services] NAME = \"http://host:port\" of all five; required",
    ),
    (
        "peers.own_secret",
        "what proves to the services that web names a browser's address, secret",
    ),
    (
        "rulebook.file",
        "the insurer's rulebook, for names and hours; absent: the one built in",
    ),
    (
        "drain_ms",
        "longest requests in flight are waited for at the end; 10000",
    ),
    ("telemetry.otlp_endpoint", "http://host:port of an OTLP collector"),
    ("telemetry.log", "filter of the log; info"),
    ("telemetry.log_format", "human or json; human"),
    (
        "address_file",
        "file to write the customers' address to once it is served",
    ),
];

impl Settings {
    /// Telemetry's settings apart: they are needed before anything else.
    pub fn read(mut keys: Keys) -> Result<(TelemetrySettings, Self), ConfigErrors> {
        let telemetry = TelemetrySettings::read(&mut keys, "telemetry");
        let own = Self::of(&mut keys);
        keys.finish(telemetry.zip(own))
    }

    fn of(keys: &mut Keys) -> Option<Self> {
        // All are read before any is looked at, so that all errors are found.
        let customer = listener(keys, "customer");
        let database = keys.required("database.url");
        let connections = keys.or("database.max_connections", || 24);
        let sessions = sessions(keys);
        let services = services(keys);
        let own_secret = own_secret(keys);
        let rulebook = service::rulebook(keys);
        let drain_ms = keys.or("drain_ms", || 10_000);
        let address_file = keys.optional("address_file");
        Some(Self {
            customer: customer?,
            database: database?,
            database_connections: connections?,
            sessions: sessions?,
            services: services?,
            own_secret: own_secret?,
            rulebook: rulebook?,
            drain: Duration::from_millis(drain_ms?),
            address_file: address_file?,
        })
    }

    /// What `--help` says.
    pub fn help() -> String {
        let rows: Vec<String> = MEANINGS
            .iter()
            .map(|(key, meaning)| format!("  {key:<26} {meaning}"))
            .collect();
        let rows = rows.join("\n");
        format!(
            "madoguchi-web: the pages of Madoguchi\n\n\
             usage: madoguchi-web [--config FILE] [--help] [--version]\n\n\
             FILE is TOML; MADOGUCHI_CONFIG names one too. Every setting can be overridden by the environment:\n\
             MADOGUCHI__CUSTOMER__LISTEN=127.0.0.1:8080 is listen in section [customer]. A secret can be given as KEY_file.\n\n\
             {rows}\n\nExit codes: 0 stopped by a signal, 64 configuration, 70 failed.\n"
        )
    }
}

fn listener(keys: &mut Keys, section: &str) -> Option<Listener> {
    let listen = keys.required(&format!("{section}.listen"));
    let proxies = keys.or(&format!("{section}.proxies"), || 0);
    let connections = keys.or(&format!("{section}.max_connections"), || 1024);
    Some(Listener {
        listen: listen?,
        proxies: proxies?,
        connections: connections?,
    })
}

fn sessions(keys: &mut Keys) -> Option<SessionSettings> {
    let key = keys.parsed("sessions.key", |key: &Secret| Pepper::from_hex(key.expose()));
    let previous = match keys.optional::<Secret>("sessions.previous_key")? {
        Some(key) => Some(keys.checked("sessions.previous_key", Pepper::from_hex(key.expose()))?),
        None => None,
    };
    let idle_s = keys.or("sessions.idle_s", || IDLE_S);
    let total_s = keys.or("sessions.total_s", || TOTAL_S);
    Some(SessionSettings {
        keys: std::iter::once(key?).chain(previous).collect(),
        idle: Duration::from_secs(idle_s?),
        total: Duration::from_secs(total_s?),
    })
}

fn services(keys: &mut Keys) -> Option<Vec<Address>> {
    let urls: BTreeMap<String, String> = keys.required("services")?;
    let mut addresses = Vec::new();
    for (name, url) in &urls {
        // Environment variables have no dashes.
        let address = Address::parse(&name.replace('_', "-"), url);
        addresses.extend(keys.checked(&format!("services.{name}"), address));
    }
    let known = |service: &&str| addresses.iter().any(|address| address.service() == *service);
    let missing: Vec<_> = SERVICES.into_iter().filter(|service| !known(service)).collect();
    for service in &missing {
        keys.wrong(&format!("services.{service}"), "is missing");
    }
    (missing.is_empty() && addresses.len() == urls.len()).then_some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let refused = Settings::read(Keys::from_toml("[services]\nviews = \"http://a:1\"\n"));
        let told = refused.err().map(|errors| errors.to_string()).unwrap_or_default();
        for key in [
            "customer.listen",
            "database.url",
            "sessions.key",
            "services.identity",
        ] {
            assert!(told.contains(key), "{key} is not in {told}");
        }
    }
}

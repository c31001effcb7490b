//! The settings every service shares, parsed once: after this nothing in them can be malformed.
#![allow(
    clippy::option_option,
    reason = "outer: whether the setting reads well (else the error is recorded); inner: whether it is there"
)]

use std::{collections::BTreeMap, path::PathBuf, str::FromStr, time::Duration};

use async_nats::ServerAddr;
use jsonwebtoken::jwk::JwkSet;
use kurrentdb::KurrentSettings;
use messaging::{JetStreamConfig, MessageSize};
use privacy::{MasterKey, Pepper};
use rulebook::Rulebook;
use tonic::transport::Endpoint;

use crate::config::keys::{ConfigErrors, Configuration, Keys, NO_TLS};
use crate::config::secret::Secret;
use crate::grpc::settings::Grpc;
use crate::start::service::Service;
use crate::start::telemetry::TelemetrySettings;
use crate::tokens::peers::AcceptedPeers;
use crate::tokens::staff::{self, StaffIssuer};
use crate::watch::settings::AlarmSettings;

/// Settings common to all services.
pub(crate) struct Settings {
    pub(crate) grpc: Grpc,
    pub(crate) database: Secret,
    pub(crate) database_connections: u32,
    /// Where the events are, if not in the database.
    pub(crate) event_store: Option<KurrentSettings>,
    pub(crate) keyring: Secret,
    pub(crate) master_key: MasterKey,
    pub(crate) other_master_key: Option<MasterKey>,
    pub(crate) pepper: Pepper,
    pub(crate) nats: Option<JetStreamConfig>,
    pub(crate) lease: Duration,
    pub(crate) feeds: BTreeMap<String, Endpoint>,
    pub(crate) own_secret: Option<Secret>,
    pub(crate) accepted_peers: AcceptedPeers,
    pub(crate) identity: Option<Endpoint>,
    pub(crate) staff: Option<StaffIssuer>,
    pub(crate) telemetry: TelemetrySettings,
    pub(crate) rulebook: Rulebook,
    pub(crate) address_file: Option<PathBuf>,
    pub(crate) alarms: AlarmSettings,
}

/// How long a relay or subscription that died keeps its successor waiting, in milliseconds. Half of it must be enough for
/// the database to answer.
const LEASE_MS: u32 = 5_000;

/// All settings of a service, or everything that is wrong with them.
pub(crate) fn read<S: Service>(mut keys: Keys) -> Result<(Settings, S::Config), ConfigErrors> {
    // Both are read before either is looked at, so that all errors are found.
    let settings = Settings::read(&mut keys);
    let own = S::Config::read(&mut keys, "service");
    others_needed::<S>(&mut keys);
    keys.finish(settings.zip(own))
}

/// What a service that speaks with others cannot do without.
fn others_needed<S: Service>(keys: &mut Keys) {
    if (S::publish().is_some() || !S::LISTENS_TO.is_empty()) && !keys.has("nats.url") {
        keys.wrong(
            "nats.url",
            "is missing, and this service publishes or listens to events",
        );
    }
    for source in S::LISTENS_TO {
        if !keys.has(&format!("feeds.{source}")) && !keys.has(&format!("feeds.{}", source.replace('-', "_")))
        {
            keys.wrong(
                &format!("feeds.{source}"),
                "is missing, and this service listens to it",
            );
        }
    }
}

impl Settings {
    pub(super) fn read(keys: &mut Keys) -> Option<Self> {
        let grpc = grpc(keys);
        let database = database_url(keys, "database.url");
        let database_connections = keys.or("database.max_connections", || 10);
        let keyring = database_url(keys, "keyring.url");
        let master_key = keys.parsed("keyring.master_key", |key: &Secret| {
            MasterKey::from_hex(key.expose())
        });
        let other_master_key = other_master_key(keys);
        let pepper = keys.parsed("secrets.pepper", |pepper: &Secret| {
            Pepper::from_hex(pepper.expose())
        });
        let nats = nats(keys);
        let lease_ms = positive(keys, "messaging.lease_ms", LEASE_MS);
        let feeds = feeds(keys);
        let own_secret = own_secret(keys);
        let accepted_peers = accepted_peers(keys);
        let identity = optional_endpoint(keys, "tokens.identity_url");
        let staff = staff(keys);
        let telemetry = TelemetrySettings::read(keys, "telemetry");
        let rulebook = rulebook(keys);
        let address_file = keys.optional("address_file");
        let alarms = AlarmSettings::read(keys);
        let event_store = event_store(keys);
        Some(Self {
            grpc: grpc?,
            database: database?,
            database_connections: database_connections?,
            event_store: event_store?,
            keyring: keyring?,
            master_key: master_key?,
            other_master_key: other_master_key?,
            pepper: pepper?,
            nats: nats?,
            lease: Duration::from_millis(lease_ms?.into()),
            feeds: feeds?,
            own_secret: own_secret?,
            accepted_peers: accepted_peers?,
            identity: identity?,
            staff: staff?,
            telemetry: telemetry?,
            rulebook: rulebook?,
            address_file: address_file?,
            alarms: alarms?,
        })
    }
}

fn grpc(keys: &mut Keys) -> Option<Grpc> {
    let listen = keys.required("grpc.listen");
    let concurrency = positive(keys, "grpc.max_concurrent", 256);
    let long_running = positive(keys, "grpc.max_concurrent_long_running", 1024);
    let deadline_ms = positive(keys, "grpc.deadline_ms", 30_000);
    let drain_ms = positive(keys, "grpc.drain_ms", 10_000);
    let long_running_deadline_ms = positive(keys, "grpc.long_running_deadline_ms", 900_000);
    let idle_ms = positive(keys, "grpc.idle_ms", 15_000);
    let connections = positive(keys, "grpc.max_connections", 4096);
    let streams_per_connection = positive(keys, "grpc.max_streams_per_connection", 256);
    Some(Grpc {
        listen: listen?,
        concurrency: usize::try_from(concurrency?).ok()?,
        long_running_concurrency: usize::try_from(long_running?).ok()?,
        connections: usize::try_from(connections?).ok()?,
        streams_per_connection: streams_per_connection?,
        deadline: Duration::from_millis(deadline_ms?.into()),
        long_running_deadline: Duration::from_millis(long_running_deadline_ms?.into()),
        idle: Duration::from_millis(idle_ms?.into()),
        drain: Duration::from_millis(drain_ms?.into()),
    })
}

fn positive(keys: &mut Keys, key: &str, default: u32) -> Option<u32> {
    let value = keys.or(key, || default)?;
    if value == 0 {
        keys.wrong(key, "must be greater than 0");
        return None;
    }
    Some(value)
}

/// The master key before or after the one in use, while it is being changed (docs/adr/0015).
fn other_master_key(keys: &mut Keys) -> Option<Option<MasterKey>> {
    let Some(other) = keys.optional::<Secret>("keyring.other_master_key")? else {
        return Some(None);
    };
    keys.checked("keyring.other_master_key", MasterKey::from_hex(other.expose()))
        .map(Some)
}

/// The address of a PostgreSQL database; its text, which holds a password, is repeated nowhere.
fn database_url(keys: &mut Keys, key: &str) -> Option<Secret> {
    let url = keys.required::<Secret>(key)?;
    if ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.expose().starts_with(scheme))
    {
        return Some(url);
    }
    keys.wrong(key, "is not a postgres:// URL");
    None
}

/// What the client library takes for an address of NATS, several of them with commas between.
fn nats_url(keys: &mut Keys, url: Option<String>) -> Option<Option<String>> {
    let known = |url: &str| url.trim().parse::<ServerAddr>().is_ok();
    if url.as_ref().is_none_or(|url| url.split(',').all(known)) {
        return Some(url);
    }
    keys.wrong("nats.url", "is not a nats:// or tls:// URL");
    None
}

/// `None` inside: a service that neither publishes nor subscribes runs without NATS.
fn nats(keys: &mut Keys) -> Option<Option<JetStreamConfig>> {
    let standard = JetStreamConfig::default();
    let url = keys
        .optional::<String>("nats.url")
        .and_then(|url| nats_url(keys, url));
    let prefix = keys.or("nats.prefix", String::new);
    let max_age_s = keys.or("nats.max_age_s", || standard.max_age.as_secs());
    let max_bytes = keys.or("nats.max_bytes", || standard.max_bytes);
    let replicas = keys.or("nats.replicas", || standard.replicas);
    let max_message = max_message(keys);
    let (prefix, max_age_s, max_bytes, replicas) = (prefix?, max_age_s?, max_bytes?, replicas?);
    let max_message = max_message?;
    Some(url?.map(|url| JetStreamConfig {
        url,
        prefix,
        max_age: Duration::from_secs(max_age_s),
        max_bytes,
        replicas,
        max_message,
    }))
}

fn max_message(keys: &mut Keys) -> Option<MessageSize> {
    let bytes = keys.or("nats.max_message_bytes", || MessageSize::STANDARD.bytes())?;
    let size = MessageSize::of_bytes(bytes);
    if size.is_none() {
        keys.wrong("nats.max_message_bytes", "must be from 65536 to 4194304");
    }
    size
}

fn endpoint(keys: &mut Keys, key: &str, url: &str) -> Option<Endpoint> {
    if url.starts_with("https://") {
        keys.wrong(key, NO_TLS);
        return None;
    }
    let good = url.starts_with("http://");
    match Endpoint::from_str(url) {
        Ok(endpoint) if good => Some(endpoint),
        _ => {
            keys.wrong(key, "is not an http:// URL");
            None
        }
    }
}

fn optional_endpoint(keys: &mut Keys, key: &str) -> Option<Option<Endpoint>> {
    match keys.optional::<String>(key)? {
        Some(url) => endpoint(keys, key, &url).map(Some),
        None => Some(None),
    }
}

fn feeds(keys: &mut Keys) -> Option<BTreeMap<String, Endpoint>> {
    let urls: BTreeMap<String, String> = keys.or("feeds", BTreeMap::new)?;
    // Every one is looked at, so that every bad one is named.
    let endpoints: Vec<_> = urls
        .into_iter()
        .map(|(name, url)| {
            let endpoint = endpoint(keys, &format!("feeds.{name}"), &url);
            // Environment variables have no dashes.
            endpoint.map(|endpoint| (name.replace('_', "-"), endpoint))
        })
        .collect();
    endpoints.into_iter().collect()
}

/// `peers.own_secret`: what a program calls the services with. A secret with a dot would be taken for a token.
pub fn own_secret(keys: &mut Keys) -> Option<Option<Secret>> {
    let secret = keys.optional::<Secret>("peers.own_secret")?;
    if secret
        .as_ref()
        .is_some_and(|secret| secret.expose().contains('.') || !secret.expose().is_ascii())
    {
        keys.wrong("peers.own_secret", "must be ASCII without dots");
        return None;
    }
    Some(secret)
}

fn accepted_peers(keys: &mut Keys) -> Option<AcceptedPeers> {
    let hashes: BTreeMap<String, String> = keys.or("peers.accept", BTreeMap::new)?;
    let rows: Vec<_> = hashes
        .into_iter()
        .map(|(name, hash)| {
            let mut bytes = [0; 32];
            if hex::decode_to_slice(hash.trim(), &mut bytes).is_err() {
                keys.wrong(
                    &format!("peers.accept.{name}"),
                    "must be the SHA-256 of the secret, 64 hexadecimal digits",
                );
                return None;
            }
            Some((name.replace('_', "-"), bytes))
        })
        .collect();
    rows.into_iter().collect::<Option<_>>().map(AcceptedPeers)
}

fn staff(keys: &mut Keys) -> Option<Option<StaffIssuer>> {
    let issuer = keys.optional::<String>("tokens.staff_issuer");
    let file = keys.optional::<PathBuf>("tokens.staff_jwks_file");
    let audience = keys.optional::<String>("tokens.staff_audience");
    let kinds = keys.or("tokens.staff_typ", || staff::KINDS.map(str::to_owned).to_vec());
    let max_life_s = keys.or("tokens.staff_max_life_s", || staff::MAX_LIFE.as_secs());
    let (issuer, file, audience) = (issuer?, file?, audience?);
    if issuer.is_none() && file.is_none() && audience.is_none() {
        return Some(None);
    }
    let issuer = together(keys, "tokens.staff_issuer", issuer);
    let audience = together(keys, "tokens.staff_audience", audience);
    let jwks = together(keys, "tokens.staff_jwks_file", file).and_then(|file| {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()));
        let text = keys.checked("tokens.staff_jwks_file", text)?;
        let parsed = serde_json::from_str::<JwkSet>(&text)
            .map_err(|error| format!("{} is not a JSON Web Key Set: {error}", file.display()));
        keys.checked("tokens.staff_jwks_file", parsed)
    });
    Some(Some(StaffIssuer {
        issuer: issuer?,
        keys: jwks?,
        audience: audience?,
        kinds: kinds?,
        max_life: Duration::from_secs(max_life_s?),
    }))
}

/// One of the settings that make no sense alone.
fn together<T>(keys: &mut Keys, key: &str, value: Option<T>) -> Option<T> {
    if value.is_none() {
        keys.wrong(
            key,
            "is missing: tokens.staff_issuer, tokens.staff_jwks_file and tokens.staff_audience are set together",
        );
    }
    value
}

/// `rulebook.file`, or the rulebook that is built in.
pub fn rulebook(keys: &mut Keys) -> Option<Rulebook> {
    let Some(file) = keys.optional::<PathBuf>("rulebook.file")? else {
        return Some(Rulebook::default_rulebook());
    };
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()));
    let text = keys.checked("rulebook.file", text)?;
    keys.checked("rulebook.file", Rulebook::parse(&text))
}

/// `None` inside: the events are in the service's own database.
fn event_store(keys: &mut Keys) -> Option<Option<KurrentSettings>> {
    match keys.optional::<Secret>("event_store.url")? {
        Some(url) => keys
            .checked("event_store.url", KurrentSettings::parse(url.expose()))
            .map(Some),
        None => Some(None),
    }
}

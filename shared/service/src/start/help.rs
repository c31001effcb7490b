//! What `--help` says: the arguments, and every setting there is. A test holds the table to the keys that are read.

use std::fmt::Write as _;

use crate::config::keys::Configuration;
use crate::start::service::Service;

/// The settings of every service, with what they mean and their defaults.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("grpc.listen", "address and port to listen on; required"),
    ("grpc.deadline_ms", "longest a call may take; 30000"),
    (
        "grpc.long_running_deadline_ms",
        "the same of calls that wait or stream; 900000",
    ),
    (
        "grpc.idle_ms",
        "longest a call may stand still: a message that does not go on, an answer that is not taken; 15000",
    ),
    (
        "grpc.max_connections",
        "connections, a quarter of them from one address; no more than half of RLIMIT_NOFILE; 4096",
    ),
    (
        "grpc.max_streams_per_connection",
        "calls at the same time on one connection, as HTTP/2 announces it; 256",
    ),
    (
        "grpc.drain_ms",
        "longest calls in flight are waited for at the end; 10000",
    ),
    (
        "grpc.max_concurrent",
        "calls at the same time of callers who are known, and of others besides; more are told to come back; 256",
    ),
    (
        "grpc.max_concurrent_long_running",
        "the same of calls that wait or stream; 1024",
    ),
    (
        "database.url",
        "postgres:// of the service's own database, secret; required",
    ),
    (
        "database.max_connections",
        "connections beside the two to eight of appends; 10",
    ),
    (
        "event_store.url",
        "esdb:// of a KurrentDB, secret; absent: the events are in the database",
    ),
    (
        "keyring.url",
        "postgres:// of the keyring's database, secret; required",
    ),
    ("keyring.master_key", "64 hexadecimal digits, secret; required"),
    (
        "keyring.other_master_key",
        "the key before or after it while it is changed, secret",
    ),
    (
        "secrets.pepper",
        "64 hexadecimal digits for keyed hashes, secret, never changed; required",
    ),
    (
        "nats.url",
        "nats://host:port, several by commas; required where events are published or heard",
    ),
    ("nats.prefix", "put before every stream and subject; empty"),
    (
        "nats.max_age_s",
        "seconds after which JetStream drops a message; 604800",
    ),
    ("nats.max_bytes", "bytes a service's stream may keep; 1073741824"),
    (
        "nats.max_message_bytes",
        "largest message; at most the server's max_payload; 1048576",
    ),
    ("nats.replicas", "copies in a JetStream cluster; 1"),
    (
        "messaging.lease_ms",
        "how long a successor waits for one that died; 5000",
    ),
    (
        "feeds",
        "[feeds] NAME = \"http://host:port\" of each service that is listened to",
    ),
    ("peers.own_secret", "what this service calls others with, secret"),
    (
        "peers.accept",
        "[peers.accept] NAME = SHA-256 of that peer's secret (printf %s SECRET | sha256sum); web = who may name clients' addresses",
    ),
    (
        "tokens.identity_url",
        "http://host:port of identity, whose keys customers' tokens are checked with",
    ),
    ("tokens.staff_issuer", "issuer of staff's tokens"),
    (
        "tokens.staff_jwks_file",
        "file with that issuer's JSON Web Key Set",
    ),
    (
        "tokens.staff_audience",
        "the audience that issuer names in tokens for Madoguchi",
    ),
    (
        "tokens.staff_typ",
        "accepted kinds of token; [\"at+jwt\", \"JWT\"]",
    ),
    (
        "tokens.staff_max_life_s",
        "a token issued for longer is refused; 43200",
    ),
    (
        "rulebook.file",
        "the insurer's rulebook; absent: the one built in",
    ),
    (
        "telemetry.otlp_endpoint",
        "http://host:port of an OTLP collector; absent: nothing is exported",
    ),
    ("telemetry.log", "filter of the log, such as info,sqlx=warn; info"),
    ("telemetry.log_format", "human or json; human"),
    ("alarms.every_ms", "how often the service looks at itself; 10000"),
    (
        "alarms.relay_lag_s",
        "docs/operations.md has what each alarm means; 60",
    ),
    ("alarms.held_back_s", "60"),
    ("alarms.subscription_lag_s", "60"),
    ("alarms.calendar_days", "60"),
    ("alarms.rotation_overdue_s", "3600"),
    (
        "address_file",
        "file to write the address to once the service serves",
    ),
];

/// The widest key of the table.
const WIDTH: usize = 34;

/// The whole text.
pub(crate) fn text<S: Service>() -> String {
    let name = S::NAME;
    let mut text = format!(
        "madoguchi-{name}: a Madoguchi service\n\n\
         usage: madoguchi-{name} [--config FILE] [--help] [--version]\n\n\
         FILE is TOML; MADOGUCHI_CONFIG names one too. Every setting can be overridden by the environment:\n\
         MADOGUCHI__GRPC__LISTEN=127.0.0.1:50051 is listen in section [grpc]. A secret can be given as KEY_file, the path of a\n\
         file with it. NATS_URL, EVENT_STORE_URL and OTEL_EXPORTER_OTLP_ENDPOINT are read too.\n\n\
         Settings, as section.key, with what counts where they are absent:\n"
    );
    let own = S::Config::settings().into_iter();
    let own = own.map(|(key, meaning)| (format!("service.{key}"), meaning));
    let common = SETTINGS
        .iter()
        .map(|(key, meaning)| ((*key).to_owned(), (*meaning).to_owned()));
    for (key, meaning) in common.chain(own) {
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {key:<WIDTH$} {meaning}");
    }
    text.push_str("\nExit codes: 0 stopped by a signal, 64 configuration, 70 failed.\n");
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::keys::Keys;
    use crate::start::settings::Settings;

    #[test]
    fn help_names_every_setting_that_is_read_and_no_other() {
        let mut keys = Keys::from_toml("[tokens]\nstaff_issuer = \"a\"\n[nats]\nurl = \"nats://a\"");
        assert!(Settings::read(&mut keys).is_none(), "more is required");
        let asked = keys.asked();
        // A secret is read as KEY and as KEY_file; a file's own key is no secret's.
        let secrets_file = |key: &&str| {
            key.strip_suffix("_file")
                .is_some_and(|secret| asked.contains(secret))
        };
        let read: BTreeSet<&str> = asked
            .iter()
            .map(String::as_str)
            .filter(|key| !secrets_file(key))
            .collect();
        let named: BTreeSet<&str> = SETTINGS.iter().map(|(key, _)| *key).collect();
        assert_eq!(named, read);
        assert_eq!(
            named.iter().map(|key| key.len()).max().unwrap_or_default() + 2,
            WIDTH
        );
    }
}

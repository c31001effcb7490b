//! The connection to NATS and the one stream per source service. Servers since 2.9 are served: they silently drop
//! options they do not know, so what the server says it made is compared with what was asked.

use std::time::Duration;

use async_nats::jetstream::context::{Context, CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType, Stream};
use async_nats::{Client, ConnectOptions, ServerAddr};
use contracts::names;

use crate::size::MessageSize;
use crate::tls;

/// Where NATS is and how much a service's stream may keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetStreamConfig {
    /// `nats://user:password@host:port`, several separated by commas.
    pub url: String,
    /// Put before every stream name and subject; empty in production, unique in tests.
    pub prefix: String,
    /// Messages older than this go; consumers that were away longer read the feed.
    pub max_age: Duration,
    /// The oldest messages go when the stream is larger, in bytes.
    pub max_bytes: i64,
    /// Copies in a JetStream cluster.
    pub replicas: usize,
    /// The largest message. The server must take it, and no event is stored that would not fit.
    pub max_message: MessageSize,
}

impl Default for JetStreamConfig {
    /// A single local server, seven days, 1 GiB, messages of 1 MiB.
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            prefix: String::new(),
            max_age: Duration::from_hours(7 * 24),
            max_bytes: 1 << 30,
            replicas: 1,
            max_message: MessageSize::STANDARD,
        }
    }
}

/// The address of NATS cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("NATS cannot be used at {url}")]
pub struct ConnectError {
    url: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The server keeps a stream of this name that is not the one asked for; an operator has to decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream}: {setting} is {actual}, not {wanted}; change or remove the stream, or this setting")]
pub struct StreamMismatch {
    /// The stream's name.
    pub stream: String,
    /// The setting that differs.
    pub setting: &'static str,
    /// What was asked for.
    pub wanted: String,
    /// What the server has.
    pub actual: String,
}

/// Why a stream is not there to be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error(transparent)]
    Mismatch(#[from] StreamMismatch),
    #[error(transparent)]
    Unavailable(#[from] CreateStreamError),
}

/// A client that keeps connecting in the background for as long as it lives: NATS may be down when a service starts.
///
/// # Errors
/// When the URL cannot be read.
pub async fn connect(config: &JetStreamConfig, name: &str) -> Result<Client, ConnectError> {
    let failed = |source| ConnectError {
        url: without_password(&config.url),
        source,
    };
    let tls = tls::client_config().map_err(|error| failed(error.into()))?;
    let servers = config.url.split(',').map(|url| url.trim().parse::<ServerAddr>());
    let servers = servers.collect::<Result<Vec<_>, _>>();
    let servers = servers.map_err(|error| failed(error.into()))?;
    // The library does not take them from an address by itself.
    let user = servers
        .iter()
        .find_map(|server| Some((server.username()?, server.password()?)));
    let options = match user {
        Some((user, password)) => {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        None => ConnectOptions::new(),
    };
    options
        .name(name)
        // So that a user's permissions can keep others from hearing what it is answered.
        .custom_inbox_prefix(format!("_INBOX.{name}"))
        .tls_client_config(tls)
        .retry_on_initial_connect()
        .ping_interval(Duration::from_secs(10))
        .event_callback(|event| async move { tracing::info!(nats.event = %event, "connection to NATS") })
        .connect(servers)
        .await
        .map_err(|error| failed(error.into()))
}

/// Servers' addresses as they may be shown.
fn without_password(urls: &str) -> String {
    let shown = urls
        .split(',')
        .map(|url| match (url.find("://"), url.rfind('@')) {
            (Some(scheme), Some(at)) if scheme < at => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
            _ => url.to_owned(),
        });
    shown.collect::<Vec<_>>().join(",")
}

/// The source's stream as configured: made where missing, adjusted where only limits differ.
pub(crate) async fn ensure_stream(
    context: &Context,
    config: &JetStreamConfig,
    service: &str,
) -> Result<Stream<Info>, StreamError> {
    let wanted = wanted_config(config, service);
    let stream = context.get_or_create_stream(wanted.clone()).await?;
    let Err(mismatch) = compare(&wanted, &stream.cached_info().config) else {
        return Ok(stream);
    };
    let updated = context
        .update_stream(&wanted)
        .await
        .map_err(|error| refusal(error, mismatch))?;
    compare(&wanted, &updated.config)?;
    Ok(context.get_or_create_stream(wanted).await?)
}

/// A server that answers the change with anything but "not now" will never make it.
fn refusal(error: CreateStreamError, mismatch: StreamMismatch) -> StreamError {
    match error.kind() {
        CreateStreamErrorKind::JetStream(answer) if answer.code() != 503 => mismatch.into(),
        _ => error.into(),
    }
}

fn wanted_config(config: &JetStreamConfig, service: &str) -> Config {
    Config {
        name: names::stream(&config.prefix, service),
        subjects: vec![names::stream_subjects(&config.prefix, service)],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        max_age: config.max_age,
        max_bytes: config.max_bytes,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_message_size: -1,
        max_consumers: -1,
        num_replicas: config.replicas,
        ..Config::default()
    }
}

fn compare(wanted: &Config, actual: &Config) -> Result<(), StreamMismatch> {
    let check = |setting: &'static str, wanted_value: String, actual_value: String| {
        if wanted_value == actual_value {
            return Ok(());
        }
        let stream = wanted.name.clone();
        Err(StreamMismatch {
            stream,
            setting,
            wanted: wanted_value,
            actual: actual_value,
        })
    };
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    check("subjects", text(&wanted.subjects), text(&actual.subjects))?;
    check("retention", text(&wanted.retention), text(&actual.retention))?;
    check("storage", text(&wanted.storage), text(&actual.storage))?;
    check("discard", text(&wanted.discard), text(&actual.discard))?;
    check("max_age", text(&wanted.max_age), text(&actual.max_age))?;
    check("max_bytes", text(&wanted.max_bytes), text(&actual.max_bytes))?;
    check("max_msgs", text(&wanted.max_messages), text(&actual.max_messages))?;
    check(
        "max_msgs_per_subject",
        text(&wanted.max_messages_per_subject),
        text(&actual.max_messages_per_subject),
    )?;
    check(
        "max_msg_size",
        text(&wanted.max_message_size),
        text(&actual.max_message_size),
    )?;
    check(
        "num_replicas",
        text(&wanted.num_replicas),
        text(&actual.num_replicas),
    )?;
    check("no_ack", text(&wanted.no_ack), text(&actual.no_ack))?;
    check("sealed", text(&wanted.sealed), text(&actual.sealed))?;
    check(
        "mirror",
        text(&wanted.mirror.is_some()),
        text(&actual.mirror.is_some()),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let shown = without_password("nats://me:secret@one:4222,tls://two:4222, nats://s3cret@three");
        assert_eq!(shown, "nats://one:4222,tls://two:4222, nats://three");
    }

    #[test]
    fn a_stream_with_other_limits_is_named_with_the_setting_that_differs() {
        let wanted = wanted_config(&JetStreamConfig::default(), "endorsement");
        let actual = Config {
            max_messages: 10,
            ..wanted.clone()
        };
        assert_eq!(compare(&wanted, &wanted), Ok(()));
        assert_eq!(compare(&wanted, &actual).unwrap_err().setting, "max_msgs");
    }

    #[test]
    fn the_stream_is_as_configured_and_limits_nothing_else() {
        let config = JetStreamConfig {
            url: String::new(),
            prefix: "t1".to_owned(),
            max_age: Duration::from_hours(5),
            max_bytes: 7,
            replicas: 3,
            ..JetStreamConfig::default()
        };
        let wanted = wanted_config(&config, "endorsement");
        assert_eq!(wanted.name, names::stream("t1", "endorsement"));
        assert_eq!(wanted.subjects, [names::stream_subjects("t1", "endorsement")]);
        assert_eq!(
            (wanted.max_age, wanted.max_bytes, wanted.num_replicas),
            (Duration::from_hours(5), 7, 3)
        );
        assert_eq!(
            (wanted.retention, wanted.storage, wanted.discard),
            (RetentionPolicy::Limits, StorageType::File, DiscardPolicy::Old)
        );
        assert_eq!((wanted.max_messages, wanted.max_messages_per_subject), (-1, -1));
        assert_eq!((wanted.max_message_size, wanted.max_consumers), (-1, -1));
    }

    #[test]
    fn a_change_that_the_server_cannot_make_now_is_waited_for_and_any_other_refusal_is_final() {
        let wanted = wanted_config(&JetStreamConfig::default(), "endorsement");
        let mismatch = compare(&wanted, &Config::default()).unwrap_err();
        let answer = |code: usize| {
            let answer = serde_json::json!({ "code": code, "description": "no" });
            let answer = serde_json::from_value(answer).unwrap();
            CreateStreamError::new(CreateStreamErrorKind::JetStream(answer))
        };
        let refused = refusal(answer(503), mismatch.clone());
        assert!(matches!(refused, StreamError::Unavailable(_)), "{refused:?}");
        let refused = refusal(answer(500), mismatch.clone());
        assert!(matches!(refused, StreamError::Mismatch(_)), "{refused:?}");
        let refused = refusal(CreateStreamError::new(CreateStreamErrorKind::TimedOut), mismatch);
        assert!(matches!(refused, StreamError::Unavailable(_)), "{refused:?}");
    }
}

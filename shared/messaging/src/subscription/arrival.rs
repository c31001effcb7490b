//! What comes from the stream is judged before anything goes by it: beside the transaction that writes what came before, and on
//! another core.

use std::sync::Arc;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::OrderedError;

use super::reader::{self, Incoming};
use super::source_keys::SourceKeys;
use crate::signing::{self, Authenticity, Forgery, PublicKeys};

/// A message from the stream, judged.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are genuine")]
pub(super) enum Arrival {
    /// The source has signed it.
    Genuine(Incoming),
    /// Signed with a key the source does not name (any more).
    UnknownKey { sequence: u64 },
    /// Not of the source.
    Forged(Rejected),
    /// Reading broke off here.
    Broken(OrderedError),
}

/// A message, or a heartbeat, that its source did not send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rejected {
    /// None of a heartbeat.
    pub(super) sequence: Option<u64>,
    pub(super) subject: String,
    pub(super) forgery: Forgery,
}

/// Judges messages in their order.
pub(super) async fn judge(
    source: &'static str,
    prefix: String,
    keys: Arc<SourceKeys>,
    chunk: Vec<Result<Message, OrderedError>>,
) -> Vec<Arrival> {
    let mut named: Vec<_> = chunk
        .iter()
        .flatten()
        .filter_map(|message| signing::key_of(message.headers.as_ref()))
        .collect();
    named.sort_unstable();
    named.dedup();
    let keys = keys.with(&named).await;
    let judged = tokio::task::spawn_blocking(move || {
        let arrivals = chunk.into_iter().map(|message| match message {
            Ok(message) => arrival(source, &prefix, &message, &keys),
            Err(error) => Arrival::Broken(error),
        });
        arrivals.collect()
    });
    // Only a panic, or the end of the process, ends it early; what it held is read again.
    judged.await.unwrap_or_default()
}

fn arrival(source: &'static str, prefix: &str, message: &Message, keys: &PublicKeys) -> Arrival {
    let sequence = message.info().ok().map(|info| info.stream_sequence);
    let forged = |forgery| {
        Arrival::Forged(Rejected {
            sequence,
            subject: message.subject.to_string(),
            forgery,
        })
    };
    let Some(headers) = &message.headers else {
        return forged(Forgery::Unsigned);
    };
    let (incoming, statement) = match reader::incoming(source, prefix, message) {
        Ok(read) => read,
        Err(_) if signing::key_of(Some(headers)).is_none() => return forged(Forgery::Unsigned),
        Err(_) => return forged(Forgery::Malformed),
    };
    match signing::authenticity(headers, &statement, keys) {
        Authenticity::Genuine => Arrival::Genuine(incoming),
        Authenticity::UnknownKey => Arrival::UnknownKey {
            sequence: incoming.sequence,
        },
        Authenticity::Forged(forgery) => forged(forgery),
    }
}

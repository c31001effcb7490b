//! Reads a source's stream whole and in order, and its heartbeats. Whatever is odd ends the reader; the subscription
//! opens another one. Nothing of it lives on the server.

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::{Info, LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Message};
use async_nats::{Client, Subscriber};
use contracts::names;
use eventsourcing::Cursor;

use super::position::Progress;
use crate::delivery::{Delivery, Via};
use crate::headers::Labels;
use crate::signing::Statement;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// One open reader.
pub(super) struct Reader {
    /// The hint names no place in the stream to go on from.
    pub(super) place_lost: bool,
    pub(super) messages: Ordered,
    pub(super) heartbeats: Subscriber,
}

/// A message and its place in the stream.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) sequence: u64,
    pub(super) delivery: Delivery,
}

impl Reader {
    pub(super) async fn open(
        nats: &Client,
        prefix: &str,
        source: &str,
        progress: &Progress,
    ) -> Result<Self, AnyError> {
        let context = jetstream::new(nats.clone());
        let stream = context.get_stream(names::stream(prefix, source)).await?;
        let deliver_policy = start(&stream, progress).await?;
        let place_lost = progress.sequence.is_some() && deliver_policy == DeliverPolicy::All;
        // Before the consumer, so that no heartbeat names what was delivered and then missed.
        let heartbeats = nats.subscribe(names::heartbeat(prefix, source)).await?;
        let config = OrderedConfig {
            deliver_policy,
            ..OrderedConfig::default()
        };
        let messages = stream.create_consumer(config).await?.messages().await?;
        Ok(Self {
            place_lost,
            messages,
            heartbeats,
        })
    }
}

/// After the hint, if the message there is none that this consumer still needs; else everything the stream has, whose
/// duplicates are skipped by cursor. A stream that was rolled back or made anew must not be read from behind its end:
/// the server would deliver nothing until it has grown past that place.
async fn start(stream: &Stream<Info>, progress: &Progress) -> Result<DeliverPolicy, AnyError> {
    let (Some(sequence), Some(mine)) = (progress.sequence, progress.position) else {
        return Ok(DeliverPolicy::All);
    };
    let after = DeliverPolicy::ByStartSequence {
        start_sequence: sequence + 1,
    };
    match stream.get_raw_message(sequence).await {
        Ok(message) => match Labels::read(&message.headers) {
            Ok(labels) if labels.position.cursor <= mine.cursor => Ok(after),
            Ok(_) | Err(_) => Ok(DeliverPolicy::All),
        },
        // Aged out or purged: the sequence goes on.
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
            let reaches = stream.cached_info().state.last_sequence >= sequence;
            Ok(if reaches { after } else { DeliverPolicy::All })
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads a message, and what its source must have signed of it. One without our headers was not written by a relay.
pub(super) fn incoming(
    source: &'static str,
    prefix: &str,
    message: &Message,
) -> Result<(Incoming, Statement), AnyError> {
    let headers = message.headers.as_ref().ok_or("a message without headers")?;
    let labels = Labels::read(headers)?;
    let subject = names::without_prefix(prefix, &message.subject);
    let statement = Statement::of_message(subject, &labels, &message.payload);
    let Labels {
        position,
        previous,
        traceparent,
    } = labels;
    let sequence = message.info()?.stream_sequence;
    let cursor: Cursor = position.cursor;
    let delivery = Delivery {
        source,
        cursor,
        previous,
        event_id: position.event_id,
        subject: subject.to_owned(),
        payload: message.payload.clone(),
        withheld: None,
        traceparent,
        via: Via::Stream,
    };
    Ok((Incoming { sequence, delivery }, statement))
}

//! What JetStream holds is in the store's order and holds no event twice, however often relays were killed, doubled and
//! robbed of their stream.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use contracts::names::{self, SERVICES as PUBLISHERS};
use futures::StreamExt as _;

use crate::environment::{Environment, FORGED_HEADER};
use crate::failure::Failure;

/// Longest pause between two messages of a stream that are both there.
const NEXT_WITHIN: Duration = Duration::from_secs(10);

/// Three times as long as a relay takes to look.
const THERE_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn judge(environment: &Environment) -> Result<Vec<String>, Failure> {
    let context = jetstream::new(testkit::connect_to_nats(&environment.nats_url).await?);
    let mut problems = Vec::new();
    for service in PUBLISHERS {
        problems.extend(stream(&context, service).await?);
    }
    Ok(problems)
}

async fn stream(context: &jetstream::Context, service: &str) -> Result<Vec<String>, Failure> {
    // A relay with nothing to send looks after its stream now and then: one that was wiped is there again in a while.
    let there = testkit::poll(THERE_WITHIN, async || {
        context.get_stream(names::stream("", service)).await
    });
    let Ok(stream) = there.await else {
        return Ok(vec![format!(
            "the relay of {service} has not made its stream again"
        )]);
    };
    let held = stream.cached_info().state.messages;
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..OrderedConfig::default()
    };
    let mut messages = stream.create_consumer(config).await?.messages().await?;
    let (mut problems, mut last) = (Vec::new(), String::new());
    for _ in 0..held {
        let message = tokio::time::timeout(NEXT_WITHIN, messages.next())
            .await?
            .ok_or("the stream ended early")??;
        if message
            .headers
            .as_ref()
            .is_some_and(|headers| headers.get(FORGED_HEADER).is_some())
        {
            continue;
        }
        let cursor = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get(names::CURSOR_HEADER))
            .map(ToString::to_string)
            .ok_or("a message without a cursor")?;
        // Cursors compare as their text does.
        if cursor <= last {
            problems.push(format!(
                "JetStream's stream of {service} holds {cursor} after {last}"
            ));
        }
        last = cursor;
    }
    Ok(problems)
}

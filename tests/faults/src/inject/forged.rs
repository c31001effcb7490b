//! Whoever can reach the bus: messages that nobody signed, that a stranger signed, that were changed, and that are written a second
//! time. Nothing of them may be applied, nobody may stop for them, and operators must be told.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use contracts::names::{self, VIEWS};
use rand::RngExt as _;
use testkit::Pen;

use crate::driver::Driver;
use crate::environment::{FORGED_HEADER, STORES};
use crate::failure::Failure;
use crate::fault::Fault;

const MESSAGES: usize = 40;
/// Of the stream's latest messages, how many are changed or written again.
const LATEST: u64 = 200;
/// Longer than any service takes to come back and read on.
const NOTICED_WITHIN: Duration = Duration::from_mins(1);

impl Driver<'_> {
    pub(crate) async fn forge(&mut self) -> Result<(), Failure> {
        let source = STORES[self.rng.random_range(0..STORES.len())];
        self.serving(VIEWS).await?;
        self.serving(source).await?;
        let before = self.set_aside(source).await?;
        let context = jetstream::new(testkit::connect_to_nats(&self.environment.nats_url).await?);
        let Ok(stream) = context.get_stream(names::stream("", source)).await else {
            // Wiped, and its relay has not come by yet.
            return Ok(());
        };
        let state = &stream.cached_info().state;
        let stranger = Pen::strange();
        for number in 0..MESSAGES {
            let back = self
                .rng
                .random_range(0..LATEST)
                .min(state.last_sequence.saturating_sub(1));
            let Ok(message) = stream.get_raw_message(state.last_sequence - back).await else {
                continue;
            };
            let (mut headers, mut payload) = (without(&message.headers, &["Nats-"]), message.payload);
            match number % 4 {
                0 => headers = without(&headers, &[names::KEY_ID_HEADER, names::SIGNATURE_HEADER]),
                1 => {
                    let signed = stranger.heartbeat(source, b"", uuid::Uuid::nil());
                    headers.insert(names::SIGNATURE_HEADER, signed.signature);
                }
                2 => payload = "changed".into(),
                _ => {}
            }
            headers.insert(FORGED_HEADER, "1");
            let sent = context
                .publish_with_headers(message.subject, headers, payload)
                .await?;
            sent.await?;
        }
        self.injected(Fault::ForgedMessages, &[]);
        let noticed = testkit::poll(NOTICED_WITHIN, async || match self.set_aside(source).await {
            Ok(now) if now > before => Ok(()),
            Ok(now) => Err(format!("{now} set aside, as before")),
            Err(failure) => Err(failure.to_string()),
        });
        noticed
            .await
            .map_err(|seen| format!("nobody noticed forged messages of {source}: {seen:?}").into())
    }

    /// The latest number of what the views have set aside of a source.
    async fn set_aside(&self, source: &str) -> Result<i64, Failure> {
        let query = "SELECT coalesce(max(rejected_id), 0) FROM messaging.rejected WHERE source = $1";
        let latest = sqlx::query_scalar(query).bind(source);
        Ok(latest.fetch_one(self.environment.pool(VIEWS)?).await?)
    }
}

/// The headers whose names begin otherwise. `Nats-` is what the relay told the server, such as its fence.
fn without(headers: &HeaderMap, beginnings: &[&str]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, values) in headers.iter() {
        let text: &str = name.as_ref();
        if !beginnings.iter().any(|beginning| text.starts_with(beginning)) {
            for value in values {
                kept.append(name.clone(), value.clone());
            }
        }
    }
    kept
}

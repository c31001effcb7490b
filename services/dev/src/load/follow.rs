//! How fast the views follow a service whose relay sends as fast as it can, and beside it, over the same NATS server, how fast
//! messages can be sent that each wait for the one before, as a relay's do.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use contracts::names::{self, ENDORSEMENT, VIEWS};
use sqlx::{Connection as _, PgConnection};
use testkit::poll;

use super::heard::last;
use super::{LoadError, MULTIPLIED, keyring, multiply};
use crate::stack::{SERVICES, Stack};

/// Messages of the series that is compared with.
const SERIES: u64 = 5_000;
/// Bytes of each; about what an integration event of a contract has.
const PAYLOAD: usize = 1_200;
/// How long following may take.
const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Debug, Clone, Copy)]
pub struct Following {
    /// Published events that the views applied in a second, from the first to the last.
    pub per_second: f64,
    /// Messages of the series in a second.
    pub serial_per_second: f64,
}

/// Writes `events` events while nobody sends, then has the relay send them and the views follow. Other listeners are stopped:
/// what they make of it is not following.
pub async fn follow(stack: &mut Stack, events: u64) -> Result<Following, LoadError> {
    for service in SERVICES.into_iter().filter(|service| *service != VIEWS) {
        stack.kill(service).await;
    }
    let keyring = keyring(stack).await?;
    let sources = MULTIPLIED
        .into_iter()
        .filter(|(service, _)| *service == ENDORSEMENT);
    multiply(stack, &keyring, events, sources).await?;
    let context = jetstream(&stack.description().nats).await?;
    let serial_per_second = series(&context).await?;
    let before = sent(&context).await?;
    let (goal, _) = last(&mut PgConnection::connect(&stack.database_url(ENDORSEMENT)).await?).await?;
    let mut views = PgConnection::connect(&stack.database_url(VIEWS)).await?;
    let start = applied(&mut views).await?;
    stack.restart(ENDORSEMENT).await?;
    let mut moved = async || applied(&mut views).await.ok().filter(|now| *now != start);
    poll(PATIENCE, async || moved().await.ok_or(()))
        .await
        .map_err(|_| LoadError::Not("the relay sent nothing".to_owned()))?;
    let began = Instant::now();
    let mut there = async || {
        applied(&mut views)
            .await
            .ok()
            .filter(|now| now.as_ref() >= Some(&goal))
    };
    poll(PATIENCE, async || there().await.ok_or(()))
        .await
        .map_err(|_| LoadError::Not("the views have not followed in time".to_owned()))?;
    let took = began.elapsed().as_secs_f64();
    let sent = sent(&context).await?.saturating_sub(before);
    for service in SERVICES {
        if ![VIEWS, ENDORSEMENT].contains(&service) {
            stack.restart(service).await?;
        }
    }
    #[allow(
        clippy::cast_precision_loss,
        reason = "counts far below 2^52, for people to read"
    )]
    let per_second = sent as f64 / took;
    Ok(Following {
        per_second,
        serial_per_second,
    })
}

async fn jetstream(nats: &str) -> Result<Context, LoadError> {
    let client = testkit::connect_to_nats(nats).await.map_err(refused)?;
    Ok(async_nats::jetstream::new(client))
}

fn refused(error: impl std::fmt::Display) -> LoadError {
    LoadError::Not(format!("NATS: {error}"))
}

/// Messages that the relay has ever sent into its stream.
async fn sent(context: &Context) -> Result<u64, LoadError> {
    match context.get_stream(names::stream("", ENDORSEMENT)).await {
        Ok(stream) => Ok(stream.cached_info().state.last_sequence),
        // Wiped, and no relay has run since.
        Err(_) => Ok(0),
    }
}

/// Fenced messages one after the other, into a stream of their own.
async fn series(context: &Context) -> Result<f64, LoadError> {
    let config = Config {
        name: "SERIES".to_owned(),
        subjects: vec!["series".to_owned()],
        ..Config::default()
    };
    context.create_stream(config).await.map_err(refused)?;
    let began = Instant::now();
    for sequence in 0..SERIES {
        let message = PublishMessage::build()
            .payload(vec![b'x'; PAYLOAD].into())
            .expected_stream("SERIES")
            .expected_last_sequence(sequence);
        let sent = context.send_publish("series", message).await.map_err(refused)?;
        sent.await.map_err(refused)?;
    }
    let took = began.elapsed().as_secs_f64();
    context.delete_stream("SERIES").await.map_err(refused)?;
    #[allow(clippy::cast_precision_loss, reason = "a small constant")]
    Ok(SERIES as f64 / took)
}

async fn applied(views: &mut PgConnection) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT cursor FROM messaging.subscription WHERE consumer = 'views' AND source = $1")
        .bind(ENDORSEMENT)
        .fetch_one(views)
        .await
}

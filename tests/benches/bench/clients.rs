//! Clients that do one thing after another until their time is over.

use std::time::{Duration, Instant};

use eventsourcing::{EventStore as _, Expected, PostgresStore, Repository};
use futures::future::try_join_all;

use crate::Failure;
use crate::ledger::{AMOUNT, Ledger, LedgerId, Note, STREAM_EVENTS, event, random, request, stream};

/// Appends a second by so many clients, each to streams of ten events of its own.
pub(crate) async fn appends(store: &PostgresStore, clients: usize, time: Duration) -> Result<f64, Failure> {
    run(clients, time, async |until| {
        let (mut done, mut own) = (0, stream(random()));
        while Instant::now() < until {
            let revision = done % STREAM_EVENTS;
            if revision == 0 {
                own = stream(random());
            }
            let expected = Expected::after(revision.checked_sub(1));
            store.append(&own, expected, vec![event(&own)]).await?;
            done += 1;
        }
        Ok(done)
    })
    .await
}

/// Commands a second: read, fold, decide, append, on aggregates of up to ten events.
pub(crate) async fn commands(
    repository: &Repository<Ledger>,
    clients: usize,
    time: Duration,
) -> Result<f64, Failure> {
    run(clients, time, async |until| {
        let (mut done, mut id) = (0, random());
        while Instant::now() < until {
            if done % STREAM_EVENTS == 0 {
                id = random();
            }
            repository.execute(LedgerId(id), &request(), Note(AMOUNT)).await?;
            done += 1;
        }
        Ok(done)
    })
    .await
}

async fn run(
    clients: usize,
    time: Duration,
    client: impl AsyncFn(Instant) -> Result<u64, Failure>,
) -> Result<f64, Failure> {
    let start = Instant::now();
    let done = try_join_all((0..clients).map(|_| client(start + time))).await?;
    Ok(done.into_iter().sum::<u64>() as f64 / start.elapsed().as_secs_f64())
}

//! Clients that do one thing after another until their time is over. Each is a task of its own, as a call to a service is.

use std::time::{Duration, Instant};

use eventsourcing::{EventStore as _, Expected, PostgresStore, Repository};
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::ledger::{AMOUNT, Ledger, LedgerId, Note, STREAM_EVENTS, event, random, request, stream};

/// Appends a second by so many clients, each to streams of ten events of its own.
pub(crate) async fn appends(store: &PostgresStore, clients: usize, time: Duration) -> Result<f64, Failure> {
    run(clients, time, |until| {
        let store = store.clone();
        async move {
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
        }
    })
    .await
}

/// Commands a second: read, fold, decide, append, on aggregates of up to ten events.
pub(crate) async fn commands(
    repository: &Repository<Ledger>,
    clients: usize,
    time: Duration,
) -> Result<f64, Failure> {
    run(clients, time, |until| {
        let repository = repository.clone();
        async move {
            let (mut done, mut id) = (0, random());
            while Instant::now() < until {
                if done % STREAM_EVENTS == 0 {
                    id = random();
                }
                repository.execute(LedgerId(id), &request(), Note(AMOUNT)).await?;
                done += 1;
            }
            Ok(done)
        }
    })
    .await
}

async fn run<C>(clients: usize, time: Duration, client: impl Fn(Instant) -> C) -> Result<f64, Failure>
where
    C: Future<Output = Result<u64, Failure>> + Send + 'static,
{
    let (start, mut running) = (Instant::now(), JoinSet::new());
    for _ in 0..clients {
        running.spawn(client(start + time));
    }
    let mut done = 0;
    while let Some(client) = running.join_next().await {
        done += client??;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}

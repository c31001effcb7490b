//! Many writers on the same streams through few stores, so that groups form, meet on the same streams and lose members: the
//! checker finds nothing skipped, doubled or out of order, and each stream holds exactly what was answered.

use std::collections::BTreeSet;

use eventsourcing::{AppendError, EventStore, Expected, PostgresStore, RecordedEvent};
use futures::future::{join, join_all};
use kernel::ids::EventId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::backend::{Postgres, connect};
use store_suite::backend::Backend;
use store_suite::checker::check;
use store_suite::drill::{events, ids, stream};
use store_suite::following::{seen_of, take};

const WRITERS: u64 = 64;
const APPENDS: u128 = 12;
const STREAMS: u128 = 200;
const SEED: u64 = 20_261_101;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_on_shared_streams_loses_and_doubles_nothing() {
    let backend = Postgres::open().await;
    let stores = [backend.store.clone(), connect(&backend.database.url).await];
    let total = usize::try_from(u128::from(WRITERS) * APPENDS).unwrap();
    let write = async |writer: u64| {
        let store = &stores[usize::from(writer.is_multiple_of(4))];
        let mut random = ChaCha8Rng::seed_from_u64(SEED + writer);
        let mut wrote_ids = Vec::new();
        for number in 0..APPENDS {
            let request = u128::from(writer) * APPENDS + number;
            wrote_ids.push(append(store, random.random_range(0..STREAMS), request).await);
        }
        wrote_ids
    };
    let follow = async |store: &PostgresStore| take(&mut store.follow(None), total).await;
    let (answers, readings) = join(
        join_all((0..WRITERS).map(write)),
        join_all(stores.iter().map(follow)),
    )
    .await;

    let mut truth: Vec<RecordedEvent> = Vec::new();
    for id in 0..STREAMS {
        let read = backend.store.read(&stream(id), 0).await.unwrap();
        assert!(
            read.iter().map(|event| event.revision).eq(0..read.len() as u64),
            "the revisions of {} must be dense",
            stream(id)
        );
        truth.extend(read);
    }
    let acknowledged: BTreeSet<EventId> = answers.into_iter().flatten().collect();
    let held: BTreeSet<EventId> = truth.iter().map(|event| event.id).collect();
    assert_eq!((truth.len(), acknowledged.len()), (total, total));
    assert_eq!(held, acknowledged);
    for (reader, seen) in readings.iter().enumerate() {
        check(&seen_of(&truth), &seen_of(seen)).unwrap_or_else(|faults| panic!("reader {reader}: {faults}"));
        assert!(seen.is_sorted_by(|one, next| one.cursor < next.cursor));
    }
    let transactions: BTreeSet<u64> = truth.iter().map(|event| event.cursor.a()).collect();
    // How many share one is a matter of speed, and measured by the benchmark; here groups must only have been formed.
    assert!(
        transactions.len() < total,
        "{total} appends never shared a transaction"
    );
}

/// Reads and appends until it holds, as the repository does.
async fn append(store: &PostgresStore, id: u128, request: u128) -> EventId {
    let own = stream(id);
    let batch = events(&own, request, 1);
    loop {
        let read = store.read(&own, 0).await.unwrap();
        let expected = Expected::after(read.last().map(|event| event.revision));
        match store.append(&own, expected, batch.clone()).await {
            Ok(_) => return ids(&batch)[0],
            Err(AppendError::Conflict { .. }) => {}
            Err(other) => panic!("{own}: {other}"),
        }
    }
}

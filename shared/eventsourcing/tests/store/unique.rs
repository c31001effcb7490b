//! PostgreSQL's own last word: one request writes to a stream once, also where the caller has not looked for it.

use eventsourcing::{AppendError, EventStore, Expected};

use crate::backend::Postgres;
use store_suite::backend::Backend;
use store_suite::drill::{events, stream};

#[tokio::test]
async fn a_request_that_comes_again_at_a_later_revision_is_told_that_it_has_written() {
    // Held to the end: the database goes with it.
    let backend = Postgres::open().await;
    let (store, ledger) = (&backend.store, stream(1));
    store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 2))
        .await
        .unwrap();
    for expected in [Expected::NoStream, Expected::Revision(1)] {
        let again = store.append(&ledger, expected, events(&ledger, 1, 2)).await;
        assert!(
            matches!(again, Err(AppendError::Duplicate)),
            "expected {expected:?}: {again:?}"
        );
    }
    assert_eq!(store.read(&ledger, 0).await.unwrap().len(), 2);
}

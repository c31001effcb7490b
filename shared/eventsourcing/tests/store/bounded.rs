//! OP-8: what could not be carried is refused before anything is recorded.

use std::sync::Arc;

use eventsourcing::{AppendError, BoundedStore, EventStore, Expected, TooLarge, stored_bytes};

use crate::backend::Postgres;
use store_suite::backend::Backend;
use store_suite::drill::{events, stream};

#[tokio::test]
async fn op_8_an_event_above_the_bound_is_refused_with_its_size_and_nothing_is_recorded() {
    let backend = Postgres::open().await;
    let ledger = stream(1);
    let mut two = events(&ledger, 1, 2);
    let most = stored_bytes(&two[0]).max(stored_bytes(&two[1]));
    let store = BoundedStore::new(Arc::new(backend.store.clone()), most);
    two[1].data["more"] = serde_json::json!("x");
    let refused = store.append(&ledger, Expected::NoStream, two.clone()).await;
    let Err(AppendError::TooLarge(TooLarge {
        bytes, most: told, ..
    })) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((bytes, told), (stored_bytes(&two[1]), most));
    assert_eq!(
        store.read(&ledger, 0).await.unwrap(),
        [],
        "not even the first of the two"
    );

    let at_the_bound = events(&ledger, 2, 2);
    store
        .append(&ledger, Expected::NoStream, at_the_bound)
        .await
        .unwrap();
    assert_eq!(store.read(&ledger, 0).await.unwrap().len(), 2);
}

#[test]
fn the_size_is_that_of_what_is_written() {
    let event = events(&stream(1), 1, 1).remove(0);
    let metadata = serde_json::to_string(&event.metadata).unwrap();
    let written = event.data.to_string().len() + metadata.len() + event.event_type.len();
    assert_eq!(stored_bytes(&event), written);
}

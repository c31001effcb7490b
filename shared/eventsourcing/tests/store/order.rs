//! The order of events under slow, aborted and idle transactions, in this and another database of the instance; and the
//! same checker over readers that get it wrong, which it must catch.

use eventsourcing::{EventStore, Expected, NewEvent};
use futures::future::join;
use sqlx::{Connection, PgConnection, Row};
use store_suite::backend::Backend;
use store_suite::checker::check;
use store_suite::drill::{events, stream};

use crate::backend::Postgres;
use crate::scene::{POSITION_BEHIND_XMIN, POSITION_ONLY, Reader, Scene, run, truth};

#[tokio::test]
async fn a_commit_that_comes_late_is_not_skipped() {
    let scene = Scene::open().await;
    let reader = scene.by_cursor();
    let (seen, truth) = scene.slow_commit(reader).await;
    check(&truth, &seen).unwrap_or_else(|faults| panic!("{faults}"));
}

#[tokio::test]
async fn the_checker_catches_a_reader_by_position_skipping_a_late_commit() {
    let scene = Scene::open().await;
    let reader = scene.by_position(POSITION_ONLY);
    let (seen, truth) = scene.slow_commit(reader).await;
    let faults = check(&truth, &seen).expect_err("a reader by position alone must be caught");
    assert_eq!(faults.skipped, [format!("{} revision 0", stream(1))]);
}

#[tokio::test]
async fn numbers_taken_crosswise_are_not_skipped() {
    let scene = Scene::open().await;
    let reader = scene.by_cursor();
    let (seen, truth) = scene.crossed_numbers(reader).await;
    check(&truth, &seen).unwrap_or_else(|faults| panic!("{faults}"));
}

#[tokio::test]
async fn the_checker_catches_a_reader_by_position_although_it_waits_for_older_transactions() {
    let scene = Scene::open().await;
    let reader = scene.by_position(POSITION_BEHIND_XMIN);
    let (seen, truth) = scene.crossed_numbers(reader).await;
    let faults = check(&truth, &seen).expect_err("a cursor of position alone must be caught");
    assert_eq!(faults.skipped, [format!("{} revision 0", stream(1))]);
}

/// An idle transaction that has written, in whatever database, holds readers back and makes none skip.
#[tokio::test]
async fn an_idle_transaction_in_another_database_delays_and_skips_nothing() {
    let mut scene = Scene::open().await;
    let neighbour = testkit::database().await.unwrap();
    let mut idle = PgConnection::connect(&neighbour.url).await.unwrap();
    run(&mut idle, "BEGIN; SELECT pg_current_xact_id()").await;
    let ledger = stream(1);
    scene
        .backend
        .store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await
        .unwrap();
    let mut reader = scene.by_cursor();
    assert_eq!(
        reader.catch_up().await,
        [],
        "the event must wait for the older transaction"
    );
    assert_eq!(
        scene.backend.store.read(&ledger, 0).await.unwrap().len(),
        1,
        "its own stream shows it at once"
    );
    run(&mut idle, "ROLLBACK").await;
    let mut seen = Vec::new();
    scene.read_to_the_end(&mut reader, &mut seen).await;
    check(&truth(&scene.backend.database.pool).await, &seen).unwrap_or_else(|faults| panic!("{faults}"));
    run(&mut scene.early, "SELECT 1").await;
}

/// Of the release before: many streams in one call, one conflict fails only itself.
#[tokio::test]
async fn a_call_with_several_items_answers_each_for_itself() {
    let backend = Postgres::open().await;
    let (one, two, three) = (stream(3), stream(2), stream(1));
    backend
        .store
        .append(&two, Expected::NoStream, events(&two, 1, 1))
        .await
        .unwrap();
    let batches = [
        (&one, events(&one, 2, 2)),
        (&two, events(&two, 2, 1)),
        (&three, events(&three, 2, 1)),
    ];
    let all: Vec<&NewEvent> = batches.iter().flat_map(|(_, events)| events).collect();
    let rows = sqlx::query(
        "SELECT item, outcome, revision, positions FROM store.append($1, $2, $3, $4, $5, $6, $7, $8, $9) ORDER BY item",
    )
    .bind(batches.iter().map(|(stream, _)| stream.to_string()).collect::<Vec<_>>())
    .bind(vec![-1_i64; 3])
    .bind(vec![1, 1, 2, 3])
    .bind(all.iter().map(|event| event.id.as_uuid()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.metadata.request_key).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.metadata.request_index.cast_signed()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.event_type.clone()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| event.data.to_string()).collect::<Vec<_>>())
    .bind(all.iter().map(|event| serde_json::to_string(&event.metadata).unwrap()).collect::<Vec<_>>())
    .fetch_all(&backend.database.pool)
    .await
    .unwrap();
    let answers: Vec<(String, i64, Option<usize>)> = rows
        .iter()
        .map(|row| {
            let positions: Option<Vec<i64>> = row.get("positions");
            (
                row.get("outcome"),
                row.get("revision"),
                positions.map(|positions| positions.len()),
            )
        })
        .collect();
    let appended = |revision, count| ("appended".to_owned(), revision, Some(count));
    assert_eq!(
        answers,
        [appended(1, 2), ("conflict".to_owned(), 0, None), appended(0, 1)]
    );
    let lengths = join(backend.store.read(&one, 0), backend.store.read(&three, 0)).await;
    assert_eq!((lengths.0.unwrap().len(), lengths.1.unwrap().len()), (2, 1));
}

/// A refused append must cost no place in the sequence, or readers of gaps would wonder for ever.
#[tokio::test]
async fn a_conflict_takes_no_sequence_value() {
    let backend = Postgres::open().await;
    let ledger = stream(1);
    let next = async || {
        let appended = backend
            .store
            .append(&stream(7), Expected::NoStream, events(&stream(7), 1, 1))
            .await;
        appended.map(|appended| appended.cursors[0].b())
    };
    let before = backend
        .store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await
        .unwrap()
        .cursors[0]
        .b();
    for request in 2..5 {
        backend
            .store
            .append(&ledger, Expected::NoStream, events(&ledger, request, 1))
            .await
            .unwrap_err();
    }
    assert_eq!(next().await.unwrap(), before + 1);
}

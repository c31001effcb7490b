//! What every backend must do. Only the trait is used here.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventsourcing::{AppendError, Cursor, EventStore, Expected};
use futures::future::{join, join_all};

use crate::backend::Backend;
use crate::checker::check;
use crate::drill::{events, ids};
use crate::following::{seen_of, take, take_all};

pub async fn what_was_appended_reads_back<B: Backend>() {
    let backend = B::open().await;
    let (store, ledger) = (backend.store(), backend.stream(1));
    let first = events(&ledger, 1, 2);
    let appended = store
        .append(&ledger, Expected::NoStream, first.clone())
        .await
        .unwrap();
    assert_eq!(appended.revision, 1);
    let second = events(&ledger, 2, 1);
    let later = store
        .append(&ledger, Expected::Revision(1), second.clone())
        .await
        .unwrap();
    assert_eq!(later.revision, 2);
    assert!(
        appended.cursors[0] < appended.cursors[1] && appended.cursors[1] < later.cursors[0],
        "cursors must ascend"
    );

    let read = store.read(&ledger, 0).await.unwrap();
    let wrote: Vec<_> = first.into_iter().chain(second).collect();
    let cursors: Vec<Cursor> = appended.cursors.into_iter().chain(later.cursors).collect();
    assert_eq!(read.len(), wrote.len());
    for (((read, wrote), cursor), revision) in read.iter().zip(&wrote).zip(&cursors).zip(0..) {
        assert_eq!(
            (
                &read.stream,
                read.revision,
                read.cursor,
                read.id,
                &read.event_type,
                &read.data,
                &read.metadata
            ),
            (
                &ledger,
                revision,
                *cursor,
                wrote.id,
                &wrote.event_type,
                &wrote.data,
                &wrote.metadata
            )
        );
    }
    assert_eq!(read[0].recorded_at, appended.recorded_at);
    assert_eq!(store.read(&ledger, 2).await.unwrap(), read[2..]);
    assert_eq!(store.read(&ledger, 3).await.unwrap(), []);
    assert_eq!(store.read(&ledger, u64::MAX).await.unwrap(), []);
    assert_eq!(store.read(&backend.stream(2), 0).await.unwrap(), []);
}

pub async fn an_append_that_expects_another_revision_changes_nothing<B: Backend>() {
    let backend = B::open().await;
    let (store, ledger, none) = (backend.store(), backend.stream(1), backend.stream(2));
    store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await
        .unwrap();
    for (stream, expected, actual) in [
        (&ledger, Expected::NoStream, Some(0)),
        (&ledger, Expected::Revision(1), Some(0)),
        (&ledger, Expected::Revision(u64::MAX), Some(0)),
        (&none, Expected::Revision(0), None),
    ] {
        match store.append(stream, expected, events(stream, 2, 2)).await {
            Err(AppendError::Conflict { actual: told }) => {
                assert_eq!(told, actual, "{stream} expected {expected:?}");
            }
            other => panic!("{stream} expected {expected:?}: {other:?}"),
        }
    }
    assert_eq!(store.read(&ledger, 0).await.unwrap().len(), 1);
    assert_eq!(store.read(&none, 0).await.unwrap(), []);
    store
        .append(&none, Expected::NoStream, events(&none, 3, 1))
        .await
        .unwrap();
}

pub async fn the_same_request_appends_to_a_stream_once<B: Backend>() {
    let backend = B::open().await;
    let (store, ledger) = (backend.store(), backend.stream(1));
    store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 2))
        .await
        .unwrap();
    // As it was, with other content, and with less: what a retry decides anew need not be what it decided first.
    let mut other = events(&ledger, 1, 2);
    other[1].data = serde_json::json!({"other": true});
    for again in [events(&ledger, 1, 2), other, events(&ledger, 1, 1)] {
        let again = store.append(&ledger, Expected::NoStream, again).await;
        let told = matches!(again, Err(AppendError::Duplicate | AppendError::Conflict { .. }));
        assert!(told, "{again:?}");
    }
    let read = store.read(&ledger, 0).await.unwrap();
    let first: Vec<_> = events(&ledger, 1, 2)
        .into_iter()
        .map(|event| event.data)
        .collect();
    assert_eq!(
        read.into_iter().map(|event| event.data).collect::<Vec<_>>(),
        first
    );
    // On another stream the same request is another append.
    let other = backend.stream(2);
    store
        .append(&other, Expected::NoStream, events(&other, 1, 1))
        .await
        .unwrap();
}

/// Sixteen writers send the same request's events at once, some with other content: one of them writes.
pub async fn of_many_attempts_of_one_request_exactly_one_writes<B: Backend>() {
    let backend = B::open().await;
    let stores = [backend.store(), backend.elsewhere().await];
    for round in 0..20_u128 {
        let ledger = backend.stream(round);
        let attempt = async |number: usize| {
            let mut batch = events(&ledger, 1, 2);
            batch[0].data = serde_json::json!({ "attempt": number });
            stores[number % 2]
                .append(&ledger, Expected::NoStream, batch)
                .await
        };
        let answers = join_all((0..16).map(attempt)).await;
        let winners: Vec<usize> = (0..16).filter(|number| answers[*number].is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {answers:?}");
        let told = |answer: &Result<_, AppendError>| {
            matches!(
                answer,
                Ok(_) | Err(AppendError::Duplicate | AppendError::Conflict { .. })
            )
        };
        assert!(answers.iter().all(told), "round {round}: {answers:?}");
        let read = stores[0].read(&ledger, 0).await.unwrap();
        assert_eq!(read.len(), 2, "round {round}");
        assert_eq!(read[0].data["attempt"], winners[0], "round {round}");
    }
}

pub async fn of_two_writers_on_one_revision_exactly_one_wins<B: Backend>() {
    const ROUNDS: u64 = 100;
    let backend = B::open().await;
    let (one, other, ledger) = (backend.store(), backend.elsewhere().await, backend.stream(1));
    let mut expected = Expected::NoStream;
    for round in 0..ROUNDS {
        let request = u128::from(round) * 2;
        let (a, b) = (events(&ledger, request, 1), events(&ledger, request + 1, 1));
        let (a_id, b_id) = (a[0].id, b[0].id);
        let (a, b) = join(
            one.append(&ledger, expected, a),
            other.append(&ledger, expected, b),
        )
        .await;
        let winner = match (a, b) {
            (Ok(_), Err(AppendError::Conflict { .. })) => a_id,
            (Err(AppendError::Conflict { .. }), Ok(_)) => b_id,
            both => panic!("round {round}: {both:?}"),
        };
        let tail = one.read(&ledger, round).await.unwrap();
        assert_eq!(
            tail.iter().map(|event| event.id).collect::<Vec<_>>(),
            [winner],
            "round {round}"
        );
        expected = Expected::Revision(round);
    }
}

pub async fn a_follower_reads_what_was_and_then_what_comes<B: Backend>() {
    let backend = B::open().await;
    let (store, elsewhere) = (backend.store(), backend.elsewhere().await);
    let mut wrote = Vec::new();
    for id in 1..=300 {
        let ledger = backend.stream(id);
        let batch = events(&ledger, 1, 1);
        wrote.extend(ids(&batch));
        store.append(&ledger, Expected::NoStream, batch).await.unwrap();
    }
    let mut follower = store.follow(None);
    let caught_up = take_all(&mut follower, wrote.len()).await;
    assert_eq!(caught_up.iter().map(|event| event.id).collect::<Vec<_>>(), wrote);

    // Live, from this process and from another.
    for (id, writer) in [(1001, &store), (1002, &elsewhere)] {
        let ledger = backend.stream(id);
        let batch = events(&ledger, 1, 2);
        writer
            .append(&ledger, Expected::NoStream, batch.clone())
            .await
            .unwrap();
        let live = take(&mut follower, 2).await;
        assert_eq!(live.iter().map(|event| event.id).collect::<Vec<_>>(), ids(&batch));
    }

    // From the middle, and in pages.
    let middle = caught_up[149].cursor;
    let rest = take_all(&mut elsewhere.follow(Some(middle)), 154).await;
    assert_eq!(rest[..150], caught_up[150..]);
    let page = store.read_all(Some(middle), 7).await.unwrap();
    assert_eq!(page, caught_up[150..157]);
    assert_eq!(
        store
            .read_all(Some(rest[rest.len() - 1].cursor), 7)
            .await
            .unwrap(),
        []
    );
}

pub async fn a_cursor_is_known_by_its_event<B: Backend>() {
    let backend = B::open().await;
    let (store, ledger) = (backend.store(), backend.stream(1));
    let batch = events(&ledger, 1, 2);
    let appended = store
        .append(&ledger, Expected::NoStream, batch.clone())
        .await
        .unwrap();
    for (event, cursor) in batch.iter().zip(&appended.cursors) {
        assert_eq!(store.event_at(cursor).await.unwrap(), Some(event.id));
    }
    // Places of no event, of this backend and of the other.
    for unknown in [
        Cursor::postgres(1, 1, 1),
        Cursor::postgres(u64::MAX, u64::MAX, u64::MAX),
        Cursor::kurrentdb(1, 1),
        Cursor::kurrentdb(i64::MAX.unsigned_abs(), i64::MAX.unsigned_abs()),
        Cursor::kurrentdb(u64::MAX, u64::MAX),
    ] {
        assert_eq!(store.event_at(&unknown).await.unwrap(), None, "{unknown}");
    }
    for beyond in [Cursor::postgres(u64::MAX, 0, 0), appended.cursors[1]] {
        assert_eq!(store.read_all(Some(beyond), 1).await.unwrap(), [], "{beyond}");
    }
}

pub async fn many_writers_and_followers_lose_and_double_nothing<B: Backend>() {
    const WRITERS: u128 = 8;
    const APPENDS: u64 = 25;
    let backend = B::open().await;
    let stores = [backend.store(), backend.elsewhere().await];
    let write = async |writer: u128| {
        let (store, own) = (
            &stores[usize::try_from(writer % 2).unwrap()],
            backend.stream(writer),
        );
        for revision in 0..APPENDS {
            let expected = Expected::after(revision.checked_sub(1));
            store
                .append(&own, expected, events(&own, u128::from(revision), 1))
                .await
                .unwrap();
        }
    };
    let total = usize::try_from(u128::from(APPENDS) * WRITERS).unwrap();
    let follow = async |store: &Arc<dyn EventStore>| take(&mut store.follow(None), total).await;
    let (_, seen) = join(
        join_all((0..WRITERS).map(write)),
        join_all(stores.iter().chain(&stores).map(follow)),
    )
    .await;
    let mut truth = Vec::new();
    for writer in 0..WRITERS {
        truth.extend(seen_of(
            &stores[0].read(&backend.stream(writer), 0).await.unwrap(),
        ));
    }
    assert_eq!(truth.len(), total);
    for (reader, seen) in seen.iter().enumerate() {
        check(&truth, &seen_of(seen)).unwrap_or_else(|faults| panic!("reader {reader}: {faults}"));
        assert!(
            seen.is_sorted_by(|one, next| one.cursor < next.cursor),
            "reader {reader}: cursors must ascend"
        );
    }
    let all: BTreeSet<Vec<Cursor>> = seen
        .iter()
        .map(|seen| seen.iter().map(|event| event.cursor).collect())
        .collect();
    assert_eq!(all.len(), 1, "all readers must see one order");
}

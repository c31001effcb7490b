//! What a repository must do over any store.

use std::sync::atomic::Ordering;

use eventsourcing::{
    CodecError, ExecuteError, Executed, Expected, LoadError, NewEvent, OpenError, RecordedEvent, StoreError,
    decode_sealed, open,
};
use futures::future::join_all;
use kernel::personal::Personal;

use crate::backend::Backend;
use crate::drill::{Command, Event, Ledger, LedgerId, events, request, subject};
use crate::stage::{LEDGER, Stage, Trouble};

fn stored(executed: &Executed<Ledger>) -> Vec<RecordedEvent> {
    executed
        .events
        .iter()
        .map(|event| event.recorded.clone())
        .collect()
}

pub async fn a_command_is_decided_recorded_and_answered_with_the_state_after_it<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let repository = stage.repository();
    let name = Personal::new(subject(1), "見本 太郎".to_owned());
    let executed = repository
        .execute(LEDGER, &request(1, "aa"), Command::Name(name.clone()))
        .await
        .unwrap();
    assert_eq!(
        (executed.state.total, executed.revision, executed.replayed),
        (1, Some(1), false)
    );
    assert_eq!(executed.events[1].event, Event::Named { name: name.clone() });
    assert_eq!(
        stored(&executed),
        stage.recorded().await,
        "the answer's events must be those of the store"
    );
    let loaded = repository.load(LEDGER).await.unwrap();
    assert_eq!((loaded.state, loaded.revision), (executed.state, Some(1)));
    assert_eq!(repository.load(LedgerId(2)).await.unwrap().revision, None);
}

pub async fn a_command_without_effect_and_a_refused_one_record_nothing<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let repository = stage.repository();
    let nothing = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(0))
        .await
        .unwrap();
    assert_eq!(
        (nothing.events.len(), nothing.revision, nothing.replayed),
        (0, None, false)
    );
    let refused = repository
        .execute(LEDGER, &request(2, "aa"), Command::Add(1001))
        .await;
    assert!(matches!(refused, Err(ExecuteError::Rejected(_))), "{refused:?}");
    assert_eq!(stage.recorded().await, []);
    // A refusal is decided anew, not remembered.
    repository
        .execute(LEDGER, &request(2, "bb"), Command::Add(1))
        .await
        .unwrap();
}

pub async fn a_request_retried_after_a_crash_between_append_and_answer_has_one_effect<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let (repository, _) = stage.troubled(Trouble::LostAnswer);
    let lost = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await;
    assert!(
        matches!(lost, Err(ExecuteError::Store(StoreError::Unavailable(_)))),
        "{lost:?}"
    );
    let retried = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await
        .unwrap();
    assert_eq!(
        (retried.state.total, retried.revision, retried.replayed),
        (5, Some(0), true)
    );
    assert_eq!(stored(&retried), stage.recorded().await);
    assert_eq!(stage.recorded().await.len(), 1);
}

pub async fn a_retry_days_later_answers_from_the_state_after_the_first_effect<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let repository = stage.repository();
    let first = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await
        .unwrap();
    for id in 2..6 {
        repository
            .execute(LEDGER, &request(id, "aa"), Command::Add(10))
            .await
            .unwrap();
    }
    let retried = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await
        .unwrap();
    assert_eq!(
        (retried.state.total, retried.revision, retried.replayed),
        (5, first.revision, true)
    );
    assert_eq!(stored(&retried), stored(&first));
    assert_eq!(stage.recorded().await.len(), 5);
}

pub async fn a_request_id_with_other_content_is_refused_and_on_another_stream_is_another_request<
    B: Backend,
>() {
    let stage = Stage::<B>::open().await;
    let repository = stage.repository();
    repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await
        .unwrap();
    let reused = repository
        .execute(LEDGER, &request(1, "bb"), Command::Add(6))
        .await;
    assert!(matches!(reused, Err(ExecuteError::RequestIdReused)), "{reused:?}");
    let elsewhere = repository
        .execute(LedgerId(2), &request(1, "bb"), Command::Add(6))
        .await
        .unwrap();
    assert!(!elsewhere.replayed);
    assert_eq!(stage.recorded().await.len(), 1);
}

pub async fn on_a_conflict_the_command_is_decided_again_from_what_came_between<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let other = stage.repository();
    other
        .execute(LedgerId(7), &request(9, "aa"), Command::Add(990))
        .await
        .unwrap();
    let between = stage.seventh().await;
    let between = NewEvent {
        id: between.id,
        event_type: between.event_type,
        data: between.data,
        metadata: between.metadata,
    };
    // Another id, as it is another stream.
    let between = NewEvent {
        id: events(&stage.backend.stream(LEDGER.0), 9, 1)[0].id,
        ..between
    };
    let (repository, store) = stage.troubled(Trouble::OvertakenOnce(vec![between]));
    let executed = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await
        .unwrap();
    assert_eq!((executed.state.total, executed.revision), (995, Some(1)));
    assert_eq!(store.appends.load(Ordering::SeqCst), 2);
    // And may be refused then.
    let refused = repository
        .execute(LEDGER, &request(2, "aa"), Command::Add(6))
        .await;
    assert!(matches!(refused, Err(ExecuteError::Rejected(_))), "{refused:?}");
}

pub async fn an_earlier_attempt_found_in_a_conflict_round_is_answered_and_not_repeated<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let (repository, store) = stage.troubled(Trouble::OwnAttemptArrives);
    let executed = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await
        .unwrap();
    assert_eq!((executed.state.total, executed.replayed), (5, true));
    assert_eq!(
        store.appends.load(Ordering::SeqCst),
        1,
        "the second round must find the attempt before it appends"
    );
    assert_eq!(stage.recorded().await.len(), 1);
}

pub async fn other_content_under_the_id_is_also_found_in_a_conflict_round<B: Backend>() {
    let stage = Stage::<B>::open().await;
    // The attempt that overtakes this one: same request id, other payload.
    stage
        .repository()
        .execute(LedgerId(7), &request(1, "bb"), Command::Add(6))
        .await
        .unwrap();
    let other = stage.seventh().await;
    let id = request(1, "bb").key.event_id(&stage.backend.stream(LEDGER.0), 0);
    let other = NewEvent {
        id,
        event_type: other.event_type,
        data: other.data,
        metadata: other.metadata,
    };
    let (repository, _) = stage.troubled(Trouble::OvertakenOnce(vec![other]));
    let reused = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await;
    assert!(matches!(reused, Err(ExecuteError::RequestIdReused)), "{reused:?}");
    assert_eq!(stage.recorded().await.len(), 1);
}

pub async fn endless_conflict_ends_as_contended_after_eight_rounds<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let (repository, store) = stage.troubled(Trouble::AlwaysConflict);
    let contended = repository
        .execute(LEDGER, &request(1, "aa"), Command::Add(5))
        .await;
    assert!(matches!(contended, Err(ExecuteError::Contended)), "{contended:?}");
    assert_eq!(store.appends.load(Ordering::SeqCst), 8);
}

/// Sixteen clients send the same request at once, and each sends it again until it is answered.
pub async fn the_same_request_sent_many_times_at_once_has_one_effect<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let repository = stage.repository();
    for id in 0..20 {
        let request = request(id, "aa");
        let sent = join_all((0..16).map(|_| repository.execute(LEDGER, &request, Command::Add(1)))).await;
        let answers: Vec<_> = sent.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            answers.iter().filter(|executed| !executed.replayed).count(),
            1,
            "request {id}"
        );
        assert!(
            answers
                .iter()
                .all(|executed| stored(executed) == stored(&answers[0])),
            "request {id}"
        );
    }
    assert_eq!(repository.load(LEDGER).await.unwrap().state.total, 20);
}

/// OP-4: sealed in the store, erased when the key is gone, refused to be written then.
pub async fn op_4_a_personal_field_is_sealed_at_rest_and_reads_as_erased_without_its_key<B: Backend>() {
    const CANARY: &str = "見本 太郎 canary-4711";
    let stage = Stage::<B>::open().await;
    let repository = stage.repository();
    let name = Personal::new(subject(1), CANARY.to_owned());
    let executed = repository
        .execute(LEDGER, &request(1, "aa"), Command::Name(name.clone()))
        .await
        .unwrap();

    let rows = stage.backend.kept().await;
    assert!(rows.iter().any(|row| row.contains("$sealed")), "{rows:?}");
    assert!(
        !rows.iter().any(|row| row.contains("4711")),
        "plaintext in the event table"
    );
    let recorded = &executed.events[1].recorded;
    assert!(matches!(
        decode_sealed(recorded).unwrap(),
        Event::Named {
            name: Personal::Sealed(_)
        }
    ));
    assert_eq!(
        open::<Event>(&stage.keyring, recorded).await.unwrap(),
        Event::Named { name: name.clone() }
    );

    stage.keyring.destroy(subject(1)).await.unwrap();
    let loaded = repository.load(LEDGER).await.unwrap();
    assert_eq!(
        (loaded.state.total, loaded.state.name),
        (1, Some(Personal::Erased { subject: subject(1) }))
    );
    let refused = repository
        .execute(LEDGER, &request(2, "aa"), Command::Name(name))
        .await;
    assert!(
        matches!(&refused, Err(ExecuteError::Subject(erased)) if *erased == subject(1)),
        "{refused:?}"
    );
}

pub async fn an_event_of_unknown_type_or_shape_stops_its_reader_and_tells_no_data<B: Backend>() {
    let stage = Stage::<B>::open().await;
    let (store, ledger) = (stage.backend.store(), stage.backend.stream(LEDGER.0));
    let event = |event_type: &str, data| {
        let event = events(&ledger, 1, 1).remove(0);
        NewEvent {
            event_type: event_type.to_owned(),
            data,
            ..event
        }
    };
    let newer = event("ledger.added.v2", serde_json::json!({"amount": "secret-4711"}));
    store
        .append(&ledger, Expected::NoStream, vec![newer])
        .await
        .unwrap();
    let error = stage.repository().load(LEDGER).await.unwrap_err();
    assert!(
        matches!(
            error,
            LoadError::Codec(CodecError::UnknownType { revision: 0, .. })
        ),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        format!("unknown event type ledger.added.v2 in stream {ledger} at revision 0")
    );

    let other = LedgerId(2);
    let bad = NewEvent {
        id: request(5, "").key.event_id(&stage.backend.stream(2), 0),
        ..event("ledger.added.v1", serde_json::json!({"amount": "secret-4711"}))
    };
    store
        .append(&stage.backend.stream(2), Expected::NoStream, vec![bad])
        .await
        .unwrap();
    let error = stage
        .repository()
        .execute(other, &request(2, "aa"), Command::Add(1))
        .await
        .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(
        matches!(error, ExecuteError::Codec(CodecError::Malformed { .. })),
        "{text}"
    );
    assert!(
        text.contains("data.amount") && text.contains("expected u64"),
        "{text}"
    );
    assert!(!text.contains("4711"), "{text}");
    let recorded = store.read(&stage.backend.stream(2), 0).await.unwrap().remove(0);
    let opened = open::<Event>(&stage.keyring, &recorded).await;
    assert!(
        matches!(opened, Err(OpenError::Codec(CodecError::Malformed { .. }))),
        "{opened:?}"
    );
}

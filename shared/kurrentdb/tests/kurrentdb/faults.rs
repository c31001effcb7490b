//! What KurrentDB and the library that speaks to it can do to us: refuse, cut in the middle, tell a wrong revision, repeat an
//! event, end without a word, fall silent, be another node than the leader, be restored. Always on the server in process.

use std::time::Duration;

use eventsourcing::{
    AppendError, Cursor, EventStore, Expected, Followed, RecordedEvent, StoreError, StreamName,
};
use futures::StreamExt;
use futures::future::{join_all, join3};
use kurrentdb::{KurrentSettings, KurrentStore};
use kurrentdb_fake::{Cut, KurrentDb, KurrentDbOptions};
use testkit::wait_for;
use tokio::time::timeout;
use uuid::Uuid;

use crate::backend::connect_kurrent;
use store_suite::checker::check;
use store_suite::drill::{events, ids, stream};
use store_suite::following::{DEADLINE, seen_of, take, take_all};

async fn server() -> (KurrentDb, KurrentStore) {
    let server = KurrentDb::start().await.unwrap();
    let store = connect_kurrent(&server.url(), "drill");
    (server, store)
}

/// Appends until it stands; the same call again and again, as a client would whose connection is cut.
async fn append_at_last(store: &KurrentStore, ledger: &StreamName, request: u128) {
    wait_for("an append to be taken", DEADLINE, async || {
        let batch = events(ledger, request, 1);
        match store.append(ledger, Expected::NoStream, batch).await {
            Ok(_) | Err(AppendError::Duplicate) => Ok(()),
            Err(error) => Err(error),
        }
    })
    .await;
}

fn is_unavailable<T>(answer: &Result<T, AppendError>) -> bool {
    matches!(answer, Err(AppendError::Store(StoreError::Unavailable(_))))
}

#[tokio::test]
async fn a_server_that_refuses_or_is_gone_is_unavailable_and_found_again_when_it_returns() {
    let (server, store) = server().await;
    append_at_last(&store, &stream(1), 1).await;
    let connected = store.connected();
    assert!(*connected.borrow());
    let (refuse, stop) = (|| server.refuse(), || server.stop());
    let troubles: [(&str, &dyn Fn()); 2] = [("refusing", &refuse), ("gone", &stop)];
    for ((what, trouble), id) in troubles.into_iter().zip(2..) {
        trouble();
        // One whose first connect fails, too: the library's client is dead for ever after that.
        let late = connect_kurrent(&server.url(), "drill");
        let asked = store.event_at(&Cursor::kurrentdb(1, 1)).await;
        assert!(
            matches!(asked, Err(StoreError::Unavailable(_))),
            "{what}: {asked:?}"
        );
        let failed = late.read(&stream(1), 0).await;
        assert!(
            matches!(failed, Err(StoreError::Unavailable(_))),
            "{what}: {failed:?}"
        );
        for _ in 0..3 {
            let refused = store
                .append(&stream(id), Expected::NoStream, events(&stream(id), 1, 1))
                .await;
            assert!(is_unavailable(&refused), "{what}: {refused:?}");
        }
        assert!(!*connected.borrow(), "{what}");
        server.answer();
        if what == "gone" {
            server.resume().await.unwrap();
        }
        append_at_last(&store, &stream(id), 1).await;
        assert!(*connected.borrow(), "{what}");
        append_at_last(&late, &stream(id + 100), 1).await;
    }
}

#[tokio::test]
async fn a_store_that_nobody_calls_notices_that_the_server_is_gone_and_that_it_is_back() {
    let (server, store) = server().await;
    let mut connected = store.connected();
    let watching = store.watch(Duration::from_millis(20));
    let scene = async {
        for there in [false, true] {
            if there {
                server.resume().await.unwrap();
            } else {
                server.stop();
            }
            let told = timeout(DEADLINE, connected.wait_for(|connected| *connected == there)).await;
            told.unwrap().unwrap();
        }
    };
    tokio::select! {
        () = watching => panic!("watching ended"),
        () = scene => {}
    }
}

#[tokio::test]
async fn an_append_cut_in_its_middle_is_unavailable_and_has_one_effect_when_repeated() {
    let (server, store) = server().await;
    for (cut, written, id) in [(Cut::BeforeWriting, 0, 1), (Cut::AfterWriting, 2, 2)] {
        let ledger = stream(id);
        append_at_last(&store, &stream(id + 100), 1).await;
        server.cut_next_append(cut);
        let lost = store
            .append(&ledger, Expected::NoStream, events(&ledger, 1, 2))
            .await;
        assert!(is_unavailable(&lost), "{cut:?}: {lost:?}");
        let read = wait_for("the store to be read again", DEADLINE, async || {
            store.read(&ledger, 0).await
        })
        .await;
        assert_eq!(read.len(), written, "{cut:?}");
        let again = store
            .append(&ledger, Expected::NoStream, events(&ledger, 1, 2))
            .await;
        match again {
            Ok(appended) if written == 0 => assert_eq!(appended.revision, 1),
            Err(AppendError::Duplicate) if written == 2 => {}
            other => panic!("{cut:?}: {other:?}"),
        }
        assert_eq!(store.read(&ledger, 0).await.unwrap().len(), 2, "{cut:?}");
    }
}

#[tokio::test]
async fn a_server_that_tells_a_wrong_revision_causes_a_conflict_and_nothing_else() {
    let (server, store) = server().await;
    let ledger = stream(1);
    server.tell_wrong_revision();
    let told = store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 1))
        .await;
    assert!(
        matches!(told, Err(AppendError::Conflict { actual: Some(4711) })),
        "{told:?}"
    );
    assert_eq!(store.read(&ledger, 0).await.unwrap(), []);
    append_at_last(&store, &ledger, 1).await;
}

/// Follows to the end from where it stood, through everything that happens to it.
async fn follow_through(store: &KurrentStore, count: usize) -> (Vec<RecordedEvent>, usize) {
    let (mut seen, mut ends): (Vec<RecordedEvent>, usize) = (Vec::new(), 0);
    let following = async {
        while seen.len() < count {
            let mut follower = store.follow(seen.last().map(|event| event.cursor));
            while seen.len() < count {
                match follower.next().await {
                    Some(Ok(Followed::Event(event))) => seen.push(event),
                    Some(Ok(Followed::CaughtUp)) => {}
                    Some(Err(StoreError::Unavailable(_))) | None => {
                        ends += 1;
                        break;
                    }
                    Some(Ok(Followed::Unreadable(unreadable))) => panic!("{unreadable}"),
                    Some(Err(error)) => panic!("{error}"),
                }
            }
        }
    };
    timeout(DEADLINE, following)
        .await
        .expect("the follower never saw everything");
    (seen, ends)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_cut_in_the_middle_again_and_again_skips_and_doubles_nothing() {
    const EVENTS: usize = 60;
    let (server, store) = server().await;
    let writer = connect_kurrent(&server.url(), "drill");
    let write = async {
        for id in 0..u128::try_from(EVENTS).unwrap() {
            append_at_last(&writer, &stream(id), 1).await;
        }
    };
    // The cuts also strike the writer, whose appends are then repeated until they are known to stand.
    let cut = async {
        for round in 0..12_u32 {
            wait_for("the log to grow", DEADLINE, async || {
                let wanted = usize::try_from(round).unwrap() * 4;
                (server.records() >= wanted).then_some(())
            })
            .await;
            if round % 3 == 0 {
                server.end_next_subscription(3);
            } else {
                server.repeat_after_reconnect();
            }
            server.cut();
        }
    };
    let ((seen, ends), (), ()) = join3(follow_through(&store, EVENTS), write, cut).await;
    let mut truth = Vec::new();
    for id in 0..u128::try_from(EVENTS).unwrap() {
        let read = wait_for("a stream to be read", DEADLINE, async || {
            writer.read(&stream(id), 0).await
        })
        .await;
        truth.extend(seen_of(&read));
    }
    assert_eq!(truth.len(), EVENTS);
    check(&truth, &seen_of(&seen)).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(ends >= 3, "the follower was cut {ends} times only");
}

#[tokio::test]
async fn an_event_repeated_after_a_reconnect_is_given_once() {
    let (server, store) = server().await;
    let ledger = stream(1);
    let batch = events(&ledger, 1, 3);
    store
        .append(&ledger, Expected::NoStream, batch.clone())
        .await
        .unwrap();
    let first = take(&mut store.follow(None), 1).await.remove(0);
    server.repeat_after_reconnect();
    let rest = take_all(&mut store.follow(Some(first.cursor)), 2).await;
    assert_eq!(
        rest.iter().map(|event| event.id).collect::<Vec<_>>(),
        ids(&batch)[1..]
    );
}

/// The library would spin in one poll for ever, on the only thread there is: then this test never ends.
#[tokio::test]
async fn a_subscription_that_the_server_ends_without_an_error_ends_and_takes_no_thread_with_it() {
    let (server, store) = server().await;
    let ledger = stream(1);
    store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 3))
        .await
        .unwrap();
    server.end_next_subscription(3);
    let mut follower = store.follow(None);
    let seen = take(&mut follower, 2).await;
    let ended = timeout(DEADLINE, follower.next()).await.expect("it never ended");
    assert!(
        matches!(ended, Some(Err(StoreError::Unavailable(_)))),
        "{ended:?}"
    );
    assert!(follower.next().await.is_none());
    let rest = wait_for("the rest to be read", DEADLINE, async || {
        store.read_all(Some(seen[1].cursor), 10).await
    })
    .await;
    assert_eq!(rest.len(), 1);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unavailable_when_the_deadline_is_over() {
    let (server, _) = server().await;
    let settings = KurrentSettings::parse(&server.url()).unwrap();
    let settings = settings.with_deadline(Duration::from_millis(300));
    let store = KurrentStore::new(settings, "drill").unwrap();
    append_at_last(&store, &stream(1), 1).await;
    server.fall_silent();
    let asked = async || {
        [
            store.read(&stream(1), 0).await.err(),
            store.read_all(None, 1).await.err(),
            store.event_at(&Cursor::kurrentdb(1, 1)).await.err(),
        ]
    };
    let answers = timeout(DEADLINE, asked())
        .await
        .expect("a call outlived its deadline");
    for answer in answers {
        assert!(matches!(answer, Some(StoreError::Unavailable(_))), "{answer:?}");
    }
    server.answer();
    append_at_last(&store, &stream(2), 1).await;
}

#[tokio::test]
async fn a_wrong_password_and_a_server_too_old_are_refused_and_not_waited_for() {
    let user = Some(("counter".to_owned(), "right".to_owned()));
    let options = KurrentDbOptions {
        user,
        ..KurrentDbOptions::default()
    };
    let guarded = KurrentDb::start_with(options).await.unwrap();
    connect_kurrent(&guarded.url(), "drill").check().await.unwrap();
    let wrong = connect_kurrent(&guarded.url().replace("right", "wrong"), "drill");
    for refused in [wrong.check().await.err(), wrong.read(&stream(1), 0).await.err()] {
        assert!(matches!(refused, Some(StoreError::Refused(_))), "{refused:?}");
        assert!(!format!("{refused:?}").contains("wrong"), "{refused:?}");
    }

    let check = async |version: &str| {
        let options = KurrentDbOptions {
            version: version.to_owned(),
            ..KurrentDbOptions::default()
        };
        let server = KurrentDb::start_with(options).await.unwrap();
        connect_kurrent(&server.url(), "drill").check().await
    };
    check("24.2.0").await.unwrap();
    for old in ["23.10.7", "22.10.5"] {
        let refused = check(old).await;
        assert!(
            matches!(&refused, Err(StoreError::Refused(why))
                if why.to_string().contains(old) && why.to_string().contains("24.2 or later")),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn in_a_cluster_the_leader_is_found_past_a_dead_node_and_past_a_follower() {
    let leader = KurrentDb::start().await.unwrap();
    let options = KurrentDbOptions {
        leader: Some(leader.port()),
        ..KurrentDbOptions::default()
    };
    let follower = KurrentDb::start_with(options).await.unwrap();
    // By gossip, with a node among the seeds that is not there.
    let seeds = format!(
        "esdb://127.0.0.1:1,127.0.0.1:{}?tls=false&discoveryInterval=1&gossipTimeout=500",
        follower.port()
    );
    let store = connect_kurrent(&seeds, "drill");
    append_at_last(&store, &stream(1), 1).await;
    // By the follower's word: asked for what only a leader may answer, it names the leader.
    let store = connect_kurrent(&follower.url(), "drill");
    append_at_last(&store, &stream(2), 1).await;
    let at_leader = connect_kurrent(&leader.url(), "drill")
        .read_all(None, 10)
        .await
        .unwrap();
    assert_eq!(at_leader.len(), 2);
    assert_eq!(take(&mut store.follow(None), 2).await, at_leader);
}

#[tokio::test]
async fn services_that_share_a_server_see_their_own_events_only() {
    let (server, drill) = server().await;
    // Names of which one begins like the other.
    let other = connect_kurrent(&server.url(), "drill-two");
    let theirs = StreamName::new("drill-two", "ledger", Uuid::from_u128(1));
    for revision in 0..3_u64 {
        for (store, stream) in [(&drill, &stream(1)), (&other, &theirs)] {
            let expected = Expected::after(revision.checked_sub(1));
            let batch = events(stream, u128::from(revision), 1);
            store.append(stream, expected, batch).await.unwrap();
        }
    }
    for (store, service) in [(&drill, "drill"), (&other, "drill-two")] {
        let followed = take_all(&mut store.follow(None), 3).await;
        assert!(followed.iter().all(|event| event.stream.service() == service));
        assert_eq!(store.read_all(None, 10).await.unwrap(), followed);
    }
}

/// A page with none of our events in it is no end.
#[tokio::test]
async fn many_events_of_others_between_ours_are_passed_by() {
    let (server, drill) = server().await;
    let other = connect_kurrent(&server.url(), "other");
    let crowd = async |number: u128| {
        let theirs = StreamName::new("other", "ledger", Uuid::from_u128(number));
        other
            .append(&theirs, Expected::NoStream, events(&theirs, 1, 250))
            .await
            .unwrap();
    };
    append_at_last(&drill, &stream(1), 1).await;
    join_all((0..10).map(crowd)).await;
    append_at_last(&drill, &stream(2), 1).await;
    assert_eq!(drill.read_all(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_event_missing_from_a_stream_is_corrupt_and_not_passed_over() {
    let (server, store) = server().await;
    let ledger = stream(1);
    store
        .append(&ledger, Expected::NoStream, events(&ledger, 1, 3))
        .await
        .unwrap();
    server.truncate(&ledger.to_string(), 2).unwrap();
    let read = store.read(&ledger, 0).await;
    assert!(
        matches!(&read, Err(StoreError::Corrupt { revision: 0, .. })),
        "{read:?}"
    );
    assert_eq!(store.read(&ledger, 2).await.unwrap().len(), 1);
}

/// Who reads from a position where nothing stands gets what comes next, which is another event.
#[tokio::test]
async fn a_cursor_whose_event_is_gone_from_the_log_holds_no_other_event() {
    let (server, store) = server().await;
    let ledger = stream(1);
    let batch = events(&ledger, 1, 3);
    let appended = store
        .append(&ledger, Expected::NoStream, batch.clone())
        .await
        .unwrap();
    server.scavenge(&ledger.to_string(), 1);
    let held = [Some(batch[0].id), None, Some(batch[2].id)];
    for (cursor, event) in appended.cursors.iter().zip(held) {
        assert_eq!(store.event_at(cursor).await.unwrap(), event);
    }
}

#[tokio::test]
async fn a_server_restored_from_an_older_copy_does_not_know_the_cursors_of_what_was_lost() {
    let (server, store) = server().await;
    append_at_last(&store, &stream(1), 1).await;
    let kept = server.records();
    append_at_last(&store, &stream(2), 1).await;
    let before = store.read_all(None, 10).await.unwrap();
    server.restore(kept);
    // The log goes on from where it was: another event comes to stand at the place of the lost one.
    append_at_last(&store, &stream(3), 7).await;
    let now = store.read_all(None, 10).await.unwrap();
    assert_eq!(
        store.event_at(&before[0].cursor).await.unwrap(),
        Some(before[0].id)
    );
    assert_ne!(
        store.event_at(&before[1].cursor).await.unwrap(),
        Some(before[1].id)
    );
    assert_eq!(now[1].stream, stream(3));
}

#[tokio::test]
async fn an_append_without_events_and_a_cursor_of_another_backend_are_refused() {
    let (_server, store) = server().await;
    append_at_last(&store, &stream(1), 1).await;
    let ours = store.read(&stream(1), 0).await.unwrap()[0].cursor;
    let theirs = Cursor::postgres(ours.epoch(), ours.a(), ours.b());
    assert_eq!(store.event_at(&theirs).await.unwrap(), None);
    let nothing = store.append(&stream(1), Expected::NoStream, Vec::new()).await;
    assert!(
        matches!(nothing, Err(AppendError::Store(StoreError::Refused(_)))),
        "{nothing:?}"
    );
    let foreign = store.follow(Some(theirs)).next().await;
    assert!(
        matches!(foreign, Some(Err(StoreError::Refused(_)))),
        "{foreign:?}"
    );
}

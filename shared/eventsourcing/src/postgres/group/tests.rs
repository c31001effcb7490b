//! How lanes begin and end, without any connection: no lane is polled here.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use kernel::ids::EventId;
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use uuid::Uuid;

use super::*;
use crate::envelope::{Actor, Metadata, NewEvent};
use crate::postgres::PostgresStore;
use crate::store::Expected;
use crate::stream::StreamName;

fn groups() -> Arc<Groups> {
    let pool = PostgresStore::pool_options().connect_lazy("postgres://nobody@127.0.0.1:1/nothing");
    Groups::new(pool.unwrap(), Arc::new(watch::Sender::new(())))
}

/// An append of so many events with so much text each.
fn item(events: usize, text: usize) -> Item {
    let event = NewEvent {
        id: EventId::from_uuid(Uuid::from_u128(1)),
        event_type: "ledger.noted.v1".to_owned(),
        data: json!({ "text": "x".repeat(text) }),
        metadata: Metadata {
            request_key: Uuid::from_u128(2),
            request_index: 0,
            payload_hash: "00".to_owned(),
            actor: Actor::Anonymous,
            correlation_id: Uuid::from_u128(3),
            causation_id: None,
            traceparent: None,
            occurred_at: jiff::Timestamp::UNIX_EPOCH,
        },
    };
    let stream = StreamName::new("drill", "ledger", Uuid::from_u128(4));
    Item::new(&stream, Expected::NoStream, vec![event; events]).unwrap()
}

/// Lets so many appends of one event wait; their callers.
async fn wait(groups: &Groups, appends: usize) -> Vec<oneshot::Receiver<Reply>> {
    let mut callers = Vec::new();
    for _ in 0..appends {
        let item = item(1, 1);
        let room = groups.room_for(&item).await.unwrap();
        let (reply, replied) = oneshot::channel();
        groups.state().waiting.push_back(Waiting { item, reply, room });
        callers.push(replied);
    }
    callers
}

fn set(groups: &Groups, lanes: usize, all_lanes: usize) {
    let mut state = groups.state();
    (state.lanes, state.all_lanes) = (lanes, all_lanes);
}

fn lanes(groups: &Groups) -> (usize, usize) {
    let state = groups.state();
    (state.lanes, state.all_lanes)
}

#[tokio::test]
async fn lanes_begin_up_to_their_number_and_to_that_of_all_connections() {
    let groups = groups();
    for (before, after) in [
        ((0, 0), (1, 1)),
        ((1, 1), (2, 2)),
        ((LANES, LANES), (LANES, LANES)),
        ((1, MOST_LANES - 1), (2, MOST_LANES)),
        ((0, MOST_LANES), (0, MOST_LANES)),
    ] {
        set(&groups, before.0, before.1);
        groups.start_lane(&mut groups.state());
        assert_eq!(lanes(&groups), after, "{before:?}");
    }
}

#[tokio::test]
async fn a_lane_that_is_held_up_gives_its_place_to_another_where_appends_wait() {
    let groups = groups();
    set(&groups, 2, 2);
    groups.step_aside();
    assert_eq!(lanes(&groups), (1, 2), "nobody waits");
    set(&groups, 2, 2);
    let _callers = wait(&groups, 1).await;
    groups.step_aside();
    assert_eq!(lanes(&groups), (2, 3));
}

#[tokio::test]
async fn a_lane_ends_where_nobody_waits_or_others_see_to_it() {
    let groups = groups();
    let (mut link, mut counted) = (None, true);
    set(&groups, 2, 3);
    assert!(groups.next_group(&mut link, &mut counted).is_none());
    assert_eq!(lanes(&groups), (1, 2), "nobody waits");

    // Held up, and meanwhile as many are at work as may be.
    let _callers = wait(&groups, 3).await;
    set(&groups, LANES, LANES + 1);
    counted = false;
    assert!(groups.next_group(&mut link, &mut counted).is_none());
    assert_eq!((lanes(&groups), counted), ((LANES, LANES), false));
    assert_eq!(groups.state().waiting.len(), 3);

    // Held up, and its place is free again.
    set(&groups, LANES - 1, LANES);
    let group = groups.next_group(&mut link, &mut counted);
    assert_eq!(group.unwrap().len(), 3);
    assert_eq!((lanes(&groups), counted), ((LANES, LANES), true));
}

#[tokio::test]
async fn a_group_takes_as_many_events_as_it_may_hold_and_no_caller_that_is_gone() {
    let groups = groups();
    let mut callers = wait(&groups, GROUP_EVENTS + 3).await;
    drop(callers.drain(..2));
    let mut state = groups.state();
    assert_eq!(state.close_group().len(), GROUP_EVENTS);
    assert_eq!(state.close_group().len(), 1);
    assert!(state.close_group().is_empty());
}

#[tokio::test]
async fn an_append_takes_room_by_its_size_and_never_more_than_there_is() {
    let groups = groups();
    for (item, kib) in [
        (item(1, 1), 1),
        (item(1, 5_000), 6),
        (item(2, 5_000), 11),
        (item(1, 20_000_000), ROOM_KIB as usize),
    ] {
        let size_bytes = item.size_bytes();
        let room = groups.room_for(&item).await.unwrap();
        assert_eq!(room.num_permits(), kib, "{size_bytes}");
    }
}

/// A server that lets a client in and then says nothing any more.
async fn silent_link() -> (Link, thread::JoinHandle<()>) {
    link_to(|mut client| while client.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}).await
}

/// A server that lets a client in.
async fn link_to(then: fn(TcpStream)) -> (Link, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut heard = [0; 1024];
        assert!(client.read(&mut heard).unwrap() > 0);
        // Authenticated, ready for a query (PostgreSQL's protocol, message formats R and Z).
        client
            .write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 0, b'Z', 0, 0, 0, 5, b'I'])
            .unwrap();
        then(client);
    });
    let options = PgConnectOptions::new()
        .host("127.0.0.1")
        .port(port)
        .username("nobody")
        .ssl_mode(PgSslMode::Disable);
    let connection = PgConnection::connect_with(&options).await.unwrap();
    let used = Instant::now().checked_sub(TRUSTED * 2).unwrap();
    (Link { connection, used }, server)
}

#[tokio::test]
async fn lanes_that_end_leave_as_many_connections_as_the_next_ones_can_use() {
    let groups = groups();
    let mut servers = Vec::new();
    for kept in (1..=LANES).chain([LANES]) {
        let (link, server) = silent_link().await;
        servers.push(server);
        set(&groups, 1, 1);
        assert!(groups.next_group(&mut Some(link), &mut true).is_none());
        assert_eq!(groups.state().idle.len(), kept);
    }
    drop(groups);
    for server in servers {
        server.join().unwrap();
    }
}

#[tokio::test]
async fn whoever_waits_for_a_group_without_a_connection_hears_why_there_is_none() {
    let appended = groups().append(item(1, 1)).await;
    let Err(AppendError::Store(StoreError::Unavailable(source))) = appended else {
        panic!("{appended:?}");
    };
    let why = source.downcast_ref::<Arc<Error>>().unwrap();
    assert!(matches!(&**why, Error::Io(_)), "{why}");
}

/// Its transaction may have been committed, so nothing of it is tried again.
#[tokio::test]
async fn a_group_whose_connection_ends_without_an_answer_is_refused_as_a_whole() {
    let groups = groups();
    let mut callers = wait(&groups, 2).await;
    let group = groups.state().close_group();
    let (mut link, server) = link_to(drop).await;
    link.used = Instant::now();
    assert!(groups.commit(Some(link), group).await.is_none());
    for caller in &mut callers {
        let reply = caller.try_recv().unwrap();
        let Reply::Settled(Err(AppendError::Store(StoreError::Unavailable(_)))) = reply else {
            panic!("it is not known what became of it");
        };
    }
    server.join().unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_any_more_is_waited_for_as_long_as_for_a_new_one() {
    let within = Duration::from_millis(200);
    let pool = PgPoolOptions::new()
        .acquire_timeout(within)
        .connect_lazy("postgres://nobody@127.0.0.1:1/nothing");
    let groups = Groups::new(pool.unwrap(), Arc::new(watch::Sender::new(())));
    let (link, server) = silent_link().await;
    let ready = timeout(Duration::from_secs(10), groups.ready(Some(link))).await;
    assert!(ready.unwrap().is_err(), "there is no other server to connect to");
    server.join().unwrap();
}

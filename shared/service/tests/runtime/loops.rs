//! Reactions to the service's own events, and deadlines by a manual clock.

use std::sync::Arc;

use contracts::admin::v1::set_aside_admin_service_client::SetAsideAdminServiceClient;
use contracts::admin::v1::{GiveUpSetAsideRequest, ListSetAsideRequest, RetrySetAsideRequest, SetAsideEvent};
use jiff::SignedDuration;
use kernel::clock::{Clock, ManualClock};
use service::{Overrides, Running, start_in_process};
use testkit::wait_for;
use testkit::walk::{LANGUAGES, Refusal, Walk};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::counter::{count, count_on};
use crate::probe::{Home, NOON, Probe, SOON, STAFF_ISSUER, bearer, connect, instant, staff_token};

async fn start(home: &Home, clock: &Arc<ManualClock>) -> Running {
    start_in_process::<Probe>(
        &home.toml(""),
        Overrides {
            clock: Some(clock.clone()),
        },
    )
    .await
    .unwrap()
}

async fn wait_for_seen(home: &Home, what: &[&str]) {
    let shared = home.shared();
    wait_for("the reactions", SOON, async || {
        let seen = shared.seen.lock().unwrap().clone();
        if seen == what { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test]
async fn a_reaction_sees_every_event_in_order_and_goes_on_where_it_was_after_a_kill() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = start(&home, &clock).await;
    count(&home, "probe", 1).await;
    count(&home, "probe", 2).await;
    wait_for_seen(&home, &["counter.counted.v1@0", "counter.counted.v1@1"]).await;
    // What was handled is handled again only if its checkpoint was not yet written.
    wait_for("the checkpoint", SOON, async || {
        let query = "SELECT count(*) FROM service.reaction_checkpoint c
                     JOIN store.event e ON e.event_id = c.event_id WHERE e.revision = 1";
        let at_last: i64 = sqlx::query_scalar(query)
            .fetch_one(&home.database.pool)
            .await
            .unwrap();
        (at_last == 1).then_some(())
    })
    .await;
    running.abandon();
    count(&home, "probe", 3).await;
    home.shared().seen.lock().unwrap().clear();

    let running = start(&home, &clock).await;
    wait_for_seen(&home, &["counter.counted.v1@2"]).await;
    running.stop().await.unwrap();
}

/// What the service has set aside, as operators are told.
async fn set_aside(running: &Running, clock: &ManualClock) -> Vec<SetAsideEvent> {
    let request = authorized(clock, ListSetAsideRequest::default());
    let mut admin = SetAsideAdminServiceClient::new(connect(running.address).await);
    admin.list_set_aside(request).await.unwrap().into_inner().events
}

/// Has everything tried again: how many are settled, and how many are left.
async fn retry(running: &Running, clock: &ManualClock) -> Result<(u64, u64), Status> {
    let request = RetrySetAsideRequest {
        request_id: Uuid::from_u128(1).to_string(),
        event_id: String::new(),
        reason: "INC-17".to_owned(),
    };
    let mut admin = SetAsideAdminServiceClient::new(connect(running.address).await);
    let answer = admin.retry_set_aside(authorized(clock, request)).await?;
    let answer = answer.into_inner();
    Ok((answer.settled, answer.left))
}

/// Gives one event up: how many are left.
async fn give_up(
    running: &Running,
    clock: &ManualClock,
    aside: &SetAsideEvent,
    reason: &str,
) -> Result<u64, Status> {
    let request = GiveUpSetAsideRequest {
        request_id: Uuid::from_u128(1).to_string(),
        event_id: aside.event_id.clone(),
        follower: aside.follower.clone(),
        reason: reason.to_owned(),
    };
    let mut admin = SetAsideAdminServiceClient::new(connect(running.address).await);
    let answer = admin.give_up_set_aside(authorized(clock, request)).await?;
    Ok(answer.into_inner().left)
}

fn authorized<T>(clock: &ManualClock, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let token = bearer(&staff_token(clock.now(), STAFF_ISSUER, &["administrator"]));
    request
        .metadata_mut()
        .insert("authorization", token.parse().unwrap());
    request
}

fn counter(number: u128) -> String {
    format!("probe.counter-{}", Uuid::from_u128(number))
}

/// Two events of a counter that the reaction cannot handle, and one of another.
async fn with_poison(home: &Home, clock: &Arc<ManualClock>) -> Running {
    *home.shared().poison.lock().unwrap() = Some(counter(1));
    let running = start(home, clock).await;
    count_on(home, "probe", 1, 1).await;
    count_on(home, "probe", 2, 1).await;
    count_on(home, "probe", 3, 2).await;
    wait_for_seen(home, &["counter.counted.v1@0"]).await;
    running
}

#[tokio::test]
async fn op_8_an_event_that_a_reaction_cannot_handle_is_set_aside_with_its_stream_and_the_rest_goes_on() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = with_poison(&home, &clock).await;
    let [aside] = &set_aside(&running, &clock).await[..] else {
        panic!("one event is set aside");
    };
    assert_eq!(
        (
            aside.follower.as_str(),
            aside.reason.as_str(),
            aside.error.as_str()
        ),
        ("reaction:probe", "UNHANDLED", "this type is not known")
    );
    assert_eq!(
        (aside.stream.clone(), aside.revision, aside.waiting),
        (counter(1), 0, 1)
    );
    running.stop().await.unwrap();

    let running = start(&home, &clock).await;
    count_on(&home, "probe", 4, 2).await;
    wait_for_seen(&home, &["counter.counted.v1@0", "counter.counted.v1@1"]).await;
    let after = set_aside(&running, &clock).await;
    assert_eq!(after[0].attempts, 1, "a restart does not meet it again");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_reaction_set_aside_is_handled_in_order_when_it_is_tried_again() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = with_poison(&home, &clock).await;
    let retry = async || retry(&running, &clock).await.unwrap();
    assert_eq!(retry().await, (0, 1));
    home.shared().poison.lock().unwrap().take();
    home.shared().seen.lock().unwrap().clear();
    assert_eq!(retry().await, (1, 0));
    let in_order = ["counter.counted.v1@0", "counter.counted.v1@1"];
    wait_for_seen(&home, &in_order).await;
    assert_eq!(retry().await, (0, 0));
    count_on(&home, "probe", 4, 1).await;
    wait_for_seen(&home, &[in_order[0], in_order[1], "counter.counted.v1@2"]).await;
    assert!(set_aside(&running, &clock).await.is_empty());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_event_that_is_given_up_lets_those_behind_it_pass() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = with_poison(&home, &clock).await;
    let aside = set_aside(&running, &clock).await.remove(0);
    home.shared().poison.lock().unwrap().take();
    home.shared().seen.lock().unwrap().clear();
    // Again, as whoever did not hear the answer does.
    for _ in 0..2 {
        let left = give_up(&running, &clock, &aside, "INC-17").await.unwrap();
        assert_eq!(left, 0);
        wait_for_seen(&home, &["counter.counted.v1@1"]).await;
    }
    let other = give_up(&running, &clock, &aside, "INC-18").await.unwrap_err();
    let reason = other.get_details_error_info().unwrap().reason;
    assert_eq!(reason, "SET_ASIDE_NOT_FOUND");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_damaged_event_that_waits_takes_the_place_of_the_one_it_waits_behind() {
    for given_up in [false, true] {
        let home = Home::new().await;
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let running = with_poison(&home, &clock).await;
        let first = set_aside(&running, &clock).await.remove(0);
        home.shared().poison.lock().unwrap().take();
        sqlx::query("UPDATE store.event SET metadata = '{}' WHERE stream = $1 AND revision = 1")
            .bind(counter(1))
            .execute(&home.database.pool)
            .await
            .unwrap();
        let left = if given_up {
            give_up(&running, &clock, &first, "INC-17").await.unwrap()
        } else {
            retry(&running, &clock).await.unwrap().1
        };
        assert_eq!(left, 1);
        let [second] = &set_aside(&running, &clock).await[..] else {
            panic!("one event is set aside");
        };
        assert_eq!(
            (second.stream.clone(), second.revision, second.reason.as_str()),
            (counter(1), 1, "UNREADABLE")
        );
        let left = give_up(&running, &clock, second, "INC-17").await.unwrap();
        assert_eq!(left, 0);
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_handled_for_now_keeps_no_other_from_being_tried() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = with_poison(&home, &clock).await;
    *home.shared().poison.lock().unwrap() = Some(counter(3));
    count_on(&home, "probe", 4, 3).await;
    wait_for("another event to be set aside", SOON, async || {
        let found = set_aside(&running, &clock).await;
        (found.len() == 2).then_some(()).ok_or(found)
    })
    .await;
    home.shared().poison.lock().unwrap().take();
    *home.shared().away.lock().unwrap() = Some(counter(1));
    let refused = retry(&running, &clock).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    let left = set_aside(&running, &clock).await;
    let left: Vec<_> = left.into_iter().map(|aside| aside.stream).collect();
    assert_eq!(left, [counter(1)]);
    home.shared().away.lock().unwrap().take();
    assert_eq!(retry(&running, &clock).await.unwrap(), (1, 0));
    running.stop().await.unwrap();
}

/// An event that nobody can read, of a store that was damaged.
#[tokio::test]
async fn a_damaged_event_never_ends_a_service() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = start(&home, &clock).await;
    count_on(&home, "probe", 1, 1).await;
    wait_for_seen(&home, &["counter.counted.v1@0"]).await;
    running.stop().await.unwrap();
    count_on(&home, "probe", 2, 2).await;
    sqlx::query("UPDATE store.event SET metadata = '{}' WHERE stream = $1")
        .bind(counter(2))
        .execute(&home.database.pool)
        .await
        .unwrap();
    count_on(&home, "probe", 3, 1).await;
    let running = start(&home, &clock).await;
    wait_for_seen(&home, &["counter.counted.v1@0", "counter.counted.v1@1"]).await;
    let reasons: Vec<_> = set_aside(&running, &clock)
        .await
        .into_iter()
        .map(|aside| aside.reason)
        .collect();
    assert_eq!(reasons, ["UNREADABLE"]);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_checkpoint_of_another_history_stops_the_service_loudly() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = start(&home, &clock).await;
    count(&home, "probe", 1).await;
    wait_for_seen(&home, &["counter.counted.v1@0"]).await;
    running.stop().await.unwrap();
    sqlx::query("UPDATE service.reaction_checkpoint SET event_id = $1")
        .bind(Uuid::from_u128(9))
        .execute(&home.database.pool)
        .await
        .unwrap();
    let running = start(&home, &clock).await;
    let error = tokio::time::timeout(SOON, running.ended())
        .await
        .unwrap()
        .unwrap_err();
    assert!(format!("{error:?}").contains("Diverged"), "{error:?}");
}

#[tokio::test]
async fn a_deadline_is_handled_when_the_clock_reaches_it_and_not_before() {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let shared = home.shared();
    let due = clock.now() + SignedDuration::from_secs(180);
    shared.due.lock().unwrap().push(due);
    // Due already: shows that the worker has looked.
    shared.due.lock().unwrap().push(clock.now());
    let running = start(&home, &clock).await;
    let first = format!("due by {}", clock.now());
    wait_for_seen(&home, &[&first]).await;
    clock.set(due);
    wait_for_seen(&home, &[&first, &format!("due by {due}")]).await;
    running.stop().await.unwrap();
}

/// Everything that is refused of what is set aside, for the walk.
pub(crate) async fn refusals(walk: &mut Walk) {
    let home = Home::new().await;
    let clock = Arc::new(ManualClock::new(instant(NOON)));
    let running = start(&home, &clock).await;
    let mut admin = SetAsideAdminServiceClient::new(connect(running.address).await);
    let mut refused = async |language: &str| {
        let mut request = authorized(
            &clock,
            GiveUpSetAsideRequest {
                request_id: Uuid::from_u128(1).to_string(),
                event_id: Uuid::from_u128(2).to_string(),
                follower: "relay".to_owned(),
                reason: "INC-17".to_owned(),
            },
        );
        let language = language.parse().unwrap();
        request.metadata_mut().insert("accept-language", language);
        admin.give_up_set_aside(request).await.unwrap_err()
    };
    let [ja, en] = LANGUAGES;
    let (ja, en) = (refused(ja).await, refused(en).await);
    walk.refused(&Refusal::new(Code::NotFound, "SET_ASIDE_NOT_FOUND"), [&ja, &en]);
    running.stop().await.unwrap();
}

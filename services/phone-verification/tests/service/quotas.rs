//! How many challenges a login opens (PV-9): five in all, one each three seconds, none beside a newer login's.

use std::collections::BTreeMap;

use contracts::phone_verification::v1::ChallengeState;
use futures::future::join_all;
use harness::reason;
use tonic::Code::{FailedPrecondition, ResourceExhausted};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::world::{World, number, refused};

const NUMBER: &str = "090-1234-5678";

#[tokio::test]
async fn pv_9_a_login_opens_five_challenges_in_all_and_one_each_three_seconds() {
    let world = World::new().await;
    let who = world.policyholder(1, &[NUMBER]).await;
    let login = world.login(1, 1, &[who]);
    let mut last = None;
    for opened in 0..5 {
        if opened > 0 {
            world.pass(2);
            let early = refused(
                world.open(&login).await,
                ResourceExhausted,
                "CHALLENGE_OPENED_JUST_NOW",
            );
            let retry = early.get_details_retry_info().unwrap().retry_delay.unwrap();
            assert_eq!(retry.as_secs(), 1);
            world.pass(1);
        }
        last = Some(world.open(&login).await.unwrap());
    }
    world.pass(60);
    let used_up = refused(world.open(&login).await, ResourceExhausted, "LOGIN_USED_UP");
    let text = used_up.get_details_localized_message().unwrap().message;
    assert!(text.contains("5回"), "{text}");
    assert_eq!(world.events("challenge.opened.v1").await.len(), 5);
    // The last one is still good, and so is another login.
    let last = last.unwrap();
    world.call(&last.line_to_dial, number(NUMBER)).await;
    assert_eq!(world.state(&login, &last).await, ChallengeState::Matched);
    let another = world.login(1, 2, &[who]);
    world.open(&another).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn pv_9_of_fifty_openings_at_once_one_is_opened() {
    let world = World::new().await;
    let who = world.policyholder(1, &[NUMBER]).await;
    let login = world.login(1, 1, &[who]);
    for round in 1..=2 {
        let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
        for outcome in join_all((0..50).map(|_| world.open(&login))).await {
            if let Err(status) = outcome {
                *refusals.entry(reason(&status)).or_default() += 1;
            }
        }
        assert_eq!(refusals, [("CHALLENGE_OPENED_JUST_NOW".to_owned(), 49)].into());
        assert_eq!(world.events("challenge.opened.v1").await.len(), round);
        world.pass(3);
    }
    world.stop().await;
}

#[tokio::test]
async fn the_same_request_is_counted_once_however_often_it_comes() {
    let world = World::new().await;
    let who = world.policyholder(1, &[NUMBER]).await;
    let login = world.login(1, 1, &[who]);
    let id = Uuid::from_u128(99).to_string();
    let at_once = join_all((0..10).map(|_| world.open_as(&login, id.clone()))).await;
    let lines: Vec<_> = at_once
        .into_iter()
        .map(|outcome| outcome.unwrap().line_to_dial)
        .collect();
    assert!(lines.iter().all(|line| *line == lines[0]));
    for _ in 0..4 {
        world.pass(3);
        world.open_as(&login, id.clone()).await.unwrap();
        world.open(&login).await.unwrap();
    }
    world.pass(3);
    refused(world.open(&login).await, ResourceExhausted, "LOGIN_USED_UP");
    // It opened one, and still does.
    world.open_as(&login, id).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn pv_9_a_superseded_logins_token_opens_nothing_for_as_long_as_it_lives() {
    let world = World::new().await;
    let who = world.policyholder(1, &[NUMBER]).await;
    let older = world.login(1, 1, &[who]);
    world.pass(5);
    let newer = world.login(1, 2, &[who]);
    world.open(&newer).await.unwrap();
    // Also when the newer one's challenge has lapsed.
    for _ in 0..2 {
        refused(world.open(&older).await, FailedPrecondition, "LOGIN_SUPERSEDED");
        world.pass(290);
    }
    assert_eq!(world.events("challenge.opened.v1").await.len(), 1);
    world.stop().await;
}

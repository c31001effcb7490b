//! Several challenges at a time: one caller number, one line (PV-8, PV-9).

use std::collections::BTreeSet;

use contracts::phone_verification::v1::{ChallengeState, MissingCallerId};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{World, missing, number, refused};

const HOME: &str = "03-1234-5678";

#[tokio::test]
async fn pv_8_two_logins_of_one_household_never_share_a_line_and_one_call_satisfies_one() {
    let world = World::new().await;
    let (mother, father) = (
        world.policyholder(1, &[HOME]).await,
        world.policyholder(2, &[HOME]).await,
    );
    let (hers, his) = (world.login(1, 1, &[mother]), world.login(2, 2, &[father]));
    let (first, second) = tokio::join!(world.open(&hers), world.open(&his));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.line_to_dial, second.line_to_dial);

    world.call(&second.line_to_dial, number(HOME)).await;
    assert_eq!(world.state(&his, &second).await, ChallengeState::Matched);
    assert_eq!(world.state(&hers, &first).await, ChallengeState::Pending);
    world.call(&first.line_to_dial, number(HOME)).await;
    assert_eq!(world.state(&hers, &first).await, ChallengeState::Matched);
    world.stop().await;
}

#[tokio::test]
async fn pv_9_a_fourth_challenge_of_one_number_waits_until_one_of_the_three_ends() {
    let world = World::new().await;
    let mut lines = BTreeSet::new();
    for who in 1..=4 {
        let subject = world.policyholder(who, &[HOME]).await;
        let login = world.login(who, who, &[subject]);
        if who < 4 {
            lines.insert(world.open(&login).await.unwrap().line_to_dial);
            world.pass(10);
            continue;
        }
        let status = refused(
            world.open(&login).await,
            Code::ResourceExhausted,
            "TOO_MANY_CHALLENGES",
        );
        let retry = status.get_details_retry_info().unwrap().retry_delay.unwrap();
        assert_eq!(retry.as_secs(), 150, "until the first of the three ends");
        world.pass(149);
        refused(
            world.open(&login).await,
            Code::ResourceExhausted,
            "TOO_MANY_CHALLENGES",
        );
        world.pass(1);
        world.open(&login).await.unwrap();
    }
    assert_eq!(lines.len(), 3);
    world.stop().await;
}

#[tokio::test]
async fn pv_9_guidance_is_shown_only_to_a_challenge_alone_on_its_line() {
    let world = World::new().await;
    let mut opened = vec![];
    for who in 1..=9_u128 {
        let own = format!("090-1234-000{who}");
        let subject = world.policyholder(who, &[&own]).await;
        let login = world.login(who, who, &[subject]);
        let challenge = world.open(&login).await.unwrap();
        opened.push((login, challenge));
    }
    // Eight lines, nine challenges: the last shares one.
    let shared = &opened[8].1.line_to_dial;
    let together: Vec<_> = opened
        .iter()
        .filter(|(_, challenge)| challenge.line_to_dial == *shared)
        .collect();
    assert_eq!(together.len(), 2);
    world.call(shared, missing(MissingCallerId::Withheld)).await;
    for (login, challenge) in &together {
        assert_eq!(world.get(login, challenge, 0).await.unwrap().guidance, None);
    }
    let (login, alone) = opened
        .iter()
        .find(|(_, challenge)| challenge.line_to_dial != *shared)
        .unwrap();
    world
        .call(&alone.line_to_dial, missing(MissingCallerId::Withheld))
        .await;
    assert_eq!(
        world.get(login, alone, 0).await.unwrap().guidance.unwrap().reason,
        "CALLER_ID_WITHHELD"
    );

    // What was said to nobody is said to nobody later, when one of the two is alone; a redial of the other neither.
    let matched = opened
        .iter()
        .position(|(_, challenge)| challenge.line_to_dial == *shared)
        .unwrap();
    let own = format!("090-1234-000{}", matched + 1);
    world.call(shared, number(&own)).await;
    assert_eq!(
        world.state(&opened[matched].0, &opened[matched].1).await,
        ChallengeState::Matched
    );
    world.call(shared, number(&own)).await;
    assert_eq!(
        world.get(&opened[8].0, &opened[8].1, 0).await.unwrap().guidance,
        None
    );
    world.stop().await;
}

#[tokio::test]
async fn pv_9_a_redial_after_success_guides_no_other_household_alone_on_the_line() {
    let world = World::new().await;
    let (mine, theirs) = (
        world.policyholder(1, &["090-1111-2222"]).await,
        world.policyholder(2, &["080-3333-4444"]).await,
    );
    let first = world.login(1, 1, &[mine]);
    let matched = world.open(&first).await.unwrap();
    world.call(&matched.line_to_dial, number("090-1111-2222")).await;
    assert_eq!(world.state(&first, &matched).await, ChallengeState::Matched);

    let second = world.login(2, 2, &[theirs]);
    let alone = world.open(&second).await.unwrap();
    assert_eq!(alone.line_to_dial, matched.line_to_dial, "both on one line");
    world.call(&alone.line_to_dial, number("090-1111-2222")).await;
    world.wait_for_events("call.settled.v1", 2).await;
    let seen = world.get(&second, &alone, 0).await.unwrap();
    assert_eq!((seen.state(), seen.guidance), (ChallengeState::Pending, None));

    // Once the first challenge's time is over, its number is a stranger's like any other.
    world.pass(179);
    let second = world.login(2, 3, &[theirs]);
    let alone = world.open(&second).await.unwrap();
    world.pass(1);
    world.call(&alone.line_to_dial, number("090-1111-2222")).await;
    let seen = world.get(&second, &alone, 0).await.unwrap();
    assert_eq!(seen.guidance.unwrap().reason, "NUMBER_NOT_REGISTERED");
    world.stop().await;
}

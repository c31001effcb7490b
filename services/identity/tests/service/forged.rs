//! What somebody writes to the bus: nothing of it counts, and nobody stops.

use contracts::names::PHONE_VERIFICATION;
use contracts::phone_verification::v1::{ChallengeMatched, PhoneVerificationEvent, phone_verification_event};
use kernel::EventId;
use testkit::wait_for;

use crate::world::{DEADLINE, PASSWORD, World, claims, random, reason};

/// PV-1: the second factor is the call, not whoever says that there was one.
#[tokio::test]
async fn pv_1_a_forged_match_lets_nobody_in_and_stops_nobody() {
    let world = World::start().await;
    let email = world.customer(1).await;
    // The consumer has heard something before.
    world.session(&email).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    let token = claims(&login.login_token);
    let matched = ChallengeMatched {
        account_id: token["sub"].as_str().unwrap().to_owned(),
        login_id: token["login"].as_str().unwrap().to_owned(),
        matched_at_us: world.now().as_microsecond(),
    };
    let event = EventId::from_uuid(random());
    let message = PhoneVerificationEvent {
        event_id: event.to_string(),
        entity_id: random().to_string(),
        version: 1,
        occurred_at_us: 0,
        event: Some(phone_verification_event::Event::ChallengeMatched(matched)),
    };
    let consumer = ("identity-calls", PHONE_VERIFICATION);
    world
        .forge(consumer, ("challenge", "matched"), event, &message)
        .await;
    wait_for("it to be set aside", DEADLINE, async || {
        let found = world.set_aside_of_the_bus().await;
        if found == ["UNSIGNED"] { Ok(()) } else { Err(found) }
    })
    .await;
    let waiting = world.complete(&login.login_token, 0).await;
    assert!(
        waiting.is_ok_and(|answer| answer.tokens.is_none()),
        "nobody called"
    );

    // The service lives, and the call itself still counts.
    world.tell_call(&login.login_token).await;
    let tokens = world.complete(&login.login_token, 30_000).await.unwrap().tokens;
    assert!(tokens.is_some());
    assert_eq!(reason(world.login(&email, "wrong").await), "LOGIN_FAILED");
}

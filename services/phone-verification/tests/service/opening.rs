//! Opening a challenge and waiting for it.

use contracts::feed::v1::{ReadRequest, feed_service_client::FeedServiceClient};
use contracts::names;
use contracts::phone_verification::v1::{
    Challenge, ChallengeState, GetChallengeRequest, OpenChallengeRequest, PhoneVerificationEvent,
    phone_verification_event::Event,
};
use harness::{bearing, in_language, secret_of};
use prost::Message as _;
use testkit::wait_for;
use testkit::walk::{LANGUAGES, Walk};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::world::{SOON, World, missing, number, refused, subject};

#[tokio::test]
async fn pv_1_a_call_from_the_registered_number_verifies_and_who_waits_hears_it_at_once() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    assert_eq!(challenge.state(), ChallengeState::Pending);
    assert_eq!(
        challenge.expires_at_us,
        world.now().as_microsecond() + 180_000_000
    );
    assert!(challenge.line_to_dial.starts_with("03-5000-000"), "{challenge:?}");
    assert!(
        challenge.instruction.contains(&challenge.line_to_dial) && challenge.instruction.contains("話し中")
    );

    let waiting = world.get(&login, &challenge, 20_000);
    let calling = world.call(&challenge.line_to_dial, number("０９０（１２３４）５６７８"));
    let started = std::time::Instant::now();
    let (matched, ()) = tokio::join!(waiting, calling);
    assert_eq!(matched.unwrap().state(), ChallengeState::Matched);
    assert!(started.elapsed() < SOON / 3, "the waiter slept through the call");

    let published = wait_for("the match to be heard by others", SOON, async || {
        let published = published(&world).await;
        if published.len() == 2 {
            Ok(published)
        } else {
            Err(published)
        }
    })
    .await;
    assert!(
        matches!(
            published[..],
            [Event::ChallengeOpened(_), Event::ChallengeMatched(_)]
        ),
        "{published:?}"
    );
    let Event::ChallengeMatched(matched) = &published[1] else {
        unreachable!()
    };
    assert_eq!(matched.account_id, Uuid::from_u128(1).to_string());
    assert_eq!(matched.login_id, Uuid::from_u128(1).to_string());
    world.stop().await;
}

/// What the others hear, from the feed.
async fn published(world: &World) -> Vec<Event> {
    let request = bearing(ReadRequest::default(), &secret_of(names::IDENTITY));
    let page = FeedServiceClient::new(world.channel())
        .read(request)
        .await
        .unwrap()
        .into_inner();
    let event = |payload: Vec<u8>| {
        PhoneVerificationEvent::decode(&payload[..])
            .unwrap()
            .event
            .unwrap()
    };
    page.items.into_iter().map(|item| event(item.payload)).collect()
}

#[tokio::test]
async fn a_retry_opens_nothing_anew_and_other_content_under_its_id_is_refused() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let first = world
        .open_as(&login, Uuid::from_u128(99).to_string())
        .await
        .unwrap();
    world
        .call(
            &first.line_to_dial,
            missing(contracts::phone_verification::v1::MissingCallerId::Withheld),
        )
        .await;
    let again = world
        .open_as(&login, Uuid::from_u128(99).to_string())
        .await
        .unwrap();
    assert_eq!(
        (again.challenge_id, again.line_to_dial),
        (first.challenge_id, first.line_to_dial)
    );
    assert_eq!(world.events("challenge.opened.v1").await.len(), 1);

    let another_token = world.login(1, 1, &[who, subject(9)]);
    let reused = world
        .open_as(&another_token, Uuid::from_u128(99).to_string())
        .await;
    refused(reused, Code::FailedPrecondition, "REQUEST_ID_REUSED");
    let without = world.open_as(&login, String::new()).await;
    refused(without, Code::InvalidArgument, "INVALID_ARGUMENT");
    world.stop().await;
}

#[tokio::test]
async fn pv_3_without_a_usable_number_the_answer_names_the_desk_in_the_callers_language() {
    let world = World::new().await;
    let who = world.policyholder(1, &["050-1234-5678", "0120-123-456"]).await;
    let login = world.login(1, 1, &[who]);
    let status = refused(
        world.open(&login).await,
        Code::FailedPrecondition,
        "NO_USABLE_NUMBER",
    );
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata["contact_number"], "0120-000-001");
    assert_eq!(metadata["contact_open_now"], "true");
    let text = status.get_details_localized_message().unwrap();
    assert_eq!(text.locale, "ja");
    assert!(
        text.message.contains("0120-000-001") && text.message.contains("インターネットデスク"),
        "{}",
        text.message
    );

    let request_id = Uuid::from_u128(1000).to_string();
    let request = Request::new(OpenChallengeRequest {
        request_id,
        login_token: login,
    });
    let request = in_language(request, "en");
    let status = world.client().open_challenge(request).await.unwrap_err();
    let text = status.get_details_localized_message().unwrap().message;
    assert!(text.contains("Internet desk") && !text.contains('{'), "{text}");

    let nobody = world.login(2, 2, &[subject(77)]);
    refused(
        world.open(&nobody).await,
        Code::FailedPrecondition,
        "NO_USABLE_NUMBER",
    );
    world.stop().await;
}

#[tokio::test]
async fn pv_9_a_newer_login_supersedes_the_open_challenge_and_an_older_one_cannot_come_back() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let older = world.login(1, 1, &[who]);
    let first = world.open(&older).await.unwrap();
    world.pass(5);
    let newer = world.login(1, 2, &[who]);
    let second = world.open(&newer).await.unwrap();
    assert_eq!(world.state(&older, &first).await, ChallengeState::Superseded);

    refused(
        world.open(&older).await,
        Code::FailedPrecondition,
        "LOGIN_SUPERSEDED",
    );
    world.call(&first.line_to_dial, number("09012345678")).await;
    if first.line_to_dial != second.line_to_dial {
        assert_eq!(world.state(&newer, &second).await, ChallengeState::Pending);
        world.call(&second.line_to_dial, number("09012345678")).await;
    }
    assert_eq!(world.state(&newer, &second).await, ChallengeState::Matched);
    assert_eq!(world.state(&older, &first).await, ChallengeState::Superseded);
    world.stop().await;
}

#[tokio::test]
async fn another_logins_challenge_does_not_exist_for_this_one() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let (mine, stranger) = (world.login(1, 1, &[who]), world.login(2, 2, &[who]));
    let mut challenge = world.open(&mine).await.unwrap();
    refused(
        world.get(&stranger, &challenge, 0).await,
        Code::NotFound,
        "CHALLENGE_NOT_FOUND",
    );
    refused(
        world.get("no.token.this", &challenge, 0).await,
        Code::Unauthenticated,
        "TOKEN_INVALID",
    );
    challenge.challenge_id = Uuid::from_u128(5).to_string();
    refused(
        world.get(&mine, &challenge, 0).await,
        Code::NotFound,
        "CHALLENGE_NOT_FOUND",
    );
    challenge.challenge_id = "5".to_owned();
    let status = refused(
        world.get(&mine, &challenge, 0).await,
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
    );
    let fields = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(fields[0].reason, "CHALLENGE_ID_INVALID");

    world.pass(600);
    let expired = world.get(&mine, &challenge, 0).await;
    refused(expired, Code::Unauthenticated, "TOKEN_EXPIRED");
    world.stop().await;
}

#[tokio::test]
async fn pv_9_each_state_of_a_challenge_says_what_to_do_in_both_languages() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let older = world.login(1, 1, &[who]);
    let superseded = world.open(&older).await.unwrap();
    world.pass(5);
    let newer = world.login(1, 2, &[who]);
    let expired = world.open(&newer).await.unwrap();
    world.pass(181);
    let next = world.open(&newer).await.unwrap();

    let mut walk = Walk::through("phone-verification");
    let mut told = Vec::new();
    for (login, challenge, instruction) in [
        (&older, &superseded, "CHALLENGE_SUPERSEDED"),
        (&newer, &expired, "CHALLENGE_EXPIRED"),
        (&newer, &next, "CALL_THE_LINE"),
        (&newer, &next, "CALL_VERIFIED"),
    ] {
        if instruction == "CALL_VERIFIED" {
            world.call(&next.line_to_dial, number("090-1234-5678")).await;
        }
        let [japanese, english] = instructions(&world, login, challenge).await;
        walk.text(instruction, &japanese, &english);
        told.push(english);
    }
    assert!(told[0].contains("newer login"), "{told:?}");
    assert!(told[1].contains("No call came"), "{told:?}");
    assert!(told[2].contains(&next.line_to_dial), "{told:?}");
    assert!(told[3].contains("verified"), "{told:?}");
}

/// What to do about a challenge, in each of [`LANGUAGES`].
async fn instructions(world: &World, login: &str, challenge: &Challenge) -> [String; 2] {
    let mut told = LANGUAGES.map(str::to_owned);
    for text in &mut told {
        let request = Request::new(GetChallengeRequest {
            login_token: login.to_owned(),
            challenge_id: challenge.challenge_id.clone(),
            wait_ms: 0,
        });
        let request = in_language(request, text);
        let answer = world.client().get_challenge(request).await.unwrap();
        *text = answer.into_inner().challenge.unwrap().instruction;
    }
    told
}

//! Reported calls: guidance, repeats, lateness, and what a reporter can do wrong.

use contracts::phone_verification::v1::{CallerReading, ChallengeState, MissingCallerId, ReportCallRequest};
use tonic::Code;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::world::{World, missing, number};

#[tokio::test]
async fn pv_6_pv_9_each_failed_call_leaves_its_guidance_and_ends_nothing() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    let line = &challenge.line_to_dial;
    for (caller, expected, hint) in [
        (
            Some(number("090-9999-9999")),
            "NUMBER_NOT_REGISTERED",
            "登録されていない",
        ),
        (
            Some(number("+1 212 555 0100")),
            "NUMBER_NOT_REGISTERED",
            "登録されていない",
        ),
        (
            Some(missing(MissingCallerId::Withheld)),
            "CALLER_ID_WITHHELD",
            "186",
        ),
        (
            Some(missing(MissingCallerId::Payphone)),
            "CALLER_ID_PAYPHONE",
            "公衆電話",
        ),
        (
            Some(missing(MissingCallerId::Unavailable)),
            "CALLER_ID_UNAVAILABLE",
            "国際電話",
        ),
        (
            Some(missing(MissingCallerId::ServiceConflict)),
            "CALLER_ID_SERVICE_CONFLICT",
            "電話サービス",
        ),
        (None, "CALLER_ID_UNAVAILABLE", "国際電話"),
    ] {
        world.pass(1);
        world.call(line, caller).await;
        let seen = world.get(&login, &challenge, 0).await.unwrap();
        assert_eq!(seen.state(), ChallengeState::Pending);
        let guidance = seen.guidance.unwrap();
        assert_eq!(guidance.reason, expected);
        assert_eq!(guidance.at_us, world.now().as_microsecond());
        assert!(guidance.message.contains(hint), "{}", guidance.message);
        assert_eq!(
            guidance.message.contains("186"),
            expected == "CALLER_ID_WITHHELD",
            "PV-6: only the withheld dial 186"
        );
    }
    world.call(line, number("090-1234-5678")).await;
    let seen = world.get(&login, &challenge, 0).await.unwrap();
    assert_eq!((seen.state(), seen.guidance), (ChallengeState::Matched, None));
    world.stop().await;
}

#[tokio::test]
async fn new_guidance_ends_a_wait() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    let waiting = world.get(&login, &challenge, 20_000);
    let calling = world.call(&challenge.line_to_dial, missing(MissingCallerId::Withheld));
    let (seen, ()) = tokio::join!(waiting, calling);
    let seen = seen.unwrap();
    assert_eq!(seen.state(), ChallengeState::Pending);
    assert_eq!(seen.guidance.unwrap().reason, "CALLER_ID_WITHHELD");
    world.stop().await;
}

#[tokio::test]
async fn pv_8_a_replayed_call_id_is_ignored() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let before = world.report("03-5000-0000", number("090-1234-5678"));
    world.send(before.clone()).await.unwrap();
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();

    // The same call, repeated by the carrier and replayed by somebody over the challenge's line.
    world.send(before.clone()).await.unwrap();
    let request_id = Uuid::from_u128(7000).to_string();
    let replay = ReportCallRequest {
        request_id,
        dialled_line: challenge.line_to_dial.clone(),
        ..before
    };
    world.send(replay).await.unwrap();
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Pending);
    assert_eq!(world.events("call.reported.v1").await.len(), 1);

    let real = world.report(&challenge.line_to_dial, number("090-1234-5678"));
    for _ in 0..2 {
        world.send(real.clone()).await.unwrap();
    }
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Matched);
    world.wait_for_events("call.settled.v1", 2).await;
    assert_eq!(world.events("challenge.matched.v1").await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn pv_9_a_call_one_second_late_verifies_nothing() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    world.pass(179);
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Pending);
    world.pass(2);
    world.call(&challenge.line_to_dial, number("090-1234-5678")).await;
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Expired);
    world.wait_for_events("challenge.expired.v1", 1).await;
    assert_eq!(world.events("challenge.matched.v1").await.len(), 0);
    assert_eq!(world.get(&login, &challenge, 0).await.unwrap().guidance, None);

    // The login goes on: a new challenge may be opened while its token is good.
    let next = world.open(&login).await.unwrap();
    world.call(&next.line_to_dial, number("090-1234-5678")).await;
    assert_eq!(world.state(&login, &next).await, ChallengeState::Matched);
    world.stop().await;
}

#[tokio::test]
async fn pv_9_a_call_before_the_challenge_verifies_nothing() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    let mut report = world.report(&challenge.line_to_dial, number("090-1234-5678"));
    report.received_at_us = world.now().as_microsecond() - 1_000_000;
    world.send(report).await.unwrap();
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Pending);
    world.stop().await;
}

#[tokio::test]
async fn pv_9_a_redial_after_success_does_nothing() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    for _ in 0..3 {
        world.call(&challenge.line_to_dial, number("090-1234-5678")).await;
        world.pass(1);
        assert_eq!(world.state(&login, &challenge).await, ChallengeState::Matched);
    }
    world.wait_for_events("call.settled.v1", 3).await;
    assert_eq!(world.events("challenge.matched.v1").await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn pv_9_after_a_changed_number_the_old_one_guides_the_next_challenge_on_the_same_line() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1111-2222"]).await;
    let before = world.login(1, 1, &[who]);
    let matched = world.open(&before).await.unwrap();
    world.call(&matched.line_to_dial, number("090-1111-2222")).await;
    assert_eq!(world.state(&before, &matched).await, ChallengeState::Matched);
    world.change_number(1, "080-3333-4444").await;

    world.pass(60);
    let after = world.login(1, 2, &[who]);
    let open = world.open(&after).await.unwrap();
    assert_eq!(open.line_to_dial, matched.line_to_dial, "both on one line");
    world.call(&open.line_to_dial, number("090-1111-2222")).await;
    let seen = world.get(&after, &open, 0).await.unwrap();
    assert_eq!(seen.state(), ChallengeState::Pending);
    let guidance = seen.guidance.unwrap();
    assert_eq!(guidance.reason, "NUMBER_NOT_REGISTERED");
    assert_eq!(guidance.at_us, world.now().as_microsecond());
    world.wait_for_events("call.settled.v1", 2).await;
    assert_eq!(world.events("challenge.matched.v1").await.len(), 1);

    world.call(&open.line_to_dial, number("080-3333-4444")).await;
    assert_eq!(world.state(&after, &open).await, ChallengeState::Matched);
    world.stop().await;
}

#[tokio::test]
async fn pv_9_the_old_number_of_a_superseded_challenge_guides_the_one_that_took_its_place() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1111-2222"]).await;
    let older = world.login(1, 1, &[who]);
    let superseded = world.open(&older).await.unwrap();
    world.change_number(1, "080-3333-4444").await;

    world.pass(5);
    let newer = world.login(1, 2, &[who]);
    let open = world.open(&newer).await.unwrap();
    assert_eq!(open.line_to_dial, superseded.line_to_dial, "both on one line");
    world.call(&open.line_to_dial, number("090-1111-2222")).await;
    let seen = world.get(&newer, &open, 0).await.unwrap();
    assert_eq!(seen.state(), ChallengeState::Pending);
    assert_eq!(seen.guidance.unwrap().reason, "NUMBER_NOT_REGISTERED");
    assert_eq!(world.state(&older, &superseded).await, ChallengeState::Superseded);
    world.stop().await;
}

#[tokio::test]
async fn pv_14_only_the_carrier_reports_calls_and_every_wrong_field_is_named() {
    let world = World::new().await;
    let report = world.report("03-5000-0000", number("090-1234-5678"));
    let status = world.client().report_call(report.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);

    let wrong = ReportCallRequest {
        trunk: String::new(),
        call_id: "two words".to_owned(),
        dialled_line: "03-1111-1111".to_owned(),
        received_at_us: i64::MAX,
        ..report
    };
    let status = world.send(wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let fields = status.get_details_bad_request().unwrap().field_violations;
    let reasons: Vec<_> = fields.iter().map(|field| field.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "TRUNK_INVALID",
            "CALL_ID_INVALID",
            "DIALLED_LINE_UNKNOWN",
            "RECEIVED_AT_INVALID"
        ]
    );
    assert!(fields.iter().all(|field| field.localized_message.is_some()));
    assert!(world.events("call.reported.v1").await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn pv_13_op_9_the_reporter_is_told_how_the_caller_was_read_and_nothing_of_challenges() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    let anonymous = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    let in_words = "\"090-1234-5678\" <sip:taro@trunk.example.jp>";
    for (caller, expected) in [
        (None, CallerReading::Unavailable),
        (Some(number("+1 212 555 0100")), CallerReading::Foreign),
        (Some(number(in_words)), CallerReading::Unreadable),
        (Some(number(anonymous)), CallerReading::Withheld),
        (Some(missing(MissingCallerId::Payphone)), CallerReading::Payphone),
        (
            Some(missing(MissingCallerId::ServiceConflict)),
            CallerReading::ServiceConflict,
        ),
        // A stranger's, the awaited one, and the same once it has verified.
        (Some(number("090-9999-9999")), CallerReading::Number),
        (Some(number("090-1234-5678")), CallerReading::Number),
        (Some(number("090-1234-5678")), CallerReading::Number),
    ] {
        let report = world.report(&challenge.line_to_dial, caller);
        let described = format!("{:?}", report.caller);
        assert_eq!(world.send(report).await.unwrap(), expected, "{described}");
    }
    assert_eq!(world.state(&login, &challenge).await, ChallengeState::Matched);
    world.stop().await;
}

#[tokio::test]
async fn no_caller_number_is_readable_in_any_table() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-1234-5678"]).await;
    let login = world.login(1, 1, &[who]);
    let challenge = world.open(&login).await.unwrap();
    world.call(&challenge.line_to_dial, number("090-8765-4321")).await;
    world.call(&challenge.line_to_dial, number("090-1234-5678")).await;
    world.wait_for_events("call.settled.v1", 2).await;

    let readable = world.tables_with("5000000").await;
    assert!(
        readable.contains(&"store.event".to_owned()),
        "the search finds what is there: {readable:?}"
    );
    for digits in ["9012345678", "9087654321", "090-1234-5678", "090-8765-4321"] {
        assert_eq!(world.tables_with(digits).await, Vec::<String>::new(), "{digits}");
    }
    world.stop().await;
}

#[tokio::test]
async fn op_9_a_caller_reported_as_819055500001_or_as_a_uri_is_matched() {
    let world = World::new().await;
    let who = world.policyholder(1, &["090-5550-0001"]).await;
    let written = [
        "819055500001",
        "tel:+819055500001",
        "sip:+819055500001@trunk.example.jp;user=phone",
        "81-90-5550-0001",
        "\"090-5550-0001\" <sip:%2B819055500001@trunk.example.jp>",
    ];
    for (login, written) in (1..).zip(written) {
        let login = world.login(1, login, &[who]);
        let challenge = world.open(&login).await.unwrap();
        world.call(&challenge.line_to_dial, number(written)).await;
        let seen = world.get(&login, &challenge, 0).await.unwrap();
        assert_eq!(seen.state(), ChallengeState::Matched, "{written}");
        world.pass(1);
    }
}

//! What a challenge decides, rule by rule (PV-8).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use decider::specification::given;
use uuid::Uuid;

use super::*;

const ACCOUNT: AccountId = AccountId::from_uuid(Uuid::from_u128(1));
const LOGIN: LoginId = LoginId::from_uuid(Uuid::from_u128(2));
const NEWER: ChallengeId = ChallengeId::from_uuid(Uuid::from_u128(3));
const CALL: CallId = CallId::from_uuid(Uuid::from_u128(4));
const REGISTERED: NumberHash = NumberHash::from_bytes([1; 32]);
const STRANGER: NumberHash = NumberHash::from_bytes([2; 32]);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn challenge() -> Opened {
    Opened {
        account_id: ACCOUNT,
        login_id: LOGIN,
        line: PhoneNumber::parse("03-5000-0001").unwrap(),
        numbers: BTreeSet::from([REGISTERED]),
        opened_at: at(1000),
        expires_at: at(1180),
        supersedes: BTreeSet::new(),
    }
}

fn opened() -> ChallengeEvent {
    challenge().into_event()
}

fn call(number: NumberHash, call_id: CallId, second: i64) -> ChallengeCommand {
    ChallengeCommand::Match {
        number,
        call_id,
        called_at: at(second),
    }
}

fn matched() -> ChallengeEvent {
    ChallengeEvent::Matched {
        account_id: ACCOUNT,
        login_id: LOGIN,
        call_id: CALL,
        matched_at: at(1060),
    }
}

fn superseded() -> ChallengeEvent {
    ChallengeEvent::Superseded {
        account_id: ACCOUNT,
        login_id: Some(LOGIN),
        by: NEWER,
    }
}

fn expired() -> ChallengeEvent {
    ChallengeEvent::Expired {
        account_id: ACCOUNT,
        login_id: LOGIN,
    }
}

fn supersede(second: i64) -> ChallengeCommand {
    ChallengeCommand::Supersede {
        by: NEWER,
        account_id: ACCOUNT,
        at: at(second),
    }
}

#[test]
fn pv_1_a_call_from_a_registered_number_matches() {
    let state = given::<Challenge>([opened()])
        .when(call(REGISTERED, CALL, 1060))
        .then([matched()]);
    assert_eq!(state.status_at(at(9999)), Some(ChallengeStatus::Matched));
}

#[test]
fn pv_8_it_matches_once_and_a_redial_after_success_does_nothing() {
    given::<Challenge>([opened(), matched()])
        .when(call(REGISTERED, CALL, 1060))
        .then_nothing();
    let redial = CallId::from_uuid(Uuid::from_u128(5));
    given::<Challenge>([opened(), matched()])
        .when(call(REGISTERED, redial, 1070))
        .then_rejected("CHALLENGE_NOT_OPEN");
}

#[test]
fn pv_9_the_challenge_exists_before_the_call() {
    given::<Challenge>([opened()])
        .when(call(REGISTERED, CALL, 999))
        .then_rejected("CHALLENGE_NOT_OPEN");
    given::<Challenge>([])
        .when(call(REGISTERED, CALL, 1060))
        .then_rejected("CHALLENGE_NOT_OPEN");
    given::<Challenge>([opened()])
        .when(call(REGISTERED, CALL, 1000))
        .then_accepted();
}

#[test]
fn pv_9_a_call_at_the_instant_of_expiry_is_too_late_also_before_that_was_recorded() {
    given::<Challenge>([opened()])
        .when(call(REGISTERED, CALL, 1180))
        .then_rejected("CHALLENGE_NOT_OPEN");
    given::<Challenge>([opened()])
        .when(call(REGISTERED, CALL, 1179))
        .then_accepted();
    let state = given::<Challenge>([opened()]).state();
    assert_eq!(state.status_at(at(1179)), Some(ChallengeStatus::Pending));
    assert_eq!(state.status_at(at(1180)), Some(ChallengeStatus::Expired));
}

#[test]
fn pv_9_a_call_from_another_number_ends_nothing() {
    given::<Challenge>([opened()])
        .when(call(STRANGER, CALL, 1060))
        .then_rejected("NUMBER_NOT_REGISTERED");
}

#[test]
fn pv_9_it_expires_at_its_instant_and_not_before() {
    given::<Challenge>([opened()])
        .when(ChallengeCommand::Expire { at: at(1179) })
        .then_nothing();
    given::<Challenge>([opened()])
        .when(ChallengeCommand::Expire { at: at(1180) })
        .then([expired()]);
    for ended in [matched(), superseded(), expired()] {
        given::<Challenge>([opened(), ended])
            .when(ChallengeCommand::Expire { at: at(1180) })
            .then_nothing();
    }
}

#[test]
fn pv_9_a_newer_login_supersedes_what_is_open_and_nothing_else() {
    let state = given::<Challenge>([opened()])
        .when(supersede(1060))
        .then([superseded()]);
    assert_eq!(state.status_at(at(1060)), Some(ChallengeStatus::Superseded));
    given::<Challenge>([opened(), matched()])
        .when(supersede(1060))
        .then_nothing();
    given::<Challenge>([opened()])
        .when(supersede(1180))
        .then([expired()]);
    given::<Challenge>([opened(), superseded()])
        .when(call(REGISTERED, CALL, 1070))
        .then_rejected("CHALLENGE_NOT_OPEN");
}

#[test]
fn pv_9_a_challenge_superseded_before_it_was_opened_never_opens() {
    let tombstone = ChallengeEvent::Superseded {
        account_id: ACCOUNT,
        login_id: None,
        by: NEWER,
    };
    given::<Challenge>([])
        .when(supersede(1060))
        .then([tombstone.clone()]);
    given::<Challenge>([tombstone])
        .when(ChallengeCommand::Open(challenge()))
        .then_rejected("LOGIN_SUPERSEDED");
}

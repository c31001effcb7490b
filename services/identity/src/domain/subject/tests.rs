//! Given, when, then: who may erase whom, and what a hold keeps.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use decider::specification::given;
use uuid::Uuid;

use super::*;

const SUBJECT: SubjectId = SubjectId::from_uuid(Uuid::from_u128(1));
const OTHER: SubjectId = SubjectId::from_uuid(Uuid::from_u128(2));

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn asked(by: &str) -> Requested {
    Requested {
        ground: ErasureGround::SubjectRequest,
        by: by.to_owned(),
        at: at(1),
    }
}

fn request(by: &str) -> SubjectCommand {
    SubjectCommand::Request {
        subject: SUBJECT,
        request: asked(by),
    }
}

fn approve(by: &str) -> SubjectCommand {
    SubjectCommand::Approve {
        subject: SUBJECT,
        by: by.to_owned(),
        at: at(2),
    }
}

fn reject(by: &str) -> SubjectCommand {
    SubjectCommand::Reject {
        by: by.to_owned(),
        at: at(2),
    }
}

fn record() -> SubjectCommand {
    SubjectCommand::RecordErased(Box::new(Destroyed {
        subject: SUBJECT,
        key_id: KeyId::from_uuid(Uuid::from_u128(3)),
        algorithm: "XC20P".to_owned(),
        key_digest: Some("00".repeat(32)),
        destroyed_at: at(3),
        certificate: "signed".to_owned(),
    }))
}

fn hold(number: u128) -> LegalHold {
    LegalHold {
        id: HoldId::from_uuid(Uuid::from_u128(number)),
        reason: HoldReason::Litigation,
        reference: HoldReference::parse("2026-WA-1234").unwrap(),
        placed_by: "S1".to_owned(),
        placed_at: at(0),
    }
}

fn place(number: u128) -> SubjectCommand {
    SubjectCommand::PlaceHold { hold: hold(number) }
}

fn release(number: u128) -> SubjectCommand {
    SubjectCommand::ReleaseHold {
        hold: HoldId::from_uuid(Uuid::from_u128(number)),
        by: "S2".to_owned(),
        at: at(5),
    }
}

fn follow() -> SubjectCommand {
    let approval = Approved {
        request: asked("S1"),
        by: "S2".to_owned(),
        at: at(2),
        with: Some(OTHER),
    };
    SubjectCommand::Follow {
        subject: SUBJECT,
        approval,
    }
}

fn history(commands: impl IntoIterator<Item = SubjectCommand>) -> Vec<SubjectEvent> {
    let mut state = Subject::default();
    let mut history = Vec::new();
    for command in commands {
        let events = state.decide(command).unwrap();
        state = events.iter().fold(state, Decider::evolve);
        history.extend(events);
    }
    history
}

#[test]
fn op_4_one_asks_another_approves_and_the_outcome_is_recorded_once() {
    let state = given::<Subject>(history([request("S1"), approve("S2")])).when(record());
    let (_, state) = state.then_accepted();
    let ErasureState::Erased(erased) = &state.erasure else {
        unreachable!("{state:?}")
    };
    assert_eq!(
        (erased.approved.request.by.as_str(), erased.approved.by.as_str()),
        ("S1", "S2")
    );
    given::<Subject>(history([request("S1"), approve("S2"), record()]))
        .when(record())
        .then_nothing();
}

#[test]
fn op_4_who_asked_does_not_approve() {
    given::<Subject>(history([request("S1")]))
        .when(approve("S1"))
        .then_rejected("SECOND_PERSON_REQUIRED");
}

#[test]
fn what_nobody_asked_for_is_neither_approved_nor_rejected_nor_recorded() {
    for command in [approve("S2"), reject("S2"), record()] {
        given::<Subject>([])
            .when(command)
            .then_rejected("ERASURE_NOT_REQUESTED");
    }
    given::<Subject>(history([request("S1")]))
        .when(request("S2"))
        .then_rejected("ERASURE_ALREADY_REQUESTED");
}

#[test]
fn a_request_is_rejected_by_another_or_taken_back_and_can_come_again() {
    for by in ["S1", "S2"] {
        given::<Subject>(history([request("S1"), reject(by)]))
            .when(request("S1"))
            .then_accepted();
    }
}

#[test]
fn op_4_a_hold_refuses_the_request_and_the_approval_and_says_why() {
    let problem = given::<Subject>(history([place(1)]))
        .when(request("S1"))
        .then_rejected("SUBJECT_ON_LEGAL_HOLD");
    assert_eq!(problem.metadata["holds"], "LITIGATION 2026-WA-1234");
    given::<Subject>(history([request("S1"), place(1)]))
        .when(approve("S2"))
        .then_rejected("SUBJECT_ON_LEGAL_HOLD");
}

#[test]
fn each_hold_is_released_on_its_own() {
    given::<Subject>(history([place(1), place(2), release(1)]))
        .when(request("S1"))
        .then_rejected("SUBJECT_ON_LEGAL_HOLD");
    let free = history([place(1), place(2), release(1), release(2)]);
    given::<Subject>(free.clone()).when(request("S1")).then_accepted();
    given::<Subject>(free).when(release(1)).then_nothing();
    given::<Subject>([])
        .when(release(1))
        .then_rejected("HOLD_NOT_FOUND");
    given::<Subject>(history([place(1)]))
        .when(place(1))
        .then_nothing();
}

#[test]
fn after_the_approval_there_is_no_way_back() {
    let approved = history([request("S1"), approve("S2")]);
    for command in [request("S1"), approve("S3"), reject("S1"), place(1)] {
        given::<Subject>(approved.clone())
            .when(command)
            .then_rejected("ERASURE_UNDER_WAY");
    }
    let erased = history([request("S1"), approve("S2"), record()]);
    for command in [request("S1"), approve("S3"), reject("S1"), place(1)] {
        given::<Subject>(erased.clone())
            .when(command)
            .then_rejected("SUBJECT_ERASED");
    }
}

#[test]
fn an_account_s_own_data_go_with_its_last_subject_unless_they_are_held() {
    let (events, _) = given::<Subject>([]).when(follow()).then_accepted();
    assert!(
        matches!(&events[..], [SubjectEvent::ErasureApproved { with_subject: Some(with), .. }] if *with == OTHER)
    );
    let held = given::<Subject>(history([place(1)])).when(follow());
    let (_, held) = held.then_accepted();
    assert_eq!(held.erasure, ErasureState::Requested(asked("S1")));
    for again in [history([follow()]), history([follow(), record()])] {
        given::<Subject>(again).when(follow()).then_nothing();
    }
}

#[test]
fn a_reference_has_no_room_for_a_name() {
    for good in ["2026-WA-1234", "a", "B/2_3.4", " padded "] {
        assert!(HoldReference::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "見本花子", "two words", &"x".repeat(65)] {
        assert_eq!(HoldReference::parse(bad), Err(ReferenceError), "{bad}");
    }
}

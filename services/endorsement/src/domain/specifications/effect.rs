//! EN-10: a request takes effect once, at its instant, or is taken back before it.

use super::*;

fn midnight() -> Timestamp {
    instant("2026-12-01T00:00:00")
}

fn take_effect(at: Timestamp) -> Command {
    Command::TakeEffect {
        endorsement_id: request_id(1),
        at,
    }
}

fn withdraw(at: Timestamp) -> Command {
    Command::Withdraw {
        endorsement_id: request_id(1),
        requester: requester(),
        at,
    }
}

#[test]
fn en_10_effective_is_recorded_once_at_its_instant() {
    let mut history = changed(a_contract(), "2026-12-01", monday());
    contract(history.clone())
        .when(take_effect(instant("2026-11-30T23:59:59")))
        .then_nothing();
    let (events, state) = contract(history.clone())
        .when(take_effect(midnight()))
        .then_accepted();
    assert!(
        matches!(&events[..], [Event::EndorsementEffective { .. }]),
        "{events:?}"
    );
    assert_eq!(
        state.current().unwrap().terms.last_endorsement_date,
        Some(day("2026-12-01"))
    );
    history.extend(events);
    contract(history).when(take_effect(midnight())).then_nothing();
}

#[test]
fn en_10_a_request_taken_back_restores_what_stood() {
    let mut history = changed(a_contract(), "2026-12-01", monday());
    let (events, state) = contract(history.clone()).when(withdraw(monday())).then_accepted();
    assert!(
        matches!(
            &events[..],
            [
                Event::EndorsementWithdrawn { .. },
                Event::PartyFieldChanged { .. }
            ]
        ),
        "the restored numbers are told whole: {events:?}"
    );
    let current = state.current().unwrap();
    assert_eq!(
        current.endorsement(request_id(1)).unwrap().state,
        RequestState::Withdrawn
    );
    assert!(
        !current.parties.policyholder().fields.phones.is_ahead_of_core(),
        "nothing of ours is ahead of the core system any more"
    );
    history.extend(events);
    assert_eq!(numbers(&history, midnight()), [number(OLD)]);
    contract(history.clone())
        .when(take_effect(midnight()))
        .then_nothing();
    contract(history)
        .when(withdraw(monday()))
        .then_rejected("ENDORSEMENT_NOT_OPEN");
}

/// The row is not sent again, because it was recorded.
#[test]
fn en_17_a_request_taken_back_leaves_the_core_systems_newer_number() {
    let other = "03-1234-5678";
    let mut history = changed(a_contract(), "2026-12-01", monday());
    let newer = row("row 2", &[other], monday());
    let (events, _) = contract(history.clone())
        .when(import(newer.clone()))
        .then_accepted();
    history.extend(events);
    assert_eq!(numbers(&history, midnight()), [number(NEW)], "ours is open");
    let (events, _) = contract(history.clone()).when(withdraw(monday())).then_accepted();
    history.extend(events);
    for at in [monday(), midnight()] {
        assert_eq!(numbers(&history, at), [number(other)]);
    }
    contract(history.clone()).when(import(newer)).then_nothing();
    let (events, _) = contract(history.clone())
        .when(import(row("row 3", &[OLD], monday())))
        .then_accepted();
    history.extend(events);
    assert_eq!(
        numbers(&history, monday()),
        [number(OLD)],
        "nothing of ours is ahead"
    );
}

#[test]
fn en_10_a_request_cannot_be_taken_back_once_its_instant_has_come() {
    let mut history = changed(a_contract(), "2026-12-01", monday());
    let problem = contract(history.clone())
        .when(withdraw(midnight()))
        .then_rejected("ENDORSEMENT_NOT_OPEN");
    assert_eq!(
        problem.metadata["state"], "EFFECTIVE",
        "by the clock, though nobody has recorded it yet"
    );
    let (events, _) = contract(history.clone())
        .when(take_effect(midnight()))
        .then_accepted();
    history.extend(events);
    contract(history)
        .when(withdraw(midnight()))
        .then_rejected("ENDORSEMENT_NOT_OPEN");
}

#[test]
fn an_unknown_request_is_not_found() {
    contract(a_contract())
        .when(withdraw(monday()))
        .then_rejected("ENDORSEMENT_NOT_FOUND");
    contract(vec![])
        .when(withdraw(monday()))
        .then_rejected("CONTRACT_NOT_FOUND");
}

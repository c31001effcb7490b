//! Given, when, then: registration, logins and sessions.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use decider::Explain as _;
use decider::specification::given;
use kernel::ChallengeId;
use uuid::Uuid;

use super::*;
use crate::domain::SlowHash;
use crate::domain::password::{HashCost, Salt};

const ACCOUNT: AccountId = AccountId::from_uuid(Uuid::from_u128(1));
const LOGIN: LoginId = LoginId::from_uuid(Uuid::from_u128(2));
const NEWER: LoginId = LoginId::from_uuid(Uuid::from_u128(3));
const SESSION: SessionId = SessionId::from_uuid(Uuid::from_u128(4));
const CHALLENGE: ChallengeId = ChallengeId::from_uuid(Uuid::from_u128(5));

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn hash(seed: u8) -> PasswordHash {
    PasswordHash {
        cost: HashCost::MINIMUM,
        salt: Salt([seed; 16]),
        hash: SlowHash::new([seed; 32]),
    }
}

fn start() -> AccountCommand {
    AccountCommand::StartRegistration(Box::new(StartRegistration {
        account: ACCOUNT,
        contract: ContractId::from_uuid(Uuid::from_u128(6)),
        subject: SubjectId::from_uuid(Uuid::from_u128(7)),
        route: RegistrationRoute::A,
        email: EmailAddress::parse("hanako@example.jp").unwrap(),
        reservation: ReservationId::from_uuid(Uuid::from_u128(8)),
        password: hash(1),
        at: at(0),
    }))
}

/// The events of one account that did all this.
fn history(commands: impl IntoIterator<Item = AccountCommand>) -> Vec<AccountEvent> {
    let mut state = Account::default();
    let mut history = Vec::new();
    for command in commands {
        let events = state.decide(command).unwrap();
        state = events.iter().fold(state, Decider::evolve);
        history.extend(events);
    }
    history
}

fn registered() -> Vec<AccountCommand> {
    vec![start(), AccountCommand::CompleteRegistration { at: at(1) }]
}

fn open(login: LoginId, second: i64, phone_call_required: bool) -> AccountCommand {
    AccountCommand::OpenLogin {
        login,
        verified: hash(1),
        device: Personal::new(SubjectId::of_account(ACCOUNT), "iPhone".to_owned()),
        phone_call_required,
        at: at(second),
        expires_at: at(second + 600),
    }
}

fn verify(login: LoginId, second: i64) -> AccountCommand {
    AccountCommand::VerifyLogin {
        login,
        challenge: CHALLENGE,
        matched_at: at(second),
    }
}

fn complete(login: LoginId, session: SessionId, second: i64) -> AccountCommand {
    AccountCommand::CompleteLogin {
        login,
        session,
        at: at(second),
    }
}

fn end(reason: SessionEnd, second: i64) -> AccountCommand {
    AccountCommand::EndSession {
        session: SESSION,
        reason,
        at: at(second),
    }
}

fn with(more: impl IntoIterator<Item = AccountCommand>) -> Vec<AccountEvent> {
    history(registered().into_iter().chain(more))
}

fn in_session(more: impl IntoIterator<Item = AccountCommand>) -> Vec<AccountEvent> {
    let session = [
        open(LOGIN, 10, true),
        verify(LOGIN, 20),
        complete(LOGIN, SESSION, 30),
    ];
    with(session.into_iter().chain(more))
}

fn ended(reason: SessionEnd, second: i64) -> AccountEvent {
    AccountEvent::SessionEnded {
        session_id: SESSION,
        reason,
        ended_at: at(second),
    }
}

#[test]
fn id_1_nothing_is_possible_before_registration_is_complete() {
    for command in [open(LOGIN, 10, true), end(SessionEnd::Logout, 1)] {
        given::<Account>([])
            .when(command.clone())
            .then_rejected("ACCOUNT_NOT_FOUND");
        given::<Account>(history([start()]))
            .when(command)
            .then_rejected("ACCOUNT_NOT_FOUND");
    }
}

#[test]
fn registration_ends_once_either_way() {
    let refuse = || AccountCommand::RefuseRegistration {
        reason: RegistrationRefusal::EmailAlreadyUsed,
        at: at(2),
    };
    let finish = || AccountCommand::CompleteRegistration { at: at(2) };
    given::<Account>(history(registered()))
        .when(finish())
        .then_nothing();
    given::<Account>(history(registered()))
        .when(refuse())
        .then_rejected("REGISTRATION_ENDED");
    given::<Account>(history(registered()))
        .when(start())
        .then_rejected("REGISTRATION_ENDED");
    let refused = history([start(), refuse()]);
    given::<Account>(refused.clone()).when(refuse()).then_nothing();
    let problem = given::<Account>(refused.clone())
        .when(finish())
        .then_rejected("EMAIL_ALREADY_USED");
    assert_eq!(problem.violations[0].field, "email");
    given::<Account>(refused)
        .when(open(LOGIN, 10, true))
        .then_rejected("ACCOUNT_NOT_FOUND");
}

#[test]
fn pv_1_tokens_are_issued_only_after_the_call() {
    given::<Account>(with([open(LOGIN, 10, true)]))
        .when(complete(LOGIN, SESSION, 20))
        .then_nothing();
    let state = given::<Account>(with([open(LOGIN, 10, true), verify(LOGIN, 20)]))
        .when(complete(LOGIN, SESSION, 30))
        .then([AccountEvent::SessionOpened {
            session_id: SESSION,
            login_id: LOGIN,
            call_verified: true,
            opened_at: at(30),
        }]);
    assert!(state.holder().unwrap().sessions[&SESSION].call_verified);
}

#[test]
fn pv_2_before_the_gate_the_password_alone_opens_a_session_that_is_not_call_verified() {
    let (_, state) = given::<Account>(with([open(LOGIN, 10, false)]))
        .when(complete(LOGIN, SESSION, 10))
        .then_accepted();
    assert!(!state.holder().unwrap().sessions[&SESSION].call_verified);
}

#[test]
fn pv_9_a_newer_login_supersedes_the_open_one() {
    let history = with([open(LOGIN, 10, true), open(NEWER, 11, true)]);
    given::<Account>(history.clone())
        .when(complete(LOGIN, SESSION, 20))
        .then_rejected("LOGIN_SUPERSEDED");
    given::<Account>(history.clone())
        .when(verify(LOGIN, 20))
        .then_nothing();
    given::<Account>(history).when(verify(NEWER, 20)).then_accepted();
}

#[test]
fn a_login_expires_to_the_second() {
    let history = with([open(LOGIN, 10, true)]);
    given::<Account>(history.clone())
        .when(verify(LOGIN, 610))
        .then_nothing();
    given::<Account>(history.clone())
        .when(verify(LOGIN, 609))
        .then_accepted();
    given::<Account>(history)
        .when(complete(LOGIN, SESSION, 610))
        .then_rejected("LOGIN_EXPIRED");
}

#[test]
fn pv_8_a_second_match_does_nothing() {
    given::<Account>(with([open(LOGIN, 10, true), verify(LOGIN, 20)]))
        .when(verify(LOGIN, 21))
        .then_nothing();
}

#[test]
fn a_password_verified_against_an_older_hash_opens_nothing() {
    let rehash = AccountCommand::Rehash {
        verified: hash(1),
        password: hash(2),
    };
    given::<Account>(with([rehash.clone()]))
        .when(open(LOGIN, 10, true))
        .then_rejected("LOGIN_FAILED");
    given::<Account>(with([rehash.clone()]))
        .when(rehash)
        .then_rejected("LOGIN_FAILED");
}

#[test]
fn id_16_a_login_opens_one_session_however_often_it_is_completed() {
    given::<Account>(in_session([]))
        .when(complete(LOGIN, SESSION, 31))
        .then_nothing();
    given::<Account>(in_session([end(SessionEnd::Logout, 31)]))
        .when(complete(LOGIN, SESSION, 32))
        .then_rejected("LOGIN_ALREADY_COMPLETED");
}

#[test]
fn id_16_a_session_that_has_ended_says_why() {
    for (reason, told) in [
        (SessionEnd::Logout, "SESSION_ENDED"),
        (SessionEnd::Superseded, "SESSION_ENDED"),
        (SessionEnd::SubjectErased, "SESSION_ENDED"),
        (SessionEnd::ReplayedRefreshToken, "SESSION_ENDED_REPLAY"),
        (SessionEnd::Expired, "REFRESH_TOKEN_INVALID"),
    ] {
        let state = given::<Account>(in_session([end(reason, 50)])).state();
        let refusal = state.holder().unwrap().sessions[&SESSION].refusal();
        assert_eq!(refusal.unwrap().explain().reason, told);
    }
    let open = given::<Account>(in_session([])).state();
    assert_eq!(open.holder().unwrap().sessions[&SESSION].refusal(), None);
}

#[test]
fn a_session_ends_once() {
    given::<Account>(in_session([]))
        .when(end(SessionEnd::Logout, 50))
        .then([ended(SessionEnd::Logout, 50)]);
    given::<Account>(in_session([end(SessionEnd::Logout, 50)]))
        .when(end(SessionEnd::ReplayedRefreshToken, 51))
        .then_nothing();
}

#[test]
fn the_oldest_of_too_many_sessions_gives_way() {
    let mut commands = registered();
    for n in 0..20_u8 {
        let login = LoginId::from_uuid(Uuid::from_u128(100 + u128::from(n)));
        let session = SessionId::from_uuid(Uuid::from_u128(200 + u128::from(n)));
        commands.push(open(login, 10 + i64::from(n), false));
        commands.push(complete(login, session, 10 + i64::from(n)));
    }
    commands.push(open(NEWER, 100, false));
    let (events, state) = given::<Account>(history(commands))
        .when(complete(NEWER, SESSION, 100))
        .then_accepted();
    assert!(
        matches!(events[0], AccountEvent::SessionEnded { session_id, reason: SessionEnd::Superseded, .. }
        if session_id == SessionId::from_uuid(Uuid::from_u128(200)))
    );
    let open = state
        .holder()
        .unwrap()
        .sessions
        .values()
        .filter(|session| session.is_open())
        .count();
    assert_eq!(open, MAX_SESSIONS);
}

#[test]
fn an_ended_session_is_forgotten_at_the_first_login_after_its_last_token_expired() {
    let forgotten = 50 + REFRESH_LIFE.as_secs();
    for (second, sessions) in [(forgotten - 1, 1), (forgotten, 0)] {
        let ended = end(SessionEnd::Logout, 50);
        let state = given::<Account>(in_session([ended, open(NEWER, second, true)])).state();
        assert_eq!(state.holder().unwrap().sessions.len(), sessions);
        let debug = format!("{state:?}");
        assert!(!debug.contains("hanako") && !debug.contains("iPhone"), "{debug}");
    }
    let state = given::<Account>(in_session([open(NEWER, 10 * forgotten, true)])).state();
    assert_eq!(state.holder().unwrap().sessions.len(), 1, "an open one stays");
}

/// Somebody who sees two policyholders' contracts.
fn of_two_subjects() -> Vec<AccountEvent> {
    let mut history = history(registered());
    for event in &mut history {
        if let AccountEvent::Registered { subjects, .. } = event {
            subjects.insert(SubjectId::from_uuid(Uuid::from_u128(70)));
        }
    }
    history
}

fn lose(subject: u128) -> AccountCommand {
    AccountCommand::LoseSubject {
        subject: SubjectId::from_uuid(Uuid::from_u128(subject)),
        at: at(50),
    }
}

fn after(mut history: Vec<AccountEvent>, commands: impl IntoIterator<Item = AccountCommand>) -> Account {
    let mut state = history
        .drain(..)
        .fold(Account::default(), |state, event| state.evolve(&event));
    for command in commands {
        let events = state.decide(command).unwrap();
        state = events.iter().fold(state, Decider::evolve);
    }
    state
}

#[test]
fn op_4_an_account_that_loses_one_of_two_subjects_sees_the_other_and_logs_in_anew() {
    let state = after(
        of_two_subjects(),
        [open(LOGIN, 2, false), complete(LOGIN, SESSION, 3), lose(7)],
    );
    let holder = state.holder().unwrap();
    assert_eq!(
        holder.subjects,
        BTreeSet::from([SubjectId::from_uuid(Uuid::from_u128(70))])
    );
    assert!(
        holder
            .sessions
            .values()
            .all(|session| session.ended == Some((SessionEnd::SubjectErased, at(50))))
    );
    assert_eq!(holder.login, None);
    let again = after(of_two_subjects(), [lose(7), open(LOGIN, 60, false)]);
    assert!(again.holder().unwrap().login.is_some());
}

#[test]
fn op_4_an_account_that_loses_its_last_subject_is_closed() {
    let closed = after(history(registered()), [lose(7)]);
    assert_eq!(
        closed,
        Account::Closed(ReservationId::from_uuid(Uuid::from_u128(8)))
    );
    assert_eq!(
        closed.decide(open(LOGIN, 60, false)),
        Err(AccountRejection::Closed)
    );
    assert_eq!(closed.decide(lose(7)), Ok(vec![]));
}

#[test]
fn op_4_a_registration_under_way_ends_first_and_a_refused_one_is_closed_too() {
    given::<Account>(history([start()])).when(lose(7)).then_nothing();
    let refuse = AccountCommand::RefuseRegistration {
        reason: RegistrationRefusal::EmailAlreadyUsed,
        at: at(1),
    };
    let closed = after(history([start(), refuse]), [lose(7)]);
    assert_eq!(
        closed,
        Account::Closed(ReservationId::from_uuid(Uuid::from_u128(8)))
    );
}

#[test]
fn a_subject_the_account_never_saw_changes_nothing() {
    given::<Account>(history(registered()))
        .when(lose(9))
        .then_nothing();
}

//! Given, when, then: registration, logins and the refresh family.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use decider::specification::given;
use kernel::ChallengeId;
use uuid::Uuid;

use super::*;
use crate::domain::password::{HashCost, Salt};
use crate::domain::{SlowHash, TokenHash};

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

fn token(seed: u8) -> TokenHash {
    TokenHash::new([seed; 32])
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

fn complete(login: LoginId, session: SessionId, refresh: u8, second: i64) -> AccountCommand {
    AccountCommand::CompleteLogin {
        login,
        session,
        refresh: token(refresh),
        at: at(second),
        refresh_expires_at: at(second + 2_592_000),
    }
}

fn refresh(presented: u8, successor: u8, second: i64) -> AccountCommand {
    AccountCommand::Refresh {
        session: SESSION,
        presented: token(presented),
        refresh: token(successor),
        at: at(second),
        refresh_expires_at: at(second + 2_592_000),
    }
}

fn with(more: impl IntoIterator<Item = AccountCommand>) -> Vec<AccountEvent> {
    history(registered().into_iter().chain(more))
}

/// A verified session whose first refresh token is 10.
fn in_session(more: impl IntoIterator<Item = AccountCommand>) -> Vec<AccountEvent> {
    let session = [
        open(LOGIN, 10, true),
        verify(LOGIN, 20),
        complete(LOGIN, SESSION, 10, 30),
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
    for command in [
        open(LOGIN, 10, true),
        refresh(1, 2, 10),
        AccountCommand::Logout {
            session: SESSION,
            at: at(1),
        },
    ] {
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
        .when(complete(LOGIN, SESSION, 10, 20))
        .then_nothing();
    let state = given::<Account>(with([open(LOGIN, 10, true), verify(LOGIN, 20)]))
        .when(complete(LOGIN, SESSION, 10, 30))
        .then([AccountEvent::SessionOpened {
            session_id: SESSION,
            login_id: LOGIN,
            call_verified: true,
            refresh: token(10),
            opened_at: at(30),
            refresh_expires_at: at(30 + 2_592_000),
        }]);
    assert!(state.holder().unwrap().sessions[&SESSION].call_verified);
}

#[test]
fn pv_2_before_the_gate_the_password_alone_opens_a_session_that_is_not_call_verified() {
    let (_, state) = given::<Account>(with([open(LOGIN, 10, false)]))
        .when(complete(LOGIN, SESSION, 10, 10))
        .then_accepted();
    assert!(!state.holder().unwrap().sessions[&SESSION].call_verified);
}

#[test]
fn pv_9_a_newer_login_supersedes_the_open_one() {
    let history = with([open(LOGIN, 10, true), open(NEWER, 11, true)]);
    given::<Account>(history.clone())
        .when(complete(LOGIN, SESSION, 10, 20))
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
        .when(complete(LOGIN, SESSION, 10, 610))
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
fn id_16_a_lost_answer_to_the_login_is_answered_again_while_unused() {
    let again = given::<Account>(in_session([]))
        .when(complete(LOGIN, SESSION, 11, 31))
        .then_accepted();
    assert!(matches!(
        again.0[..],
        [AccountEvent::SessionReissued {
            session_id: SESSION,
            ..
        }]
    ));
    let both = in_session([complete(LOGIN, SESSION, 11, 31)]);
    given::<Account>(both.clone())
        .when(refresh(10, 12, 40))
        .then_accepted();
    given::<Account>(both).when(refresh(11, 12, 40)).then_accepted();
    given::<Account>(in_session([refresh(10, 11, 40)]))
        .when(complete(LOGIN, SESSION, 12, 41))
        .then_rejected("LOGIN_ALREADY_COMPLETED");
}

#[test]
fn id_16_the_predecessor_is_honoured_again_while_its_successor_is_unused() {
    let lost = in_session([refresh(10, 11, 40)]);
    given::<Account>(lost.clone())
        .when(refresh(10, 12, 41))
        .then_accepted();
    // Whichever answer arrived can be used.
    for successor in [11, 12] {
        let twice = in_session([refresh(10, 11, 40), refresh(10, 12, 41)]);
        given::<Account>(twice)
            .when(refresh(successor, 13, 42))
            .then_accepted();
    }
}

#[test]
fn id_16_a_replay_after_the_successor_was_used_ends_the_whole_family() {
    let used = [refresh(10, 11, 40), refresh(11, 12, 50)];
    let state = given::<Account>(in_session(used.clone()))
        .when(refresh(10, 13, 60))
        .then([ended(SessionEnd::ReplayedRefreshToken, 60)]);
    assert!(!state.holder().unwrap().sessions[&SESSION].is_open());
    let replayed = in_session(used.into_iter().chain([refresh(10, 13, 60)]));
    for token in [10, 11, 12] {
        given::<Account>(replayed.clone())
            .when(refresh(token, 14, 61))
            .then_rejected("SESSION_ENDED_REPLAY");
    }
    given::<Account>(replayed)
        .when(refresh(13, 14, 61))
        .then_rejected("REFRESH_TOKEN_INVALID");
}

#[test]
fn id_16_a_sibling_of_a_used_successor_is_used_up_too() {
    let history = in_session([refresh(10, 11, 40), refresh(10, 12, 41), refresh(12, 13, 42)]);
    given::<Account>(history)
        .when(refresh(11, 14, 43))
        .then([ended(SessionEnd::ReplayedRefreshToken, 43)]);
}

#[test]
fn a_made_up_token_ends_nothing() {
    given::<Account>(in_session([]))
        .when(refresh(99, 11, 40))
        .then_rejected("REFRESH_TOKEN_INVALID");
}

#[test]
fn a_refresh_token_expires_to_the_second() {
    let end = 30 + 2_592_000;
    given::<Account>(in_session([]))
        .when(refresh(10, 11, end))
        .then_rejected("REFRESH_TOKEN_INVALID");
    given::<Account>(in_session([]))
        .when(refresh(10, 11, end - 1))
        .then_accepted();
}

#[test]
fn logout_ends_the_session_once() {
    let logout = AccountCommand::Logout {
        session: SESSION,
        at: at(50),
    };
    given::<Account>(in_session([]))
        .when(logout.clone())
        .then([ended(SessionEnd::Logout, 50)]);
    given::<Account>(in_session([logout.clone()]))
        .when(logout.clone())
        .then_nothing();
    given::<Account>(in_session([logout]))
        .when(refresh(10, 11, 51))
        .then_rejected("SESSION_ENDED");
}

#[test]
fn the_oldest_of_too_many_sessions_gives_way() {
    let mut commands = registered();
    for n in 0..20_u8 {
        let login = LoginId::from_uuid(Uuid::from_u128(100 + u128::from(n)));
        let session = SessionId::from_uuid(Uuid::from_u128(200 + u128::from(n)));
        commands.push(open(login, 10 + i64::from(n), false));
        commands.push(complete(login, session, 100 + n, 10 + i64::from(n)));
    }
    commands.push(open(NEWER, 100, false));
    let (events, state) = given::<Account>(history(commands))
        .when(complete(NEWER, SESSION, 10, 100))
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
fn expired_sessions_are_forgotten_at_the_next_login() {
    let state = given::<Account>(in_session([open(NEWER, 3_000_000, true)])).state();
    assert!(state.holder().unwrap().sessions.is_empty());
    let debug = format!("{state:?}");
    assert!(!debug.contains("hanako") && !debug.contains("iPhone"), "{debug}");
}

proptest::proptest! {
    /// ID-16 for any order of exchanges: after a used-up token came, nothing of the family is good.
    #[test]
    fn id_16_holds_in_any_order_of_exchanges(presented in proptest::collection::vec(0_usize..12, 1..40)) {
        let mut state = given::<Account>(in_session([])).state();
        let mut issued: Vec<u8> = vec![10];
        for (index, choice) in presented.into_iter().enumerate() {
            let next = u8::try_from(100 + index).unwrap();
            let presented = issued[choice % issued.len()];
            let was_open = state.holder().unwrap().sessions[&SESSION].is_open();
            match state.decide(refresh(presented, next, 40)) {
                Ok(events) => {
                    proptest::prop_assert!(was_open);
                    state = events.iter().fold(state, Decider::evolve);
                    if state.holder().unwrap().sessions[&SESSION].is_open() {
                        issued.push(next);
                    }
                }
                Err(rejection) => {
                    proptest::prop_assert!(!was_open);
                    proptest::prop_assert_eq!(rejection, AccountRejection::SessionEndedByReplay);
                }
            }
        }
    }
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
        [open(LOGIN, 2, false), complete(LOGIN, SESSION, 1, 3), lose(7)],
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
            .all(|session| session.ended == Some(SessionEnd::SubjectErased))
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

//! Every reason in `messages.toml`, met over gRPC and read in both languages: refusals, rows of an import, conditions.
//! One row each; a reason without a row fails.

use contracts::identity::v1::{
    CompleteLoginRequest, DescribeRegistrationRequest, GetAccountRequest, ImportInitialCredentialsRequest,
    InitialCredential, LoginRequest, LogoutRequest, RefreshRequest, RegisterWithInitialCredentialsRequest,
};
use identity::Identity;
use rulebook::DEFAULT_RULEBOOK;
use service::Service as _;
use testkit::wait_for;
use testkit::walk::{LANGUAGES, Refusal, Walk};
use tonic::Code::{
    AlreadyExists, FailedPrecondition, NotFound, ResourceExhausted, Unauthenticated, Unavailable,
};
use tonic::{Request, Status};

use crate::asking::reading;
use crate::holding::{hold, may_be_held, until_waiting};
use crate::mistakes::{MISTAKES, TYPED};
use crate::world::{BUSY, CODE, Contract, DEADLINE, PASSWORD, World, bearing, random, reason};

/// What no sequence of calls leads to. An account's id comes from the request's key, so a second start of the same
/// registration is always found as the first; the specification of the account tells it all the same.
const NOT_BY_CALLS: [&str; 1] = ["REGISTRATION_ENDED"];

#[tokio::test]
async fn every_reason_is_met_as_customers_and_staff_read_it() {
    let mut walk = Walk::through(Identity::NAME);
    let world = World::start().await;
    describing(&world, &mut walk, &CONDITIONS).await;
    typed(&world, &mut walk).await;
    contracts(&world, &mut walk).await;
    contract_changed(&world, &mut walk).await;
    rows(&world, &mut walk).await;
    logins(&world, &mut walk).await;
    other_rules(&mut walk).await;
    is_busy(&mut walk).await;
    crate::erasure_walk::erasures(&world, &mut walk).await;
    walk.covers_all_but(&NOT_BY_CALLS, Identity::MESSAGES);
}

/// A call that is to be refused.
enum Call {
    Register(RegisterWithInitialCredentialsRequest),
    Login(LoginRequest),
    Complete(String),
    Refresh(String),
    Account(String),
    Import(Vec<InitialCredential>),
}

async fn ask(world: &World, call: &Call, language: &str) -> Status {
    let mut client = world.client.clone();
    let refused = match call {
        Call::Register(message) => {
            let request = reading(Request::new(message.clone()), language);
            client.register_with_initial_credentials(request).await.err()
        }
        Call::Login(message) => {
            let request = reading(Request::new(message.clone()), language);
            client.login(request).await.err()
        }
        Call::Complete(login_token) => {
            let message = CompleteLoginRequest {
                login_token: login_token.clone(),
                wait_ms: 0,
            };
            client
                .complete_login(reading(Request::new(message), language))
                .await
                .err()
        }
        Call::Refresh(refresh_token) => {
            let message = RefreshRequest {
                refresh_token: refresh_token.clone(),
            };
            client
                .refresh(reading(Request::new(message), language))
                .await
                .err()
        }
        Call::Account(token) => {
            let request = reading(bearing(GetAccountRequest {}, token), language);
            client.get_account(request).await.err()
        }
        Call::Import(rows) => {
            let message = ImportInitialCredentialsRequest {
                request_id: random().to_string(),
                rows: rows.clone(),
                as_of_us: world.as_of_us(),
                dry_run: false,
            };
            let request = reading(world.as_administrator(message), language);
            client.import_initial_credentials(request).await.err()
        }
    };
    refused.expect("the call is refused")
}

async fn refused(world: &World, walk: &mut Walk, table: Vec<(Call, Refusal)>) {
    for (call, expected) in table {
        let [ja, en] = LANGUAGES.map(|language| ask(world, &call, language));
        walk.refused(&expected, [&ja.await, &en.await]);
    }
}

fn registering(contract: &Contract, code: &str, email: &str) -> RegisterWithInitialCredentialsRequest {
    RegisterWithInitialCredentialsRequest {
        request_id: random().to_string(),
        initial_user_id: contract.policy.clone(),
        initial_password: code.to_owned(),
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
    }
}

fn logging_in(user_id: &str, password: &str, device: &str) -> Call {
    Call::Login(LoginRequest {
        user_id: user_id.to_owned(),
        password: password.to_owned(),
        device: device.to_owned(),
        device_token: String::new(),
    })
}

/// What is wrong with what was typed, field by field.
async fn typed(world: &World, walk: &mut Walk) {
    let rows = TYPED.map(|(field, reason, make)| {
        let mut message = registering(&Contract::new(90), CODE, "a@example.jp");
        make(&mut message);
        (Call::Register(message), Refusal::invalid(field, reason))
    });
    refused(world, walk, rows.into()).await;

    let masked = registering(&Contract::new(90), "＊＊＊＊＊", "a@example.jp");
    let table = vec![
        (
            Call::Register(masked),
            Refusal::new(FailedPrecondition, "INITIAL_CODE_MASKED")
                .field("initial_password", "INITIAL_CODE_MASKED"),
        ),
        (
            logging_in("", PASSWORD, ""),
            Refusal::invalid("user_id", "USER_ID_REQUIRED"),
        ),
        (
            logging_in("a@example.jp", "", ""),
            Refusal::invalid("password", "PASSWORD_REQUIRED"),
        ),
        (
            logging_in("a@example.jp", PASSWORD, &"x".repeat(65)),
            Refusal::invalid("device", "TEXT_TOO_LONG"),
        ),
    ];
    refused(world, walk, table).await;
}

/// Codes and contracts (ID-2, ID-4, ID-8).
async fn contracts(world: &World, walk: &mut Walk) {
    let used = world.contract(1, CODE).await;
    world.register(&used, CODE, "taken@example.jp").await.unwrap();
    let group = world.contract_of(2, CODE, "GROUP", "CORPORATE").await;
    let good = world.contract(3, CODE).await;
    let unheard = Contract::new(4);
    world.import(vec![unheard.row(CODE)]).await;
    let table = vec![
        (
            registering(&good, "WRONG2CODE9X", "b@example.jp"),
            Refusal::new(Unauthenticated, "INITIAL_CREDENTIALS_WRONG"),
        ),
        (
            registering(&used, CODE, "b@example.jp"),
            Refusal::new(FailedPrecondition, "INITIAL_CODE_USED"),
        ),
        (
            registering(&group, CODE, "b@example.jp"),
            Refusal::new(FailedPrecondition, "CONTRACT_NOT_ELIGIBLE")
                .field("initial_user_id", "GROUP_CONTRACT")
                .field("initial_user_id", "CORPORATE_POLICYHOLDER"),
        ),
        (
            registering(&unheard, CODE, "b@example.jp"),
            Refusal::new(Unavailable, "CONTRACT_NOT_YET_KNOWN").retry(),
        ),
        (
            registering(&good, CODE, "taken@example.jp"),
            Refusal::new(AlreadyExists, "EMAIL_ALREADY_USED").field("email", "EMAIL_ALREADY_USED"),
        ),
    ];
    let table = table
        .into_iter()
        .map(|(message, expected)| (Call::Register(message), expected));
    refused(world, walk, table.collect()).await;
}

/// The contract becomes a group contract between the look at it and the registration's first event. Both events wait,
/// each for its own lock: what changes the contract has been told before, because no event is told while a transaction
/// is open on the same server.
async fn contract_changed(world: &World, walk: &mut Walk) {
    const HEARD: &str = "entitlement.contract_recorded.v1";
    const STARTED: &str = "account.registration_started.v1";
    may_be_held(world, &[HEARD, STARTED]).await;
    let mut answers = Vec::new();
    for (number, language) in (10..).zip(LANGUAGES) {
        let contract = world.contract(number, CODE).await;
        let (hearing, starting) = (hold(world, HEARD).await, hold(world, STARTED).await);
        world.tell_version(&contract, "GROUP", "INDIVIDUAL", 1).await;
        until_waiting(world, HEARD).await;
        let call = Call::Register(registering(&contract, CODE, "changed@example.jp"));
        let meanwhile = async {
            until_waiting(world, STARTED).await;
            hearing.commit().await.unwrap();
            wait_for("the change to be heard", DEADLINE, async || {
                (world.events(HEARD, Some(contract.id.as_uuid())).await == 2).then_some(())
            })
            .await;
            starting.commit().await.unwrap();
        };
        let (answer, ()) = tokio::join!(ask(world, &call, language), meanwhile);
        answers.push(answer);
    }
    let expected = Refusal::new(FailedPrecondition, "CONTRACT_CHANGED");
    walk.refused(&expected, [&answers[0], &answers[1]]);
}

async fn rows(world: &World, walk: &mut Walk) {
    let too_many = Call::Import(vec![InitialCredential::default(); 501]);
    let table = vec![(too_many, Refusal::invalid("rows", "LIST_TOO_LONG"))];
    refused(world, walk, table).await;

    let mut rows: Vec<_> = (20..)
        .zip(MISTAKES)
        .map(|(number, (.., make))| {
            let mut row = Contract::new(number).row(CODE);
            make(&mut row);
            row
        })
        .collect();
    rows.extend([Contract::new(1).row(CODE), Contract::new(1).row(CODE)]);
    let mut answers = Vec::new();
    for language in LANGUAGES {
        let message = ImportInitialCredentialsRequest {
            request_id: random().to_string(),
            rows: rows.clone(),
            as_of_us: world.as_of_us(),
            dry_run: false,
        };
        let request = reading(world.as_administrator(message), language);
        let answer = world.client.clone().import_initial_credentials(request).await;
        let results = answer.unwrap().into_inner().results;
        let problems = results.into_iter().map(|row| row.problems);
        answers.push(problems.filter(|row| !row.is_empty()).collect::<Vec<_>>());
    }
    let expected = MISTAKES.map(|(field, reason, _)| (field, reason)).into_iter();
    let expected: Vec<_> = expected.chain([("policy_number", "ROW_REPEATED")]).collect();
    assert_eq!(answers[0].len(), expected.len(), "{:?}", answers[0]);
    for ((field, reason), (ja, en)) in expected.into_iter().zip(answers[0].iter().zip(&answers[1])) {
        let told: Vec<_> = ja.iter().map(|told| (&*told.field, &*told.reason)).collect();
        assert_eq!(told, [(field, reason)]);
        walk.text(reason, &ja[0].message, &en[0].message);
    }
}

/// Logins and sessions (ID-10, ID-16, PV-9).
async fn logins(world: &World, walk: &mut Walk) {
    let email = world.customer(30).await;
    let stranger = "throttled@example.jp";
    while reason(world.login(stranger, "wrong").await) == "LOGIN_FAILED" {}

    let completed = world.login(&email, PASSWORD).await.unwrap();
    world.tell_call(&completed.login_token).await;
    let answer = world.complete(&completed.login_token, 30_000).await.unwrap();
    let used = world
        .refresh(&answer.tokens.unwrap().refresh_token)
        .await
        .unwrap();

    let logged_out = world.session(&email).await;
    let logout = LogoutRequest {
        request_id: random().to_string(),
    };
    let logout = bearing(logout, &logged_out.access_token);
    world.client.clone().logout(logout).await.unwrap();

    let stolen = world.session(&email).await;
    let second = world.refresh(&stolen.refresh_token).await.unwrap();
    world.refresh(&second.refresh_token).await.unwrap();

    let superseded = world.login(&email, PASSWORD).await.unwrap();
    let open = world.login(&email, PASSWORD).await.unwrap();
    let unauthenticated = |reason| Refusal::new(Unauthenticated, reason);
    let table = vec![
        (
            logging_in("stranger@example.jp", "wrong", ""),
            unauthenticated("LOGIN_FAILED"),
        ),
        (
            logging_in(stranger, "wrong", ""),
            Refusal::new(ResourceExhausted, "TOO_MANY_ATTEMPTS").retry(),
        ),
        (
            Call::Complete("nonsense".to_owned()),
            unauthenticated("LOGIN_TOKEN_INVALID"),
        ),
        (
            Call::Complete(superseded.login_token),
            Refusal::new(FailedPrecondition, "LOGIN_SUPERSEDED"),
        ),
        (
            Call::Complete(completed.login_token),
            Refusal::new(FailedPrecondition, "LOGIN_ALREADY_COMPLETED"),
        ),
        (
            Call::Refresh("nonsense".to_owned()),
            unauthenticated("REFRESH_TOKEN_INVALID"),
        ),
        (
            Call::Refresh(logged_out.refresh_token),
            unauthenticated("SESSION_ENDED"),
        ),
        (
            Call::Refresh(stolen.refresh_token),
            unauthenticated("SESSION_ENDED_REPLAY"),
        ),
        (
            Call::Account(world.stranger(&used).await),
            Refusal::new(NotFound, "ACCOUNT_NOT_FOUND"),
        ),
    ];
    refused(world, walk, table).await;
    world.advance(600);
    let expired = Refusal::new(FailedPrecondition, "LOGIN_EXPIRED");
    refused(world, walk, vec![(Call::Complete(open.login_token), expired)]).await;
}

/// What a visitor is told by the rules as they stand.
const CONDITIONS: [&str; 5] = [
    "CONDITION_INDIVIDUALS_ONLY",
    "CONDITION_NO_GROUP_CONTRACTS",
    "CONDITION_CODE_AT_HAND",
    "CONDITION_ONE_ACCOUNT",
    "CONDITION_PHONE_CALL",
];

/// The conditions are shown as texts alone, in this order; beside them whom to call (OP-2).
async fn describing(world: &World, walk: &mut Walk, conditions: &[&str]) {
    let mut shown = Vec::new();
    for language in LANGUAGES {
        let request = reading(Request::new(DescribeRegistrationRequest {}), language);
        let answer = world.client.clone().describe_registration(request).await;
        shown.push(answer.unwrap().into_inner());
    }
    let texts = shown[0].conditions.iter().zip(&shown[1].conditions);
    assert_eq!(texts.len(), conditions.len(), "{:?}", shown[1].conditions);
    for (condition, (ja, en)) in conditions.iter().zip(texts) {
        walk.text(condition, ja, en);
    }
    let [ja, en] = [&shown[0], &shown[1]].map(|shown| shown.contact.as_ref().unwrap());
    assert!(ja.name != en.name && ja.hours != en.hours);
}

/// A world whose rulebook differs in one line or more.
async fn ruled_by(changes: &[(&str, &str)]) -> (tempfile::NamedTempFile, World) {
    let text = changes
        .iter()
        .fold(DEFAULT_RULEBOOK.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "the rulebook has no {from}");
            text.replacen(from, to, 1)
        });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let world = World::with(&[("rulebook.file", file.path().display().to_string())]).await;
    (file, world)
}

/// Other insurers' rules: no route, companies welcome, another kind of contract refused.
async fn other_rules(walk: &mut Walk) {
    let changes = [
        ("routes = [\"A\"]", "routes = []"),
        ("corporate_allowed = false", "corporate_allowed = true"),
    ];
    let (_file, world) = ruled_by(&changes).await;
    let call = Call::Register(registering(&Contract::new(1), CODE, "a@example.jp"));
    let expected = Refusal::new(FailedPrecondition, "ROUTE_NOT_OFFERED");
    refused(&world, walk, vec![(call, expected)]).await;
    let mut conditions = CONDITIONS;
    conditions[0] = "CONDITION_ANY_POLICYHOLDER";
    describing(&world, walk, &conditions).await;

    let (_file, world) =
        ruled_by(&[("refused_kinds = [\"group\"]", "refused_kinds = [\"individual\"]")]).await;
    let contract = world.contract(1, CODE).await;
    let call = Call::Register(registering(&contract, CODE, "a@example.jp"));
    let expected = Refusal::new(FailedPrecondition, "CONTRACT_NOT_ELIGIBLE")
        .field("initial_user_id", "CONTRACT_KIND_REFUSED");
    refused(&world, walk, vec![(call, expected)]).await;
}

/// ID-15: of a storm, those who are turned away.
async fn is_busy(walk: &mut Walk) {
    let world = World::with(&BUSY).await;
    let mut answers = Vec::new();
    for language in LANGUAGES {
        let storm = (0..40).map(|number| {
            let call = logging_in(&format!("stranger{number}@example.jp"), "wrong", "");
            let world = &world;
            async move { ask(world, &call, language).await }
        });
        let storm = futures::future::join_all(storm).await;
        let turned_away = storm
            .into_iter()
            .find(|status| status.code() == ResourceExhausted);
        answers.push(turned_away.expect("somebody was turned away"));
    }
    let expected = Refusal::new(ResourceExhausted, "LOGIN_BUSY").retry();
    walk.refused(&expected, [&answers[0], &answers[1]]);
}

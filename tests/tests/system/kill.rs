//! Identity's process is killed between each pair of appends of a registration; started again, it finishes what was begun,
//! without anybody asking again.

use std::time::Duration;

use client::import::{Plan, Silent, import};
use client::{Bearer, Client, Refusal, request_id};
use contracts::identity::v1::{
    LoginRequest, RegisterWithInitialCredentialsRequest, RegisterWithInitialCredentialsResponse,
};
use dev::sample::{Book, BookContract, Kind, Recipe, compose, write};
use dev::stack::{Secrets, Stack};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::wait_for;

use crate::setup::{data_folder, programs};

const SOON: Duration = Duration::from_secs(30);
const IDENTITY: &str = "identity";
/// Any advisory lock nobody else takes.
const GATE: i64 = 0x6761_7465;
const WAITING: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND (classid::bigint << 32 | objid::bigint) = $1";
const PASSWORD: &str = "three unusual words";

/// The appends of a registration after the first, which records the intent.
const LATER_APPENDS: [&str; 3] = [
    "reservation.taken.v1",
    "entitlement.registered.v1",
    "account.registered.v1",
];

#[tokio::test]
async fn id_3_a_registration_that_dies_between_two_appends_is_rolled_forward() {
    let folder = data_folder();
    let mut stack = Stack::start(&folder.path().join("data"), &programs())
        .await
        .unwrap();
    let client = Client::new(&stack.description().services).unwrap();
    let book = imported_book(&stack, &client).await;
    let customers: Vec<_> = book
        .contracts
        .iter()
        .filter(|contract| contract.kind == Kind::Plain)
        .collect();

    for (append, customer) in LATER_APPENDS.into_iter().zip(customers) {
        let request = registration(customer);
        let mut gate = Gate::before(&stack, append).await;
        assert_blocked_at(&mut gate, &client, &request).await;
        stack.kill(IDENTITY).await;
        gate.lose_and_remove().await;
        assert_eq!(
            count(&stack, append, &request).await,
            0,
            "{append} was appended before the kill"
        );

        stack.restart(IDENTITY).await.unwrap();
        wait_for(
            &format!("the registration killed before {append} to be finished"),
            SOON,
            async || log_in(&client, &request).await,
        )
        .await;
        let answer = register(&client, &request).await.unwrap();
        assert!(
            !answer.account_id.is_empty(),
            "the same request again is answered"
        );
        let accounts = count(&stack, "account.registered.v1", &request).await;
        assert_eq!(accounts, 1, "one registration has one effect");
    }
    stack.stop().await;
}

async fn imported_book(stack: &Stack, client: &Client) -> Book {
    let recipe = Recipe {
        seed: 7,
        contracts: 60,
        as_of: kernel::clock::jst_date(kernel::Clock::now(&kernel::SystemClock)),
    };
    let book = Book::compute(recipe);
    let files = stack.folder().file("sample");
    let plan = Plan::of_folder(&files, &stack.folder().file("import"));
    write(&compose(&book), &files).unwrap();
    let secrets = Secrets::open(stack.folder()).unwrap();
    let now_s = kernel::Clock::now(&kernel::SystemClock).as_second();
    let token = secrets
        .staff()
        .token("M001", &["administrator"], now_s, 600)
        .unwrap();
    import(client, &Bearer::new(&token), &plan, &Silent)
        .await
        .unwrap();
    book
}

pub(crate) fn registration(customer: &BookContract) -> RegisterWithInitialCredentialsRequest {
    RegisterWithInitialCredentialsRequest {
        request_id: request_id(),
        initial_user_id: customer.row.policy_number.clone(),
        initial_password: customer.credential.code.clone(),
        email: format!(
            "{}@kill.example",
            customer.credential.customer_number.to_lowercase()
        ),
        password: PASSWORD.to_owned(),
    }
}

pub(crate) async fn register(
    client: &Client,
    request: &RegisterWithInitialCredentialsRequest,
) -> Result<RegisterWithInitialCredentialsResponse, Refusal> {
    let answer = client
        .identity(&Bearer::nobody())
        .register_with_initial_credentials(request.clone())
        .await;
    Ok(answer?.into_inner())
}

/// Nobody but a registered customer passes the password.
pub(crate) async fn log_in(
    client: &Client,
    request: &RegisterWithInitialCredentialsRequest,
) -> Result<(), Refusal> {
    let request = LoginRequest {
        user_id: request.email.clone(),
        password: PASSWORD.to_owned(),
        device: String::new(),
        device_token: String::new(),
    };
    client.identity(&Bearer::nobody()).login(request).await?;
    Ok(())
}

/// Registers until the append stands before the gate; before identity has heard of the contract it refuses.
async fn assert_blocked_at(
    gate: &mut Gate,
    client: &Client,
    request: &RegisterWithInitialCredentialsRequest,
) {
    let asking = async {
        loop {
            match register(client, request).await {
                Err(refusal) if refusal.reason == "CONTRACT_NOT_YET_KNOWN" => {}
                answer => panic!("the registration ended at a closed gate: {answer:?}"),
            }
        }
    };
    tokio::select! {
        () = gate.wait_for_somebody() => {}
        () = asking => {}
    }
}

/// Events of this type in the streams the registration wrote to under its request, or to this account.
async fn count(stack: &Stack, event_type: &str, request: &RegisterWithInitialCredentialsRequest) -> i64 {
    let mut connection = PgConnection::connect(&stack.database_url(IDENTITY))
        .await
        .unwrap();
    // Every event of one registration carries the correlation of its first.
    let correlation: Option<(String,)> = sqlx::query_as(
        "SELECT metadata ->> 'correlation_id' FROM store.event
         WHERE type = 'account.registration_started.v1' ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1",
    )
    .fetch_optional(&mut connection)
    .await
    .unwrap();
    let (correlation,) = correlation.unwrap_or_else(|| panic!("{} has begun nothing", request.email));
    sqlx::query_scalar(
        "SELECT count(*) FROM store.event WHERE type = $1 AND metadata ->> 'correlation_id' = $2",
    )
    .bind(event_type)
    .bind(correlation)
    .fetch_one(&mut connection)
    .await
    .unwrap()
}

/// Holds back the append of one type of event.
struct Gate {
    connection: PgConnection,
}

impl Gate {
    async fn before(stack: &Stack, event_type: &str) -> Self {
        let mut connection = PgConnection::connect(&stack.database_url(IDENTITY))
            .await
            .unwrap();
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(GATE)
            .execute(&mut connection)
            .await
            .unwrap();
        let function = format!(
            "CREATE OR REPLACE FUNCTION public.gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF NEW.type = '{event_type}' THEN PERFORM pg_advisory_xact_lock({GATE}); END IF;
                 RETURN NEW;
             END $$"
        );
        sqlx::query(AssertSqlSafe(function))
            .execute(&mut connection)
            .await
            .unwrap();
        let trigger =
            "CREATE TRIGGER gate BEFORE INSERT ON store.event FOR EACH ROW EXECUTE FUNCTION public.gate()";
        sqlx::query(trigger).execute(&mut connection).await.unwrap();
        Self { connection }
    }

    async fn wait_for_somebody(&mut self) {
        wait_for("an append at the gate", SOON, async || {
            let waiting: Vec<(i32,)> = sqlx::query_as(WAITING)
                .bind(GATE)
                .fetch_all(&mut self.connection)
                .await
                .unwrap();
            (!waiting.is_empty()).then_some(())
        })
        .await;
    }

    /// What was held back is lost with its process, and the gate is taken away.
    async fn lose_and_remove(mut self) {
        wait_for("the appends at the gate to be gone", SOON, async || {
            let end = format!("SELECT count(pg_terminate_backend(pid)) FROM ({WAITING}) AS waiting");
            let left: i64 = sqlx::query_scalar(AssertSqlSafe(end))
                .bind(GATE)
                .fetch_one(&mut self.connection)
                .await
                .unwrap();
            (left == 0).then_some(())
        })
        .await;
        sqlx::query("DROP TRIGGER gate ON store.event")
            .execute(&mut self.connection)
            .await
            .unwrap();
        self.connection.close().await.unwrap();
    }
}

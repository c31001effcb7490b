//! A stream that cannot be read stops nobody but its entity: whoever writes streams from another service's messages parks
//! the message and goes on with the rest.

use std::time::Duration;

use client::import::as_of_now;
use client::{Bearer, Client, request_id};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest};
use contracts::names::{IDENTITY, PHONE_VERIFICATION};
use dev::sample::{Book, Kind, Recipe};
use dev::stack::{Secrets, Stack};
use kernel::{BranchNumber, ContractId, CustomerNumber, PolicyNumber, SubjectId};
use sqlx::{Connection as _, PgConnection};
use testkit::wait_for;

use crate::setup::{data_folder, programs};

const SOON: Duration = Duration::from_mins(1);

/// A service that writes streams from endorsement's messages, and which of its streams is about a contract.
struct Listener {
    service: &'static str,
    stream: fn(&ContractRow) -> String,
}

const LISTENERS: [Listener; 2] = [
    Listener {
        service: IDENTITY,
        stream: |row| format!("identity.entitlement-{}", contract(row)),
    },
    Listener {
        service: PHONE_VERIFICATION,
        stream: |row| format!("phone-verification.numbers-{}", policyholder(row)),
    },
];

fn contract(row: &ContractRow) -> ContractId {
    let policy = PolicyNumber::parse(&row.policy_number).unwrap();
    ContractId::of_policy(
        &policy,
        &BranchNumber::parse(&row.branch_number).unwrap_or_default(),
    )
}

fn policyholder(row: &ContractRow) -> SubjectId {
    let party = row.policyholder.as_ref().unwrap();
    SubjectId::of_customer(&CustomerNumber::parse(&party.customer_number).unwrap())
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_parks_the_message_in_every_service_and_the_rest_goes_on() {
    let folder = data_folder();
    let stack = Stack::start(&folder.path().join("data"), &programs())
        .await
        .unwrap();
    let client = Client::new(&stack.description().services).unwrap();
    let bearer = administrator(&stack);
    let [broken, sound] = two_contracts();
    import(&client, &bearer, [&broken, &sound]).await;
    for listener in &LISTENERS {
        let mut database = listener.database(&stack).await;
        for row in [&broken, &sound] {
            listener.heard(&mut database, row, 1).await;
        }
        let damaged = sqlx::query("UPDATE store.event SET metadata = '{}' WHERE stream = $1")
            .bind((listener.stream)(&broken))
            .execute(&mut database)
            .await
            .unwrap();
        assert_eq!(damaged.rows_affected(), 1);
    }

    import(
        &client,
        &bearer,
        [&in_another_form(broken.clone()), &in_another_form(sound.clone())],
    )
    .await;
    for listener in &LISTENERS {
        let mut database = listener.database(&stack).await;
        listener.heard(&mut database, &sound, 2).await;
        let (entity, error): (Option<uuid::Uuid>, Option<String>) = wait_for(
            &format!("{} to park the message", listener.service),
            SOON,
            async || {
                sqlx::query_as("SELECT entity_id, error FROM messaging.parked WHERE source = 'endorsement'")
                    .fetch_one(&mut database)
                    .await
            },
        )
        .await;
        assert_eq!(entity, Some(contract(&broken).as_uuid()), "{}", listener.service);
        let error = error.unwrap();
        assert!(error.contains((listener.stream)(&broken).as_str()), "{error}");
    }
    stack.stop().await;
}

impl Listener {
    async fn database(&self, stack: &Stack) -> PgConnection {
        PgConnection::connect(&stack.database_url(self.service))
            .await
            .unwrap()
    }

    /// The stream holds this many events, the first of them about the contract as it was first imported.
    async fn heard(&self, database: &mut PgConnection, row: &ContractRow, events: i64) {
        let stream = (self.stream)(row);
        wait_for(&format!("{stream} to have {events} events"), SOON, async || {
            let found: i64 = sqlx::query_scalar("SELECT count(*) FROM store.event WHERE stream = $1")
                .bind(&stream)
                .fetch_one(&mut *database)
                .await
                .unwrap();
            if found == events { Ok(()) } else { Err(found) }
        })
        .await;
    }
}

fn administrator(stack: &Stack) -> Bearer {
    let secrets = Secrets::open(stack.folder()).unwrap();
    let now_s = kernel::Clock::now(&kernel::SystemClock).as_second();
    let token = secrets
        .staff()
        .token("M001", &["administrator"], now_s, 600)
        .unwrap();
    Bearer::new(&token)
}

/// Of two policyholders, insured themselves.
fn two_contracts() -> [ContractRow; 2] {
    let book = Book::compute(Recipe {
        seed: 7,
        contracts: 60,
        as_of: kernel::clock::jst_date(kernel::Clock::now(&kernel::SystemClock)),
    });
    let plain = book
        .contracts
        .into_iter()
        .filter(|contract| contract.kind == Kind::Plain);
    let rows: Vec<ContractRow> = plain.map(|contract| contract.row).take(2).collect();
    rows.try_into().unwrap()
}

/// A change that both services take up: a company takes the contract over, under the same customer number and with
/// another telephone number.
fn in_another_form(mut row: ContractRow) -> ContractRow {
    let party = row.policyholder.as_mut().unwrap();
    "CORPORATE".clone_into(&mut party.kind);
    party.birth_date.clear();
    party.phones = vec!["03-6200-0147".to_owned()];
    row
}

async fn import(client: &Client, bearer: &Bearer, rows: [&ContractRow; 2]) {
    let answer = client
        .endorsement(bearer)
        .import_contracts(ImportContractsRequest {
            request_id: request_id(),
            rows: rows.into_iter().cloned().collect(),
            as_of_us: as_of_now(),
            dry_run: false,
        })
        .await
        .unwrap();
    for result in answer.into_inner().results {
        assert!(result.problems.is_empty(), "{result:?}");
    }
}

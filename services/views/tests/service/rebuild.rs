//! A rebuild makes the same rows again, under load too, and only once per request.

use std::collections::BTreeMap;

use contracts::claim_images::v1::claim_images_event;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{Endorsement, EndorsementChanged, EndorsementState, PhonesChanged};
use contracts::identity::v1::{AccountRegistered, SessionOpened, identity_event};
use contracts::phone_verification::v1::{ChallengeOpened, phone_verification_event};
use contracts::views::v1::{GetViewsStatusRequest, ListAccidentsRequest, RebuildViewsRequest};
use futures::future::join;
use testkit::wait_for;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::book::{
    FAR_AHEAD, LONG_AGO, Seal, accident_id, account_id, contract_id, micros, seen, subject, submission_id,
};
use crate::callers::As;
use crate::world::{NOON, SOON, World, assert_refused};

/// Rows and, in order, the text of each.
pub(crate) type Dump = BTreeMap<String, Vec<String>>;

/// All tables of the views, as the database knows them.
async fn tables(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'view' ORDER BY 1")
        .fetch_all(&world.database.pool)
        .await
        .unwrap()
}

pub(crate) async fn dump(world: &World) -> Dump {
    world.caught_up().await;
    let mut dump = Dump::new();
    for table in tables(world).await {
        let sql = format!("SELECT row_to_json(whole)::text FROM view.{table} AS whole ORDER BY 1");
        let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        dump.insert(table, rows.fetch_all(&world.database.pool).await.unwrap());
    }
    dump
}

pub(crate) async fn rebuild(world: &World, caller: As, request_id: u128) -> Result<(), Status> {
    let request = RebuildViewsRequest {
        request_id: Uuid::from_u128(request_id).to_string(),
    };
    let answer = world
        .administrators()
        .rebuild_views(world.call(caller, request))
        .await;
    answer.map(|_| ())
}

/// A row that no event made.
async fn plant(world: &World) {
    sqlx::query("INSERT INTO view.account (account_id, version, subjects) VALUES ($1, 1, '{}')")
        .bind(account_id(99))
        .execute(&world.database.pool)
        .await
        .unwrap();
}

async fn planted(world: &World) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM view.account WHERE account_id = $1)")
        .bind(account_id(99))
        .fetch_one(&world.database.pool)
        .await
        .unwrap()
}

/// A history that touches every table, with repetitions and what comes late.
async fn history(world: &World) {
    contracts_and_requests(world).await;
    accidents(world).await;
    let registered = |subjects: &[u128]| {
        identity_event::Event::AccountRegistered(AccountRegistered {
            subject_ids: subjects
                .iter()
                .map(|person| subject(*person).to_string())
                .collect(),
            route: "A".to_owned(),
            ..AccountRegistered::default()
        })
    };
    world.identity(account_id(1), 1, registered(&[1])).await;
    let opened = SessionOpened {
        session_id: Uuid::from_u128(1).to_string(),
        ..SessionOpened::default()
    };
    world
        .identity(account_id(1), 2, identity_event::Event::SessionOpened(opened))
        .await;
    let opened = ChallengeOpened {
        account_id: account_id(1).to_string(),
        ..ChallengeOpened::default()
    };
    world
        .phone_verification(1, 1, phone_verification_event::Event::ChallengeOpened(opened))
        .await;
}

async fn contracts_and_requests(world: &World) {
    let id = contract_id(1);
    for version in [0, 4, 2, 4] {
        world
            .endorsement(id, version, |seal| {
                let mut content = seal.contract(&format!("AB0000000{version}"), 1, &["+819011112222"]);
                content.insured = Some(seal.party(2 + u128::from(version), &["+81312345678"]));
                Event::ContractImported(content)
            })
            .await;
    }
    for version in [3, 5] {
        world
            .endorsement(id, version, |seal| {
                Event::PhonesChanged(PhonesChanged {
                    subject_id: subject(1).to_string(),
                    policyholder: true,
                    phones: vec![
                        seal.phone(1, "+819011112222", LONG_AGO, Some(NOON)),
                        seal.phone(1, "+818033334444", NOON, None),
                    ],
                    period_end_us: micros(FAR_AHEAD),
                    ..PhonesChanged::default()
                })
            })
            .await;
    }
    for (version, state) in [(6, EndorsementState::Scheduled), (7, EndorsementState::Effective)] {
        let endorsement = Endorsement {
            endorsement_id: Uuid::from_u128(1).to_string(),
            receipt_number: "R-1".to_owned(),
            state: state.into(),
            ..Endorsement::default()
        };
        let changed = EndorsementChanged {
            endorsement: Some(endorsement),
            policyholder_subject_id: subject(1).to_string(),
            fields: vec!["policyholder.phones".to_owned()],
            last_endorsement_date: "2026-11-16".to_owned(),
        };
        world
            .endorsement(id, version, |_| Event::EndorsementChanged(changed))
            .await;
    }
}

async fn accidents(world: &World) {
    use claim_images_event::Event;
    let id = accident_id(1);
    world
        .claim_images(id, 0, |seal| {
            Event::AccidentImported(seal.accident("F0000001", 1, NOON))
        })
        .await;
    for number in 1..=3 {
        let version = u64::try_from(number).unwrap();
        world
            .claim_images(id, version, |seal| Event::ImageRecorded(seal.image(number, 1)))
            .await;
    }
    for number in 1..=2 {
        let version = 3 + u64::try_from(number).unwrap();
        world
            .claim_images(id, version, |seal| {
                Event::SubmissionSent(seal.sent(number, 1, &[number], NOON))
            })
            .await;
    }
    world
        .claim_images(id, 6, |_| Event::SubmissionSeen(seen(1, 1, &[1], NOON)))
        .await;
    world
        .claim_images(id, 1, |seal| Event::ImageRecorded(seal.image(1, 1)))
        .await;
}

#[tokio::test]
async fn the_status_names_every_table_that_the_migrations_made() {
    let world = World::new().await;
    history(&world).await;
    let rows: BTreeMap<_, _> = dump(&world)
        .await
        .into_iter()
        .map(|(table, rows)| (table, i64::try_from(rows.len()).unwrap()))
        .collect();
    assert!(
        rows.values().all(|rows| *rows > 0),
        "the history touches every table: {rows:?}"
    );
    let request = world.call(As::Administrator, GetViewsStatusRequest {});
    let status = world
        .administrators()
        .get_views_status(request)
        .await
        .unwrap()
        .into_inner();
    let told: BTreeMap<_, _> = status
        .tables
        .into_iter()
        .map(|table| (table.name, table.rows))
        .collect();
    assert_eq!(told, rows);
    assert_eq!(status.freshness.unwrap().sources.len(), 4);
}

#[tokio::test]
async fn a_rebuild_makes_exactly_the_same_rows_although_nothing_new_is_told() {
    let world = World::new().await;
    history(&world).await;
    let before = dump(&world).await;
    plant(&world).await;
    rebuild(&world, As::Administrator, 1).await.unwrap();
    assert_eq!(dump(&world).await, before);
    assert!(!planted(&world).await, "the tables were not emptied");
}

#[tokio::test]
async fn the_same_request_begins_one_rebuild_and_only_administrators_may() {
    let world = World::new().await;
    rebuild(&world, As::Administrator, 1).await.unwrap();
    plant(&world).await;
    rebuild(&world, As::Administrator, 1).await.unwrap();
    assert!(planted(&world).await, "a second rebuild was begun");
    let refused = rebuild(&world, As::CallCentre, 2).await;
    assert_refused(refused, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    assert!(planted(&world).await, "a refused rebuild was begun");
    rebuild(&world, As::Administrator, 2).await.unwrap();
    assert!(!planted(&world).await);
}

#[tokio::test]
async fn rebuilds_among_batches_and_queries_fail_none_of_them_and_lose_nothing() {
    let world = World::new().await;
    history(&world).await;
    let telling = async {
        for number in 2..40 {
            world
                .claim_images(accident_id(number), 0, |seal| {
                    let claim_number = format!("F{number:07}");
                    claim_images_event::Event::AccidentImported(seal.accident(&claim_number, 1, NOON))
                })
                .await;
            let request = world.call(As::Customer(1), ListAccidentsRequest::default());
            world.customers().list_accidents(request).await.unwrap();
        }
    };
    let rebuilding = async {
        for number in 1..=8 {
            rebuild(&world, As::Administrator, number).await.unwrap();
        }
    };
    join(telling, rebuilding).await;
    let after = dump(&world).await;
    assert_eq!(after["accident"].len(), 39);
    assert!(
        after["submission"]
            .iter()
            .any(|row| row.contains(&submission_id(1).to_string()))
    );
    rebuild(&world, As::Administrator, 9).await.unwrap();
    assert_eq!(dump(&world).await, after);
}

/// Transactions that wait for a lock in the views' database.
async fn wait_for_waiting(world: &World, expected: i64) {
    wait_for("transactions that wait", SOON, async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
        if waiting == expected { Ok(()) } else { Err(waiting) }
    })
    .await;
}

/// A batch stands in front of the cursor and the rebuild behind it. If the rebuild had taken tables by then, each would
/// wait for the other.
#[tokio::test]
async fn a_rebuild_and_a_batch_never_wait_for_each_other() {
    let world = World::new().await;
    history(&world).await;
    world.caught_up().await;
    let mut held = world.database.pool.begin().await.unwrap();
    let lock = "LOCK TABLE messaging.subscription IN EXCLUSIVE MODE";
    sqlx::query(lock).execute(&mut *held).await.unwrap();
    let closed = |seal: &Seal<'_>| {
        let mut accident = seal.accident("F0000001", 1, NOON);
        "CLOSED".clone_into(&mut accident.state);
        claim_images_event::Event::AccidentImported(accident)
    };
    world.claim_images(accident_id(1), 9, closed).await;
    wait_for_waiting(&world, 1).await;
    let letting_go = async {
        wait_for_waiting(&world, 2).await;
        let taken: Vec<String> = sqlx::query_scalar(
            "SELECT relation::regclass::text FROM pg_locks JOIN pg_class ON pg_class.oid = relation
              WHERE relnamespace = 'view'::regnamespace AND granted AND mode <> 'AccessShareLock'",
        )
        .fetch_all(&world.database.pool)
        .await
        .unwrap();
        held.rollback().await.unwrap();
        taken
    };
    let (rebuilt, taken) = join(rebuild(&world, As::Administrator, 1), letting_go).await;
    rebuilt.unwrap();
    assert_eq!(taken, Vec::<String>::new(), "taken before the cursor");
    assert!(dump(&world).await["accident"][0].contains("CLOSED"));
}

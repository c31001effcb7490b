//! Identity tells that somebody was erased (OP-4): their rows go and do not come back.

use contracts::claim_images::v1::claim_images_event;
use contracts::endorsement::v1::endorsement_event;
use contracts::identity::v1::{AccountLostSubject, AccountRegistered, SubjectErased, identity_event};
use testkit::wait_for;
use uuid::Uuid;

use crate::book::{accident_id, account_id, contract_id, name, subject};
use crate::erasure::{readable, told};
use crate::rebuild::{dump, rebuild};
use crate::world::{NOON, SOON, World};

/// What `sources/erasure.rs` locks.
const LOCK: i64 = 0x6d61_646f_6572_6173;

async fn tell_erased(world: &World, person: u128) {
    let erased = SubjectErased {
        subject_id: subject(person).to_string(),
        ..SubjectErased::default()
    };
    let event = identity_event::Event::SubjectErased(erased);
    world.identity(subject(person).as_uuid(), 9, event).await;
}

/// Rows that say anything of a person, by their subject.
async fn rows_of(world: &World, person: u128) -> Vec<String> {
    let id = subject(person).to_string();
    let rows = dump(world).await.into_values().flatten();
    rows.filter(|row| row.contains(&id)).collect()
}

/// The keys are left alone here: it is the list that keeps the person out, not what can be opened.
#[tokio::test]
async fn op_4_rows_of_an_erased_person_go_and_do_not_come_back_late_or_by_a_rebuild() {
    let world = World::new().await;
    told(&world, 1).await;
    told(&world, 2).await;
    assert!(rows_of(&world, 1).await.len() >= 5);
    assert!(readable(&world, 1).await.contains(&name(1)));

    tell_erased(&world, 1).await;
    assert_eq!(rows_of(&world, 1).await, Vec::<String>::new());
    assert!(readable(&world, 2).await.contains(&name(2)), "others stay");

    // Late, and newer than what was there.
    world
        .endorsement(contract_id(1), 7, |seal| {
            endorsement_event::Event::ContractImported(seal.contract("AB12345678", 1, &["+819011112222"]))
        })
        .await;
    world
        .claim_images(accident_id(1), 7, |seal| {
            claim_images_event::Event::AccidentImported(seal.accident("F0000001", 1, NOON))
        })
        .await;
    assert_eq!(rows_of(&world, 1).await, Vec::<String>::new());

    let before = dump(&world).await;
    rebuild(&world, 1).await;
    world.caught_up().await;
    assert_eq!(rows_of(&world, 1).await, Vec::<String>::new());
    assert_eq!(
        dump(&world).await,
        before,
        "a rebuild makes the rows that are there"
    );
}

/// A batch that opened its fields before the erasure may still be on its way into the tables.
#[tokio::test]
async fn op_4_an_erasure_waits_for_the_batch_that_is_being_applied() {
    let world = World::new().await;
    told(&world, 1).await;
    world.caught_up().await;
    let mut batch = world.database.pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1)")
        .bind(LOCK)
        .execute(&mut *batch)
        .await
        .unwrap();
    let erased = SubjectErased {
        subject_id: subject(1).to_string(),
        ..SubjectErased::default()
    };
    let event = identity_event::Event::SubjectErased(erased);
    world.identity(subject(1).as_uuid(), 9, event).await;
    wait_for("the erasure to wait", SOON, async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND (classid::bigint << 32) | objid::bigint = $1",
        )
        .bind(LOCK)
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
        (waiting > 0).then_some(())
    })
    .await;
    sqlx::query(
        "INSERT INTO view.party_field (contract_id, subject_id, kind, version, policyholder, dated)
         VALUES ($1, $2, 'PHONES', 99, true, '[{\"value\": \"+819099998888\"}]')",
    )
    .bind(Uuid::from_u128(0x99))
    .bind(subject(1).as_uuid())
    .execute(&mut *batch)
    .await
    .unwrap();
    batch.commit().await.unwrap();
    assert_eq!(rows_of(&world, 1).await, Vec::<String>::new());
}

/// An erased insured leaves the policyholder's contract, without the name.
#[tokio::test]
async fn op_4_an_erased_insured_is_taken_out_of_the_policyholder_s_contract() {
    let world = World::new().await;
    let told = async |version| {
        world
            .endorsement(contract_id(1), version, |seal| {
                let mut content = seal.contract("AB12345678", 1, &["+819011112222"]);
                content.insured = seal.contract("AB12345678", 2, &["+819033334444"]).policyholder;
                endorsement_event::Event::ContractImported(content)
            })
            .await
    };
    told(0).await;
    world.caught_up().await;
    tell_erased(&world, 2).await;
    for late in [false, true] {
        if late {
            told(1).await;
        }
        let rows = dump(&world).await;
        assert_eq!(rows["contract"].len(), 1);
        assert!(rows["contract"][0].contains(&name(1)), "{rows:?}");
        assert!(!rows["contract"][0].contains(&name(2)), "{rows:?}");
        assert_eq!(rows["party_field"].len(), 1, "{rows:?}");
    }
}

#[tokio::test]
async fn op_4_an_account_sees_what_is_left_to_it() {
    let world = World::new().await;
    let registered = AccountRegistered {
        subject_ids: [1, 2].map(|person| subject(person).to_string()).into(),
        route: "A".to_owned(),
        ..AccountRegistered::default()
    };
    let registered = identity_event::Event::AccountRegistered(registered);
    world.identity(account_id(1), 1, registered).await;
    for (version, left) in [(2, vec![subject(2).to_string()]), (3, vec![])] {
        let lost = AccountLostSubject {
            subject_id: subject(1).to_string(),
            closed: left.is_empty(),
            subject_ids: left.clone(),
        };
        let lost = identity_event::Event::AccountLostSubject(lost);
        world.identity(account_id(1), version, lost).await;
        let row = dump(&world).await["account"][0].clone();
        assert!(!row.contains(&subject(1).to_string()), "{row}");
        assert_eq!(row.contains(&subject(2).to_string()), !left.is_empty(), "{row}");
    }
    assert!(dump(&world).await["timeline"][2].contains("ACCOUNT_CLOSED"));
}

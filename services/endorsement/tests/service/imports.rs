//! EN-16: good and bad rows, again, and by whom.

use contracts::endorsement::v1 as proto;
use harness::assert_refused;
use tonic::Code;

use crate::book::{contract_id, new_request_id, row, subject};
use crate::world::{As, Outcome, World};

fn refused(field: &str, reason: &str) -> Outcome {
    Outcome::Refused(vec![(field.to_owned(), reason.to_owned())])
}

#[tokio::test]
async fn en_16_good_rows_arrive_bad_rows_are_told_apart_and_importing_again_changes_nothing() {
    let world = World::new().await;
    let mut without_number = row("BAD0000001", "C0001");
    without_number.policyholder.as_mut().unwrap().customer_number = String::new();
    let mut twice = row("AB00000001", "C0001");
    twice.agency_name = "見本代理店".to_owned();
    let rows = vec![
        row("AB00000001", "C0001"),
        without_number,
        row("AB00000002", "C0002"),
        twice,
    ];
    let bad = || {
        [
            refused("policyholder.customer_number", "CUSTOMER_NUMBER_REQUIRED"),
            refused("policy_number", "ROW_REPEATED"),
        ]
    };
    let [number, repeated] = bad();
    assert_eq!(
        world.import(rows.clone()).await,
        [Outcome::Recorded, number, Outcome::Recorded, repeated]
    );
    let [number, repeated] = bad();
    assert_eq!(
        world.import(rows).await,
        [Outcome::Unchanged, number, Outcome::Unchanged, repeated]
    );

    let mut changed = row("AB00000002", "C0002");
    changed.agency_name = "見本代理店".to_owned();
    assert_eq!(world.import(vec![changed]).await, [Outcome::Recorded]);
    let contract = world
        .contract(&As::CallCentre, &contract_id("AB00000002"))
        .await
        .unwrap();
    assert_eq!(contract.version, 1);
}

/// In letters of one byte and of three: nine million bytes are a message that is still read, to name the field.
#[tokio::test]
async fn op_8_an_address_of_three_million_letters_refuses_its_row_alone_and_the_service_goes_on() {
    let world = World::new().await;
    for letter in ["x", "長"] {
        let mut endless = row("AB00000009", "C0009");
        endless.policyholder.as_mut().unwrap().address = letter.repeat(3_000_000);
        let rows = vec![row("AB00000001", "C0001"), endless];
        let outcomes = world.import(rows).await;
        assert_ne!(outcomes[0], refused("policyholder.address", "TEXT_TOO_LONG"));
        assert_eq!(outcomes[1], refused("policyholder.address", "TEXT_TOO_LONG"));
    }
    let contract = world.contract(&As::CallCentre, &contract_id("AB00000009")).await;
    assert_refused(contract, Code::NotFound, "CONTRACT_NOT_FOUND");
    assert_eq!(
        world.import(vec![row("AB00000002", "C0002")]).await,
        [Outcome::Recorded]
    );
}

/// What a name is printed with must not turn the letters beside it, and NUL is in no column of a database.
#[tokio::test]
async fn op_8_control_characters_and_turned_directions_refuse_their_row_by_the_column() {
    let world = World::new().await;
    let make: [(&str, fn(&mut proto::ContractRow)); 4] = [
        ("policyholder.name", |row| {
            row.policyholder.as_mut().unwrap().name = "\u{202E}子花".to_owned()
        }),
        ("policyholder.name_kana", |row| {
            row.policyholder.as_mut().unwrap().name_kana.push('\0')
        }),
        ("agency_name", |row| row.agency_name = "a\tb".to_owned()),
        ("insurers[0].name", |row| row.insurers[0].name.push('\u{2066}')),
    ];
    for (place, (field, make)) in make.into_iter().enumerate() {
        let mut bad = row(&format!("AB{place:08}"), "C0001");
        make(&mut bad);
        assert_eq!(
            world.import(vec![bad]).await,
            [refused(field, "TEXT_NOT_ONE_LINE")]
        );
    }
    let mut bad = row("AB00000009", "C0001");
    bad.object_address = "東京都\0".to_owned();
    assert_eq!(
        world.import(vec![bad]).await,
        [refused("object_address", "TEXT_CONTROL_CHARACTER")]
    );
}

#[tokio::test]
async fn a_retried_batch_gets_the_same_answers_and_adds_nothing() {
    let mut world = World::new().await;
    let rows: Vec<_> = (0..40)
        .map(|n| row(&format!("AB{n:08}"), &format!("C{n:04}")))
        .collect();
    let request = proto::ImportContractsRequest {
        request_id: new_request_id(),
        rows,
    };
    let first = world
        .import_as(&As::Administrator, request.clone())
        .await
        .unwrap();
    assert!(
        first.iter().all(|outcome| *outcome == Outcome::Recorded),
        "{first:?}"
    );
    world.kill_and_restart().await;
    assert_eq!(
        world
            .import_as(&As::Administrator, request.clone())
            .await
            .unwrap(),
        first
    );
    let contract = world
        .contract(&As::CallCentre, &contract_id("AB00000007"))
        .await
        .unwrap();
    assert_eq!(contract.version, 0);

    let mut other = request;
    other.rows[0].agency_name = "見本代理店".to_owned();
    let answer = world.import_as(&As::Administrator, other).await;
    assert_refused(answer, Code::FailedPrecondition, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn only_administrators_import_and_not_without_bounds() {
    let world = World::new().await;
    let request = |rows| proto::ImportContractsRequest {
        request_id: new_request_id(),
        rows,
    };
    for caller in [As::Holder("C0001"), As::CallCentre] {
        let answer = world
            .import_as(&caller, request(vec![row("AB00000001", "C0001")]))
            .await;
        assert_refused(answer, Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    }
    let answer = world
        .import_as(
            &As::Administrator,
            request(vec![proto::ContractRow::default(); 501]),
        )
        .await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT");
    let answer = world
        .import_as(&As::Administrator, proto::ImportContractsRequest::default())
        .await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn op_4_an_erased_person_is_shown_empty_and_never_imported_again() {
    let mut world = World::new().await;
    world.import(vec![row("AB00000001", "C0001")]).await;
    world.destroy(subject("C0001")).await;
    // A running service forgets keys after a while; a new one never had them.
    world.kill_and_restart().await;
    let contract = world
        .contract(&As::CallCentre, &contract_id("AB00000001"))
        .await
        .unwrap();
    let insured = contract.insured.unwrap();
    assert_eq!(
        (
            insured.name.as_str(),
            insured.address.unwrap_or_default().as_entered.as_str(),
            contract.object_address.as_str()
        ),
        ("", "", "")
    );
    assert_eq!(
        (
            insured.phones[0].number.as_str(),
            insured.phones[0].reason.as_str()
        ),
        ("", "NUMBER_ERASED")
    );
    let mut changed = row("AB00000001", "C0001");
    changed.agency_name = "見本代理店".to_owned();
    assert_eq!(
        world.import(vec![changed]).await,
        [refused("policyholder.customer_number", "SUBJECT_ERASED")]
    );
}

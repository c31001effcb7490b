//! The import of accidents: every bad row is reported, none stops the others, repeating changes nothing (EN-16).

use contracts::claim_images::v1 as proto;
use contracts::common::v1::ImportOutcome::{Recorded, Refused, Unchanged};
use contracts::common::v1::ImportRowResult;

use crate::world::{As, World, new_request_id, row};

#[tokio::test]
async fn en_16_good_rows_are_recorded_bad_ones_reported_and_a_repeat_changes_nothing() {
    let world = World::new().await;
    let bad = proto::AccidentRow {
        line: 4,
        customer_number: String::new(),
        kind: "METEORITE".to_owned(),
        ..row("K26000011", "")
    };
    let repeated = proto::AccidentRow {
        line: 5,
        ..row("K26-000010", "C0001")
    };
    let rows = vec![
        row("K26000010", "C0001"),
        bad,
        repeated,
        row("K26000012", "C0003"),
    ];
    let results = world.import(rows.clone()).await;
    let outcomes: Vec<_> = results
        .iter()
        .map(|result| (result.line, result.outcome()))
        .collect();
    assert_eq!(
        outcomes,
        [(2, Recorded), (4, Refused), (5, Refused), (2, Recorded)]
    );
    let problems: Vec<_> = results[1]
        .problems
        .iter()
        .map(|problem| (problem.field.as_str(), problem.reason.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            ("customer_number", "CUSTOMER_NUMBER_REQUIRED"),
            ("kind", "ACCIDENT_KIND_UNKNOWN")
        ]
    );
    assert!(
        results[1]
            .problems
            .iter()
            .all(|problem| !problem.message.is_empty())
    );
    assert_eq!(results[2].problems[0].reason, "ROW_REPEATED");
    let before = world.event_types().await.len();
    let again: Vec<_> = world
        .import(rows)
        .await
        .iter()
        .map(ImportRowResult::outcome)
        .collect();
    assert_eq!(again, [Unchanged, Refused, Refused, Unchanged]);
    assert_eq!(world.event_types().await.len(), before);
}

#[tokio::test]
async fn an_import_takes_500_rows_and_is_for_administrators() {
    let world = World::new().await;
    let rows: Vec<_> = (0..501)
        .map(|number| row(&format!("K27{number:06}"), "C0001"))
        .collect();
    let request = proto::ImportAccidentsRequest {
        request_id: new_request_id(),
        rows,
        as_of_us: world.as_of_us(),
        dry_run: false,
    };
    let refused = world
        .client()
        .import_accidents(world.call(As::Administrator, request.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        harness::violations(&refused),
        [("rows".to_owned(), "LIST_TOO_LONG".to_owned())]
    );
    let refused = world
        .client()
        .import_accidents(world.call(As::Adjuster, request))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

/// Also in a message of nine million bytes, which is read all the same.
#[tokio::test]
async fn accidents_nul_in_place_csv_is_refused_by_its_column_and_the_other_row_is_recorded() {
    let world = World::new().await;
    let before = world.event_types().await.len();
    let of = |number: &str, place: String| proto::AccidentRow {
        place,
        ..row(number, "C0001")
    };
    let rows = vec![
        of("T2CSVK0361", "見本\0町361番地".to_owned()),
        of("T2CSVK0362", String::new()),
        of("T2CSVK0363", "長".repeat(3_000_000)),
    ];
    let results = world.import(rows).await;
    let outcomes: Vec<_> = results.iter().map(ImportRowResult::outcome).collect();
    assert_eq!(outcomes, [Refused, Recorded, Refused]);
    for (result, reason) in [(0, "TEXT_CONTROL_CHARACTER"), (2, "TEXT_TOO_LONG")] {
        let told = &results[result].problems;
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].field.as_str(), told[0].reason.as_str()),
            ("place", reason)
        );
    }
    assert_eq!(world.event_types().await.len(), before + 1);
}

//! The auditor names exactly the rows that are not what the events make of them, and changes none; however events came in
//! batches, they make the same rows.

use contracts::claim_images::v1::claim_images_event;
use contracts::endorsement::v1::endorsement_event;
use contracts::views::v1::{
    AuditViewsRequest, DifferingRow, RowDifference, ViewsRun, ViewsRunKind, ViewsRunState,
};
use harness::assert_refused;
use serde_json::json;
use uuid::Uuid;

use crate::book::{accident_id, account_id, contract_id, derived, name, seen, subject};
use crate::history::history;
use crate::rebuild::{dump, end_of, last_run, only_one_is_left, plant};
use crate::world::{As, NOON, World};

async fn audit(world: &World, request_id: u128) -> ViewsRun {
    let request = AuditViewsRequest {
        request_id: Uuid::from_u128(request_id).to_string(),
    };
    let call = world.call(As::Administrator, request);
    let begun = world.administrators().audit_views(call).await.unwrap();
    end_of(world, &begun.into_inner().run_id).await
}

/// Table, key and difference of every row named.
fn named(run: &ViewsRun) -> Vec<(&str, serde_json::Value, RowDifference, Vec<&str>)> {
    let rows = run
        .tables
        .iter()
        .flat_map(|table| table.first_differing.iter().map(|row| (table.name.as_str(), row)));
    rows.map(|(table, row): (&str, &DifferingRow)| {
        let columns = row.columns.iter().map(String::as_str).collect();
        (
            table,
            serde_json::from_str(&row.key).unwrap(),
            row.difference(),
            columns,
        )
    })
    .collect()
}

#[tokio::test]
async fn the_auditor_names_exactly_the_rows_that_were_broken_and_never_a_value() {
    let world = World::new().await;
    history(&world).await;
    world.caught_up().await;
    let sound = audit(&world, 1).await;
    assert_eq!(
        (sound.kind(), sound.state()),
        (ViewsRunKind::Audit, ViewsRunState::Done)
    );
    assert_eq!(named(&sound), []);
    let breaks = [
        "UPDATE view.contract SET policyholder_name = 'somebody', kind = 'GROUP'",
        "DELETE FROM view.party_field WHERE policyholder",
    ];
    for sql in breaks {
        sqlx::query(sql).execute(&world.database.pool).await.unwrap();
    }
    plant(&world).await;
    let broken = dump(&world).await;
    let run = audit(&world, 2).await;
    assert_eq!(run.state(), ViewsRunState::Done);
    assert_eq!(
        named(&run),
        [
            (
                "account",
                json!({"account_id": account_id(99)}),
                RowDifference::Unexpected,
                vec![]
            ),
            (
                "contract",
                json!({"contract_id": contract_id(1)}),
                RowDifference::Changed,
                vec!["kind", "policyholder_name"]
            ),
            (
                "party_field",
                json!({"contract_id": contract_id(1), "subject_id": subject(1).as_uuid(), "kind": "PHONES"}),
                RowDifference::Missing,
                vec![]
            ),
        ]
    );
    let told = format!("{run:?}");
    assert!(!told.contains("somebody") && !told.contains(&name(1)), "{told}");
    assert_eq!(dump(&world).await, broken, "an audit changes nothing");
    only_one_is_left(&world).await;
}

#[tokio::test]
async fn of_many_rows_that_differ_the_first_are_named_and_all_are_counted() {
    let world = World::new().await;
    for number in 1..=25 {
        world
            .claim_images(accident_id(number), 0, |seal| {
                claim_images_event::Event::AccidentImported(seal.accident(&format!("F{number:07}"), 1, NOON))
            })
            .await;
    }
    world.caught_up().await;
    sqlx::query("UPDATE view.accident SET office = 'NOWHERE'")
        .execute(&world.database.pool)
        .await
        .unwrap();
    let run = audit(&world, 1).await;
    let accident = run.tables.iter().find(|table| table.name == "accident").unwrap();
    assert_eq!(
        (accident.differing_rows, accident.first_differing.len()),
        (25, 20)
    );
    assert_ne!(accident.serving_checksum, accident.rebuilt_checksum);
    let first = json!({"accident_id": accident_id(1)})
        .to_string()
        .replace(':', ": ");
    assert_eq!(accident.first_differing[0].key, first);
}

#[tokio::test]
async fn only_administrators_may_have_the_views_audited() {
    let world = World::new().await;
    let request = AuditViewsRequest {
        request_id: Uuid::from_u128(1).to_string(),
    };
    let call = world.call(As::Supervisor, request);
    let refused = world.administrators().audit_views(call).await;
    assert_refused(refused, tonic::Code::PermissionDenied, "CALLER_NOT_ALLOWED");
    assert_eq!(last_run(&world).await, None);
}

/// Told one at a time, each event is a batch of its own; the audit applies all of them as one. Versions come in any order,
/// and twice.
#[tokio::test]
async fn rows_do_not_depend_on_how_events_come_in_batches() {
    use claim_images_event::Event;
    let world = World::new().await;
    let mut random: u64 = 0x5eed;
    let mut next = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..120 {
        let (entity, version, kind) = (u128::from(1 + next(2)), next(9), next(7));
        let (image, submission) = (
            u128::from(1 + next(3)) + 10 * entity,
            u128::from(1 + next(2)) + 10 * entity,
        );
        let id = accident_id(entity);
        match kind {
            0 => {
                world
                    .endorsement(contract_id(entity), version, |seal| {
                        let mut content = seal.contract(&format!("AB{version:08}"), 1, &["+819011112222"]);
                        content.insured = Some(seal.party(1 + u128::from(version % 3), &["+81312345678"]));
                        endorsement_event::Event::ContractImported(content)
                    })
                    .await
            }
            1 => {
                world
                    .claim_images(id, version, |seal| {
                        Event::AccidentImported(seal.accident(&format!("F{version:07}"), 1, NOON))
                    })
                    .await
            }
            2 | 3 => {
                world
                    .claim_images(id, version, |seal| Event::ImageRecorded(seal.image(image, 1)))
                    .await
            }
            4 => {
                world
                    .claim_images(id, version, |seal| {
                        Event::SubmissionSent(seal.sent(submission, 1, &[image, 1 + 10 * entity], NOON))
                    })
                    .await
            }
            5 => {
                world
                    .claim_images(id, version, |_| Event::ImageDerived(derived(image, 1)))
                    .await
            }
            _ => {
                world
                    .claim_images(id, version, |_| {
                        Event::SubmissionSeen(seen(submission, 1, &[image], NOON))
                    })
                    .await
            }
        };
        world.caught_up().await;
    }
    let run = audit(&world, 1).await;
    assert_eq!(run.state(), ViewsRunState::Done);
    assert_eq!(named(&run), []);
}

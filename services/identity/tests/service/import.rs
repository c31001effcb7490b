//! Import of initial credentials (ID-8).

use contracts::common::v1::ImportOutcome;
use contracts::identity::v1::{ImportInitialCredentialsRequest, InitialCredential};

use crate::world::{CODE, Contract, WEAK_CODE, World, random, reason};

fn outcomes(results: &[contracts::common::v1::ImportRowResult]) -> Vec<ImportOutcome> {
    results
        .iter()
        .map(contracts::common::v1::ImportRowResult::outcome)
        .collect()
}

#[tokio::test]
async fn id_8_an_import_is_repeatable_and_reports_every_bad_row() {
    use ImportOutcome::{Recorded, Refused, Unchanged};
    let world = World::start().await;
    let good =
        [(1, CODE), (2, WEAK_CODE), (3, "*****")].map(|(number, code)| Contract::new(number).row(code));
    let bad = InitialCredential {
        line: 9,
        policy_number: "?".to_owned(),
        ..InitialCredential::default()
    };
    let rows: Vec<_> = good.iter().cloned().chain([bad, good[0].clone()]).collect();

    let first = world.import(rows.clone()).await;
    assert_eq!(outcomes(&first), [Recorded, Recorded, Recorded, Refused, Refused]);
    let problems: Vec<_> = first[3]
        .problems
        .iter()
        .map(|wrong| (wrong.field.as_str(), wrong.reason.as_str()))
        .collect();
    assert_eq!(
        problems,
        [
            ("policy_number", "POLICY_NUMBER_INVALID"),
            ("customer_number", "CUSTOMER_NUMBER_REQUIRED"),
            ("code", "CODE_REQUIRED")
        ]
    );
    assert!(
        first[3].problems.iter().all(|wrong| !wrong.message.is_ascii()),
        "Japanese is the default"
    );
    assert_eq!(
        (first[3].line, first[4].problems[0].reason.as_str()),
        (9, "ROW_REPEATED")
    );

    let again = world.import(rows).await;
    assert_eq!(
        outcomes(&again),
        [Unchanged, Unchanged, Unchanged, Refused, Refused]
    );
    assert_eq!(world.events("entitlement.code_issued.v1", None).await, 3);

    let changed = world.import(vec![Contract::new(2).row("482914")]).await;
    assert_eq!(outcomes(&changed), [Recorded]);
}

#[tokio::test]
async fn a_retried_import_answers_as_the_first_time() {
    let world = World::start().await;
    let request_id = random().to_string();
    let send = async |code: &str| {
        let rows = vec![Contract::new(1).row(code)];
        let request = ImportInitialCredentialsRequest {
            request_id: request_id.clone(),
            rows,
            as_of_us: world.as_of_us(),
            dry_run: false,
        };
        world
            .client
            .clone()
            .import_initial_credentials(world.as_administrator(request))
            .await
    };
    for _ in 0..2 {
        let results = send(CODE).await.unwrap().into_inner().results;
        assert_eq!(outcomes(&results), [ImportOutcome::Recorded]);
    }
    assert_eq!(world.events("entitlement.code_issued.v1", None).await, 1);
    assert_eq!(reason(send(WEAK_CODE).await), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn only_administrators_import() {
    let world = World::start().await;
    let request = ImportInitialCredentialsRequest {
        request_id: random().to_string(),
        rows: vec![],
        as_of_us: world.as_of_us(),
        dry_run: false,
    };
    assert_eq!(
        reason(world.client.clone().import_initial_credentials(request).await),
        "UNAUTHENTICATED"
    );
    let rows = (0..501).map(|number| Contract::new(number).row(CODE)).collect();
    let request = ImportInitialCredentialsRequest {
        request_id: random().to_string(),
        rows,
        as_of_us: world.as_of_us(),
        dry_run: false,
    };
    let refused = world
        .client
        .clone()
        .import_initial_credentials(world.as_administrator(request))
        .await;
    assert_eq!(
        harness::violations(&refused.unwrap_err()),
        [("rows".to_owned(), "LIST_TOO_LONG".to_owned())]
    );
}

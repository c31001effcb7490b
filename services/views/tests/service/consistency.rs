//! Freshness and consistency tokens.

use std::time::Duration;

use contracts::endorsement::v1::endorsement_event::Event;
use contracts::names::{ENDORSEMENT, SERVICES};
use contracts::views::v1::{Freshness, ListContractsRequest, ListContractsResponse};
use harness::assert_refused;
use testkit::wait_for;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::book::contract_id;
use crate::rebuild::hold_up;
use crate::world::{As, SOON, World, assert_invalid};

const HOLDER: As = As::Customer(1);

async fn ask(world: &World, tokens: &[&str]) -> Result<ListContractsResponse, Status> {
    let request = ListContractsRequest {
        consistency_tokens: tokens.iter().map(|&token| token.to_owned()).collect(),
        ..ListContractsRequest::default()
    };
    let answer = world
        .customers()
        .list_contracts(world.call(HOLDER, request))
        .await;
    answer.map(tonic::Response::into_inner)
}

async fn contract(world: &World, number: u128) -> String {
    world
        .endorsement(contract_id(number), 0, |seal| {
            Event::ContractImported(seal.contract(&format!("AB0000000{number}"), 1, &[]))
        })
        .await
}

/// Waits until a batch stands in front of the lock.
async fn a_batch_waits(world: &World) {
    wait_for("a batch that waits", SOON, async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
        (waiting > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_query_with_a_token_waits_until_the_view_holds_the_commands_effect() {
    let world = World::new().await;
    contract(&world, 1).await;
    world.caught_up().await;
    let held = hold_up(&world).await;
    let token = contract(&world, 2).await;
    a_batch_waits(&world).await;
    assert_eq!(
        ask(&world, &[""]).await.unwrap().contracts.len(),
        1,
        "without a token nothing is waited for"
    );
    let tokens = ["", token.as_str()];
    let waiting = ask(&world, &tokens);
    tokio::pin!(waiting);
    // Long enough for an answer that does not wait; a slow machine can only hide a failure here, never make one.
    let early = tokio::time::timeout(Duration::from_millis(500), &mut waiting).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    held.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap().contracts.len(), 2);
}

#[tokio::test]
async fn a_view_that_stays_behind_says_so_and_when_to_try_again() {
    let world = World::new().await;
    contract(&world, 1).await;
    world.caught_up().await;
    let held = hold_up(&world).await;
    let token = contract(&world, 2).await;
    let refused = assert_refused(ask(&world, &[&token]).await, Code::Unavailable, "VIEW_BEHIND");
    let details = refused.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.metadata["service"], ENDORSEMENT);
    assert_eq!(
        details.retry_info().unwrap().retry_delay,
        Some(Duration::from_secs(1))
    );
    held.rollback().await.unwrap();
    assert_eq!(ask(&world, &[&token]).await.unwrap().contracts.len(), 2);
}

#[tokio::test]
async fn a_token_that_no_command_answered_is_refused() {
    let world = World::new().await;
    let token = contract(&world, 1).await;
    let cursor = token.split_once(':').unwrap().1;
    let stranger = format!("billing:{cursor}");
    for nonsense in ["endorsement", "endorsement:zz", stranger.as_str()] {
        let answer = ask(&world, &["", nonsense]).await;
        assert_invalid(answer, "consistency_tokens[1]", "CONSISTENCY_TOKEN_INVALID");
    }
    let too_many = vec![token.as_str(); 17];
    assert_invalid(
        ask(&world, &too_many).await,
        "consistency_tokens",
        "LIST_TOO_LONG",
    );
    let most = &too_many[1..];
    assert_eq!(ask(&world, most).await.unwrap().contracts.len(), 1);
}

#[tokio::test]
async fn each_answer_says_how_far_the_view_has_come_with_each_source() {
    let world = World::new().await;
    let first = contract(&world, 1).await;
    world.caught_up().await;
    let freshness = async || ask(&world, &[]).await.unwrap().freshness.unwrap();
    let of_endorsement = |freshness: &Freshness| {
        let found = freshness
            .sources
            .iter()
            .find(|source| source.service == ENDORSEMENT);
        found.unwrap().clone()
    };
    let current = wait_for("a current view", SOON, async || {
        let freshness = freshness().await;
        if freshness.sources.iter().all(|source| source.lag_ms == 0) {
            Ok(freshness)
        } else {
            Err(freshness)
        }
    })
    .await;
    let services: Vec<_> = current
        .sources
        .iter()
        .map(|source| source.service.as_str())
        .collect();
    assert_eq!(services, SERVICES);
    assert_eq!(
        format!("{ENDORSEMENT}:{}", of_endorsement(&current).cursor),
        first
    );
    assert_eq!(current.sources[0].cursor, "", "nothing of identity was applied");

    let held = hold_up(&world).await;
    let second = contract(&world, 2).await;
    a_batch_waits(&world).await;
    assert_eq!(
        format!("{ENDORSEMENT}:{}", of_endorsement(&freshness().await).cursor),
        first
    );
    assert!(
        of_endorsement(&freshness().await).lag_ms > 0,
        "a batch that hangs shows as lag"
    );
    held.rollback().await.unwrap();
    world.caught_up().await;
    assert_eq!(
        format!("{ENDORSEMENT}:{}", of_endorsement(&freshness().await).cursor),
        second
    );
}

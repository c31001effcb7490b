//! A kind of event that this release does not know is parked by its entity; queries go on, and a rebuild finds the same.

use contracts::admin::v1::{DiscardParkedRequest, ListParkedRequest, ParkedMessage, ParkedState};
use contracts::endorsement::v1::EndorsementEvent;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::names::ENDORSEMENT;
use contracts::views::v1::{GetViewsStatusRequest, ListContractsRequest, ViewsRunState};
use harness::assert_refused;
use prost::Message as _;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::book::contract_id;
use crate::rebuild::rebuild;
use crate::world::{As, World};

async fn contract(world: &World, number: u128, version: u64) -> String {
    let policy = format!("AB0000000{number}");
    let imported = |seal: &crate::book::Seal<'_>| {
        Event::ContractImported(seal.contract(&policy, number, &["+819011112222"]))
    };
    world.endorsement(contract_id(number), version, imported).await
}

/// The customer's contracts, with a consistency token.
async fn contracts(world: &World, token: &str) -> Result<usize, Status> {
    let request = ListContractsRequest {
        consistency_tokens: vec![token.to_owned()],
        ..ListContractsRequest::default()
    };
    let call = world.call(As::Customer(1), request);
    let answer = world.customers().list_contracts(call).await?;
    Ok(answer.into_inner().contracts.len())
}

/// The contracts that are shown, with their versions.
async fn shown(world: &World) -> Vec<(Uuid, i64)> {
    world.caught_up().await;
    sqlx::query_as("SELECT contract_id, version FROM view.contract ORDER BY contract_id")
        .fetch_all(&world.database.pool)
        .await
        .unwrap()
}

async fn parked(world: &World) -> Vec<ParkedMessage> {
    let request = world.call(As::Administrator, ListParkedRequest::default());
    world
        .parking()
        .list_parked(request)
        .await
        .unwrap()
        .into_inner()
        .messages
}

/// Whoever asks to see what is parked is told, and so are operators.
async fn parked_is_known(world: &World, token: &str, event_id: &str) {
    let refused = contracts(world, token).await;
    assert_refused(refused, Code::FailedPrecondition, "CHANGE_NOT_SHOWN");
    let request = world.call(As::Administrator, GetViewsStatusRequest {});
    let status = world.administrators().get_views_status(request).await;
    let parked = status.unwrap().into_inner().parked;
    let [lacking] = &parked[..] else {
        panic!("{parked:?}");
    };
    assert_eq!(
        (
            lacking.entity_id.as_str(),
            lacking.messages,
            lacking.event_id.as_str()
        ),
        (contract_id(1).to_string().as_str(), 2, event_id)
    );
}

#[tokio::test]
async fn an_unknown_kind_of_event_is_parked_and_holds_up_its_contract_alone() {
    let world = World::new().await;
    contract(&world, 1, 0).await;
    let seal = world.seal();
    let unknown = EndorsementEvent {
        event_id: seal.event().to_string(),
        entity_id: contract_id(1).to_string(),
        version: 1,
        occurred_at_us: 0,
        event: None,
    };
    let mut payload = unknown.encode_to_vec();
    // Field 99, an empty message: a variant that a newer release sends.
    payload.extend([0x9a, 0x06, 0x00]);
    world.tell(ENDORSEMENT, seal.event(), &payload).await;
    let waiting = contract(&world, 1, 2).await;
    let applied = contract(&world, 2, 0).await;
    assert_eq!(shown(&world).await, [(contract_id(1), 0), (contract_id(2), 0)]);
    let found = parked(&world).await;
    let states: Vec<_> = found.iter().map(ParkedMessage::state).collect();
    assert_eq!(states, [ParkedState::Parked, ParkedState::Waiting]);
    assert!(found[0].error.contains("is not known here"), "{}", found[0].error);

    parked_is_known(&world, &waiting, &found[0].event_id).await;
    contracts(&world, &applied).await.unwrap();

    // A rebuild parks the same, and what it parked takes the place of what was parked.
    let run = rebuild(&world, 1).await;
    assert_eq!(run.state(), ViewsRunState::Done);
    assert!(
        run.tables.iter().all(|table| table.differing_rows == 0),
        "{run:?}"
    );
    let again = parked(&world).await;
    let events = |messages: &[ParkedMessage]| -> Vec<_> {
        messages
            .iter()
            .map(|message| (message.consumer.clone(), message.event_id.clone()))
            .collect()
    };
    assert_eq!(events(&again), events(&found));

    let request = DiscardParkedRequest {
        request_id: Uuid::from_u128(2).to_string(),
        consumer: found[0].consumer.clone(),
        source: found[0].source.clone(),
        event_id: found[0].event_id.clone(),
        reason: "INC-17".to_owned(),
    };
    let request = world.call(As::Administrator, request);
    let outcome = world
        .parking()
        .discard_parked(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (1, 0, 0));
    assert_eq!(shown(&world).await, [(contract_id(1), 2), (contract_id(2), 0)]);
    contracts(&world, &waiting).await.unwrap();
}

//! Change requests: prepare, submit, withdraw, read (EN-8, EN-10).

use std::sync::Arc;

use contracts::endorsement::v1 as proto;
use contracts::names::ENDORSEMENT;
use eventsourcing::Executed;
use kernel::ids::EndorsementId;
use service::{command, consistency_token, refuse};
use tonic::{Request, Response, Status};

use super::{Api, parse, rejected, render, requester, restricted_to};
use crate::domain::{Command, Contract, Submit};
use crate::publish::publish;

pub(super) async fn prepare(
    api: &Api,
    request: Request<proto::PrepareEndorsementRequest>,
) -> Result<Response<proto::PrepareEndorsementResponse>, Status> {
    let requester = requester(&request)?;
    let request = request.into_inner();
    let id = parse::contract_id(&request.contract_id).map_err(refuse)?;
    let asked = parse::asked(&request.items, &request.effective_date);
    let loaded = api.contracts.load(id).await.map_err(refuse)?;
    let current = loaded.state.current().map_err(rejected)?;
    let review = current
        .review(&asked, &requester, &api.context.rulebook, api.now())
        .map_err(rejected)?;
    let token = review.token(&api.confirm_key).map_err(rejected)?;
    Ok(Response::new(render::review(&review, token)))
}

pub(super) async fn submit(
    api: &Api,
    request: Request<proto::SubmitEndorsementRequest>,
) -> Result<Response<proto::SubmitEndorsementResponse>, Status> {
    let requester = requester(&request)?;
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let request = request.into_inner();
    let id = parse::contract_id(&request.contract_id).map_err(refuse)?;
    let endorsement_id = EndorsementId::from_uuid(envelope.key.derive_id("endorsement"));
    let submit = Submit {
        endorsement_id,
        requester,
        asked: parse::asked(&request.items, &request.effective_date),
        confirm_token: request.confirm_token,
        acknowledged_warnings: request.acknowledged_warnings.into_iter().collect(),
        confirm_key: api.confirm_key.clone(),
        rulebook: Arc::clone(&api.context.rulebook),
        at: envelope.at,
    };
    let executed = api
        .contracts
        .execute(id, &envelope, Command::Submit(Box::new(submit)))
        .await
        .map_err(refuse)?;
    let (endorsement, consistency_token) = changed(&executed, endorsement_id)?;
    Ok(Response::new(proto::SubmitEndorsementResponse {
        endorsement: Some(endorsement),
        consistency_token,
    }))
}

pub(super) async fn withdraw(
    api: &Api,
    request: Request<proto::WithdrawEndorsementRequest>,
) -> Result<Response<proto::WithdrawEndorsementResponse>, Status> {
    let requester = requester(&request)?;
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let request = request.into_inner();
    let id = parse::contract_id(&request.contract_id).map_err(refuse)?;
    let endorsement_id = parse::endorsement_id(&request.endorsement_id).map_err(refuse)?;
    let withdraw = Command::Withdraw {
        endorsement_id,
        requester,
        at: envelope.at,
    };
    let executed = api
        .contracts
        .execute(id, &envelope, withdraw)
        .await
        .map_err(refuse)?;
    let (endorsement, consistency_token) = changed(&executed, endorsement_id)?;
    Ok(Response::new(proto::WithdrawEndorsementResponse {
        endorsement: Some(endorsement),
        consistency_token,
    }))
}

pub(super) async fn get(
    api: &Api,
    request: Request<proto::GetEndorsementRequest>,
) -> Result<Response<proto::GetEndorsementResponse>, Status> {
    let restricted = restricted_to(&request)?;
    let request = request.into_inner();
    let id = parse::contract_id(&request.contract_id).map_err(refuse)?;
    let endorsement_id = parse::endorsement_id(&request.endorsement_id).map_err(refuse)?;
    let loaded = api.contracts.load(id).await.map_err(refuse)?;
    let current = loaded.state.current().map_err(rejected)?;
    if let Some(requester) = restricted {
        current.owned_by(&requester).map_err(rejected)?;
    }
    let endorsement = current.endorsement(endorsement_id).map_err(rejected)?;
    Ok(Response::new(proto::GetEndorsementResponse {
        endorsement: Some(render::endorsement(current, endorsement)),
    }))
}

/// The request as it stood after the command, and the token of what was told of it.
fn changed(executed: &Executed<Contract>, id: EndorsementId) -> Result<(proto::Endorsement, String), Status> {
    let current = executed.state.current().map_err(rejected)?;
    let endorsement = current.endorsement(id).map_err(rejected)?;
    let token = consistency_token(ENDORSEMENT, publish, &executed.events);
    Ok((render::endorsement(current, endorsement), token))
}

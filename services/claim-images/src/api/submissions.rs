//! Sending pictures to the adjuster (CI-1, CI-2) and the adjuster's having seen them.

use contracts::claim_images::v1 as proto;
use contracts::names::CLAIM_IMAGES;
use kernel::ids::{AccidentId, SubmissionId};
use service::{command, consistency_token, refuse};
use tonic::{Request, Response, Status};

use super::{Api, owner, parse, rejected, staff};
use crate::domain::Command;
use crate::publish::publish;

pub(super) async fn send(
    api: &Api,
    request: Request<proto::SendSubmissionRequest>,
) -> Result<Response<proto::SendSubmissionResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let owner = owner(&request)?;
    let request = request.into_inner();
    let accident_id: AccidentId = parse::id("accident_id", &request.accident_id).map_err(refuse)?;
    let submission_id = SubmissionId::from_uuid(envelope.key.derive_id("submission"));
    let command = Command::Send {
        owner: owner.subjects.clone(),
        submission_id,
        image_ids: parse::image_ids(&request.image_ids).map_err(refuse)?,
        note: parse::note(&request.note),
        at: envelope.at,
    };
    let executed = api
        .accidents
        .execute(accident_id, &envelope, command)
        .await
        .map_err(refuse)?;
    let current = executed.state.of(&owner.subjects).map_err(rejected)?;
    let sent = current.submissions.get(&submission_id);
    Ok(Response::new(proto::SendSubmissionResponse {
        submission_id: submission_id.to_string(),
        image_ids: sent
            .iter()
            .flat_map(|sent| &sent.image_ids)
            .map(ToString::to_string)
            .collect(),
        consistency_token: consistency_token(CLAIM_IMAGES, publish, &executed.events),
    }))
}

pub(super) async fn mark_seen(
    api: &Api,
    request: Request<proto::MarkSubmissionSeenRequest>,
) -> Result<Response<proto::MarkSubmissionSeenResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let by = staff(&request)?.id;
    let accident_id: AccidentId = parse::id("accident_id", &request.get_ref().accident_id).map_err(refuse)?;
    let submission_id = parse::id("submission_id", &request.get_ref().submission_id).map_err(refuse)?;
    let command = Command::MarkSeen {
        submission_id,
        by,
        at: envelope.at,
    };
    let executed = api
        .accidents
        .execute(accident_id, &envelope, command)
        .await
        .map_err(refuse)?;
    Ok(Response::new(proto::MarkSubmissionSeenResponse {
        consistency_token: consistency_token(CLAIM_IMAGES, publish, &executed.events),
    }))
}

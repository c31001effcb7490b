//! Starting, asking about and giving up an upload (CI-6).

use std::collections::BTreeSet;

use contracts::claim_images::v1 as proto;
use decider::{Problem, ProblemKind};
use kernel::clock::Timestamp;
use kernel::ids::{EventId, ImageId, SubjectId, UploadId};
use kernel::personal::SealedField;
use privacy::{Keyring, KeyringError, seal_field};
use service::{command, refuse, status};
use tonic::{Request, Response, Status};

use super::{Api, Owner, owner, parse, rejected};
use crate::upload_limits::{CHUNK_BYTES, NoRoom, NotStarted};
use crate::uploads::{Upload, UploadState};

/// Where the sealed name says it belongs; there is no event around it. **Format.**
const FILE_NAME_PATH: &str = "/upload/file_name";

pub(super) async fn start(
    api: &Api,
    request: Request<proto::StartUploadRequest>,
) -> Result<Response<proto::StartUploadResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let owner = owner(&request)?;
    let request = request.into_inner();
    let accident_id = parse::id("accident_id", &request.accident_id).map_err(refuse)?;
    let new = parse::new_upload(&request).map_err(refuse)?;
    let accident = api.accidents.load(accident_id).await.map_err(refuse)?.state;
    let current = accident.of(&owner.subjects).map_err(rejected)?;
    current.check_room(new.size_bytes).map_err(rejected)?;
    let upload_id = UploadId::from_uuid(envelope.key.derive_id("upload"));
    let started = if let Some(started) = api.uploads.find(upload_id).await.map_err(refuse)? {
        started
    } else {
        let keyring = &api.context.keyring;
        let file_name = seal_name(keyring, upload_id, current.subject, &new.file_name).await;
        let upload = Upload {
            id: upload_id,
            image_id: ImageId::from_uuid(envelope.key.derive_id("image")),
            accident_id,
            account_id: owner.account,
            subject: current.subject,
            category: new.category,
            size_bytes: new.size_bytes,
            file_name: file_name.map_err(refuse)?,
            payload_hash: envelope.payload_hash.clone(),
            state: UploadState::Receiving,
            sha256: None,
            expires_at: envelope
                .at
                .checked_add(api.upload_lifetime)
                .unwrap_or(Timestamp::MAX),
        };
        let started = api.uploads.start(&upload, &api.quotas, envelope.at).await;
        if let Err(NotStarted::NoRoom(NoRoom::SpoolFull)) = &started {
            tracing::warn!(
                spool.bytes = api.quotas.bytes,
                "an upload is refused: as much as may be is under way"
            );
        }
        started.map_err(refuse)?
    };
    if started.payload_hash != envelope.payload_hash {
        return Err(status(Problem::new(
            ProblemKind::FailedPrecondition,
            "REQUEST_ID_REUSED",
        )));
    }
    Ok(Response::new(proto::StartUploadResponse {
        upload_id: started.id.to_string(),
        chunk_size_bytes: CHUNK_BYTES,
        expires_at_us: started.expires_at.as_microsecond(),
    }))
}

pub(super) async fn query(
    api: &Api,
    request: Request<proto::QueryUploadRequest>,
) -> Result<Response<proto::QueryUploadResponse>, Status> {
    let owner = owner(&request)?;
    let upload_id = parse::id("upload_id", &request.get_ref().upload_id).map_err(refuse)?;
    let upload = find(api, upload_id, &owner).await?;
    let finished = upload.state == UploadState::Finished;
    let persisted = if finished {
        upload.size_bytes
    } else {
        api.spool.persisted(upload_id).await.map_err(refuse)?
    };
    let state = match upload.state {
        UploadState::Receiving => proto::UploadState::Receiving,
        UploadState::Finished => proto::UploadState::Finished,
        UploadState::Aborted => proto::UploadState::Aborted,
    };
    Ok(Response::new(proto::QueryUploadResponse {
        persisted_size_bytes: persisted,
        size_bytes: upload.size_bytes,
        state: state.into(),
        image_id: if finished {
            upload.image_id.to_string()
        } else {
            String::new()
        },
    }))
}

pub(super) async fn abort(
    api: &Api,
    request: Request<proto::AbortUploadRequest>,
) -> Result<Response<proto::AbortUploadResponse>, Status> {
    // Aborting twice is aborting; the id is asked for so that every change has one.
    command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let owner = owner(&request)?;
    let upload_id = parse::id("upload_id", &request.get_ref().upload_id).map_err(refuse)?;
    find(api, upload_id, &owner).await?;
    let _turn = api.turns.take(upload_id).await;
    match find(api, upload_id, &owner).await?.state {
        UploadState::Finished => return Err(status(finished())),
        UploadState::Receiving | UploadState::Aborted => {}
    }
    api.uploads
        .set_state(upload_id, UploadState::Aborted)
        .await
        .map_err(refuse)?;
    api.spool.remove(upload_id).await.map_err(refuse)?;
    Ok(Response::new(proto::AbortUploadResponse {}))
}

/// An upload of this account that is not over; anybody else's does not exist.
pub(super) async fn find(api: &Api, upload: UploadId, owner: &Owner) -> Result<Upload, Status> {
    api.uploads
        .find(upload)
        .await
        .map_err(refuse)?
        .filter(|upload| upload.account_id == owner.account && upload.expires_at > api.now())
        .ok_or_else(|| status(Problem::new(ProblemKind::NotFound, "UPLOAD_NOT_FOUND")))
}

/// As [`find`], for what needs an upload that receives.
pub(super) fn check_not_aborted(upload: &Upload) -> Result<(), Problem> {
    match upload.state {
        UploadState::Aborted => Err(Problem::new(ProblemKind::FailedPrecondition, "UPLOAD_ABORTED")),
        UploadState::Receiving | UploadState::Finished => Ok(()),
    }
}

pub(super) fn finished() -> Problem {
    Problem::new(ProblemKind::FailedPrecondition, "UPLOAD_FINISHED")
}

async fn seal_name(
    keyring: &Keyring,
    upload: UploadId,
    subject: SubjectId,
    name: &str,
) -> Result<SealedField, KeyringError> {
    let keys = keyring.seal_keys(&BTreeSet::from([subject])).await?;
    let json = serde_json::Value::from(name).to_string();
    Ok(seal_field(
        &keys,
        EventId::from_uuid(upload.as_uuid()),
        FILE_NAME_PATH,
        subject,
        json.as_bytes(),
    )?)
}

/// The name on the customer's device; none if the subject was erased meanwhile.
pub(super) async fn open_name(keyring: &Keyring, upload: &Upload) -> Result<Option<String>, KeyringError> {
    let event = EventId::from_uuid(upload.id.as_uuid());
    Ok(keyring
        .open::<String>(event, &upload.file_name)
        .await?
        .into_known())
}

//! Ending an upload: the whole is checked, judged by its content, kept, and recorded by one append. A crash anywhere
//! leaves the upload as it was; finishing again goes the same way and comes to the same.

use std::time::Duration;

use bytes::Bytes;
use contracts::claim_images::v1 as proto;
use contracts::names::CLAIM_IMAGES;
use decider::{Problem, ProblemKind};
use kernel::ids::{AccountId, SubjectId, UploadId};
use service::{command, consistency_token, reason_text, refuse, status};
use sha2::Digest as _;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};
use tonic::{Request, Response, Status};

use super::uploads::{check_not_aborted, find, open_name};
use super::{Api, Owner, owner, parse, rejected};
use crate::content::{self, Refused};
use crate::decoder::{Decoded, Derivative};
use crate::domain::{
    self, Category, Command, ContentType, DerivativeSize, Derivatives, ImageState, NewImage, RECIPE,
    Received, RefusalReason, Sha256,
};
use crate::originals::Kind;
use crate::publish::publish;
use crate::uploads::{Upload, UploadState};
use crate::wire;

/// When a decoder may be free again.
const RETRY_BUSY: Duration = Duration::from_secs(5);
/// Longer than finishing can take.
const HOLD: Duration = Duration::from_mins(10);

pub(super) async fn finish(
    api: &Api,
    request: Request<proto::FinishUploadRequest>,
) -> Result<Response<proto::FinishUploadResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let owner = owner(&request)?;
    let upload_id: UploadId = parse::id("upload_id", &request.get_ref().upload_id).map_err(refuse)?;
    let sha256 = parse::sha256(&request.get_ref().sha256).map_err(refuse)?;
    find(api, upload_id, &owner).await?;
    let _turn = api.turns.take(upload_id).await;
    // Read again: whoever had the turn before may have finished it.
    let upload = find(api, upload_id, &owner).await?;
    check_not_aborted(&upload).map_err(refuse)?;
    let accident = api
        .accidents
        .load(upload.accident_id)
        .await
        .map_err(refuse)?
        .state;
    let recorded = accident
        .of(&owner.subjects)
        .map_err(rejected)?
        .images
        .get(&upload.image_id);
    let command = match recorded {
        Some(image) if image.sha256 == sha256 => Command::ConfirmImage {
            owner: owner.subjects.clone(),
            image_id: upload.image_id,
        },
        Some(_) => return Err(status(checksum_mismatch())),
        None => judge(api, &owner, &upload, sha256).await?,
    };
    let executed = api
        .accidents
        .execute(upload.accident_id, &envelope, command)
        .await
        .map_err(refuse)?;
    api.uploads
        .set_state(upload_id, UploadState::Finished)
        .await
        .map_err(refuse)?;
    api.spool.remove(upload_id).await.map_err(refuse)?;
    let current = executed.state.of(&owner.subjects).map_err(rejected)?;
    let image = current.images.get(&upload.image_id).map(|image| {
        let refusal = match image.state {
            ImageState::Refused(reason) => reason_text(reason.as_str()),
            _ => String::new(),
        };
        let mut shown = wire::image(upload.accident_id, image);
        shown.refusal_message = refusal;
        for (told, hint) in shown.hints.iter_mut().zip(&image.hints) {
            told.message = reason_text(hint.as_str());
        }
        shown
    });
    Ok(Response::new(proto::FinishUploadResponse {
        image,
        consistency_token: consistency_token(CLAIM_IMAGES, publish, &executed.events),
    }))
}

fn checksum_mismatch() -> Problem {
    Problem::new(ProblemKind::InvalidArgument, "CHECKSUM_MISMATCH").field("sha256", "CHECKSUM_MISMATCH")
}

/// What is to be recorded of the file. A picture that is to be received has been stored when this returns.
async fn judge(api: &Api, owner: &Owner, upload: &Upload, sha256: Sha256) -> Result<Command, Status> {
    let beginning = api.spool.read_beginning(upload.id).await.map_err(refuse)?;
    let _only = only_place(api, owner.account).await?;
    let _permit = permit(api, content::kind(&beginning)).await?;
    drop(beginning);
    let persisted = api.spool.persisted(upload.id).await.map_err(refuse)?;
    if persisted != upload.size_bytes {
        let problem = Problem::new(ProblemKind::FailedPrecondition, "UPLOAD_INCOMPLETE")
            .with("persisted_size_bytes", persisted.to_string())
            .with("size_bytes", upload.size_bytes.to_string());
        return Err(status(problem));
    }
    api.uploads
        .hold(upload.id, api.now(), HOLD)
        .await
        .map_err(refuse)?;
    let original = api.spool.read(upload.id).await.map_err(refuse)?;
    if sha256_of(original.clone()).await != Some(sha256) {
        return Err(status(checksum_mismatch()));
    }
    let Some(file_name) = open_name(&api.context.keyring, upload).await.map_err(refuse)? else {
        return Err(status(Problem::new(
            ProblemKind::FailedPrecondition,
            "SUBJECT_ERASED",
        )));
    };
    let image = NewImage {
        owner: owner.subjects.clone(),
        image_id: upload.image_id,
        category: upload.category,
        file_name,
        size_bytes: upload.size_bytes,
        sha256,
        at: api.now(),
    };
    match look(api, upload.category, &original).await? {
        Err(Refused { content_type, reason }) => Ok(Command::RefuseImage {
            image,
            content_type,
            reason,
        }),
        Ok((content_type, decoded)) => {
            keep(api, upload, sha256, original, decoded.as_ref()).await?;
            let received = Box::new(received(api, content_type, decoded));
            Ok(Command::ReceiveImage { image, received })
        }
    }
}

/// The only place of this account.
pub(super) async fn only_place(api: &Api, account: AccountId) -> Result<OwnedMutexGuard<()>, Status> {
    let only = tokio::time::timeout(api.decoder_wait, api.one_each.take(account));
    only.await.map_err(|_| busy())
}

fn busy() -> Status {
    status(Problem::new(ProblemKind::ResourceExhausted, "DECODERS_BUSY").retry_after(RETRY_BUSY))
}

fn received(api: &Api, content_type: ContentType, decoded: Option<Decoded>) -> Received {
    let Some(decoded) = decoded else {
        return Received {
            content_type,
            dimensions: None,
            derivatives: Derivatives::default(),
            hints: Vec::new(),
            capture: None,
        };
    };
    let rules = &api.context.rulebook.pictures;
    let measured = |measures| domain::hints(rules, measures, decoded.dimensions);
    Received {
        content_type,
        dimensions: Some(decoded.dimensions),
        derivatives: Derivatives::all(),
        hints: decoded.measures.map(measured).unwrap_or_default(),
        capture: Some(decoded.capture),
    }
}

/// A place in the lane of this kind of file: HEIC takes a second where others take a twentieth of one, and shall not keep them
/// waiting.
pub(super) async fn permit(
    api: &Api,
    content_type: Option<ContentType>,
) -> Result<OwnedSemaphorePermit, Status> {
    let lane = match content_type {
        Some(ContentType::Heic) => &api.judging_heic,
        _ => &api.judging,
    };
    let waiting = tokio::time::timeout(api.decoder_wait, lane.clone().acquire_owned());
    waiting.await.map_err(|_| busy())?.map_err(|_| busy())
}

/// What the file is; pictures are decoded whole, in a child.
async fn look(
    api: &Api,
    category: Category,
    original: &Bytes,
) -> Result<Result<(ContentType, Option<Decoded>), Refused>, Status> {
    let content_type = match content::inspect(original) {
        Ok(inspected) => inspected.content_type,
        Err(refused) => return Ok(Err(refused)),
    };
    let refused = |reason| Refused {
        content_type: Some(content_type),
        reason,
    };
    if !content_type.fits(category) {
        return Ok(Err(refused(RefusalReason::UnsupportedType)));
    }
    if content_type == ContentType::Pdf {
        return Ok(Ok((content_type, None)));
    }
    let decoded = api
        .decoder
        .decode(content_type, original, &DerivativeSize::ALL)
        .await
        .map_err(refuse)?;
    Ok(decoded
        .map(|decoded| (content_type, Some(decoded)))
        .map_err(refused))
}

async fn keep(
    api: &Api,
    upload: &Upload,
    sha256: Sha256,
    original: Bytes,
    decoded: Option<&Decoded>,
) -> Result<(), Status> {
    api.uploads.use_original(upload, sha256).await.map_err(refuse)?;
    let address = (upload.subject, sha256);
    for derivative in decoded.iter().flat_map(|decoded| &decoded.derivatives) {
        keep_derivative(api, address, derivative).await?;
    }
    api.originals
        .keep(Kind::Original, address, original)
        .await
        .map_err(refuse)
}

pub(super) async fn keep_derivative(
    api: &Api,
    address: (SubjectId, Sha256),
    derivative: &Derivative,
) -> Result<(), Status> {
    let kind = Kind::Derivative {
        recipe: RECIPE,
        size: derivative.size,
    };
    api.originals
        .keep(kind, address, derivative.jpeg.clone())
        .await
        .map_err(refuse)
}

async fn sha256_of(bytes: Bytes) -> Option<Sha256> {
    let hash = tokio::task::spawn_blocking(move || sha2::Sha256::digest(&bytes))
        .await
        .ok()?;
    Some(Sha256::from_bytes(hash.into()))
}

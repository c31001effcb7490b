//! Handing out originals, to claims staff alone (CI-5, OP-3).

use contracts::claim_images::v1 as proto;
use eventsourcing::RequestKey;
use kernel::ids::{AccidentId, ImageId};
use privacy::FRAME_BYTES;
use service::{Scope, command_once, refuse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, parse, rejected, staff};
use crate::domain::{Command, CurrentAccident, Image};
use crate::originals::{Kind, Reading};

/// Frames of 64 KiB that wait for a slow reader.
const FRAMES_AHEAD: usize = 4;

/// An original on its way out.
pub(super) type Download = ReceiverStream<Result<proto::DownloadOriginalResponse, Status>>;

pub(super) async fn download(
    api: &Api,
    request: Request<proto::DownloadOriginalRequest>,
) -> Result<Response<Download>, Status> {
    let by = staff(&request)?.id;
    let accident_id: AccidentId = parse::id("accident_id", &request.get_ref().accident_id).map_err(refuse)?;
    let image_id: ImageId = parse::id("image_id", &request.get_ref().image_id).map_err(refuse)?;
    let accident = api.accidents.load(accident_id).await.map_err(refuse)?.state;
    let (current, image) = original(&accident, image_id).map_err(rejected)?;
    let reading = api
        .originals
        .open(Kind::Original, current.subject, image.sha256)
        .await
        .map_err(refuse)?;
    // Recorded before the first byte leaves. Each download is an event of its own, so its id comes of who and when.
    let at = api.now();
    let when = Uuid::from_u128(at.as_microsecond().unsigned_abs().into());
    let once = RequestKey::derive(&format!("staff:{by}"), "download", when).derive_id("download");
    let envelope = command_once(&api.context, &request, once).map_err(refuse)?;
    let command = Command::ViewOriginal { image_id, by, at };
    api.accidents
        .execute(accident_id, &envelope, command)
        .await
        .map_err(refuse)?;
    let head = proto::OriginalHead {
        content_type: image
            .content_type
            .map(crate::domain::ContentType::as_str)
            .unwrap_or_default()
            .to_owned(),
        size_bytes: image.size_bytes,
        sha256: image.sha256.as_bytes().to_vec(),
    };
    let (sender, receiver) = mpsc::channel(FRAMES_AHEAD);
    api.context
        .tasks
        .spawn(hand_out(head, reading, sender, api.context.scope()));
    Ok(Response::new(ReceiverStream::new(receiver)))
}

fn original(
    accident: &crate::domain::Accident,
    image: ImageId,
) -> Result<(&CurrentAccident, &Image), crate::domain::Rejection> {
    let current = accident.known()?;
    Ok((current, current.registered(image)?))
}

/// Opens and sends frame by frame; ends when the caller leaves.
async fn hand_out(
    head: proto::OriginalHead,
    mut reading: Reading,
    sender: mpsc::Sender<Result<proto::DownloadOriginalResponse, Status>>,
    scope: Scope,
) {
    let mut head = Some(head);
    loop {
        match reading.next().await {
            Ok(Some(bytes)) => {
                for data in bytes.chunks(FRAME_BYTES) {
                    let message = proto::DownloadOriginalResponse {
                        head: head.take(),
                        data: data.to_vec(),
                    };
                    if sender.send(Ok(message)).await.is_err() {
                        return;
                    }
                }
            }
            Ok(None) => return,
            Err(error) => {
                // The receiver may be gone, and then nobody asks.
                let _ = sender.send(Err(scope.refuse(&error))).await;
                return;
            }
        }
    }
}

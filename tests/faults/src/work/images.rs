//! A picture handed in, sent, and seen by the adjuster (CI-1, CI-6). The upload resumes where the service stands.

use std::time::Duration;

use client::{Bearer, Upload, UploadSource, send_submission};
use contracts::access::path_of;
use contracts::claim_images::v1::{
    FinishUploadResponse, ImageCategory, MarkSubmissionSeenRequest, SendSubmissionResponse,
};
use contracts::names::{CLAIM_IMAGES, VIEWS};
use contracts::views::v1::GetAccidentRequest;
use tonic::Status;
use turbojpeg::{Image, PixelFormat, Subsamp};

use super::Work;
use super::customer::Customer;
use crate::calls::{Command, NoAnswer, keyed};
use crate::failure::Failure;
use crate::ledger::{Effect, End};
use crate::recovery::Proof;

const FINISH: &str = path_of("FinishUpload");
const SEND: &str = path_of("SendSubmission");
const MARK_SEEN: &str = path_of("MarkSubmissionSeen");
/// Side of the pictures, in pixels: large enough to be judged, small enough to be many.
const SIDE: usize = 48;
/// A step of an upload that is not answered by then is tried again.
const STEP: Duration = Duration::from_secs(3);
/// Of a hundred pictures, so many are looked for in the customer's view at once.
const LOOKS_PERCENT: u32 = 30;

impl Work<'_> {
    pub(super) async fn hand_in(&self, customer: &Customer) -> Result<(), NoAnswer> {
        let Some((accident, adjuster)) = &customer.accident else {
            return Ok(());
        };
        let bearer = customer.bearer();
        let source = UploadSource {
            file_name: "faults.jpg".to_owned(),
            category: ImageCategory::Other,
            bytes: picture()?,
        };
        let upload_id = self.start(&bearer, accident, &source).await?;
        let upload = Upload::started(&self.client, &bearer, &source, upload_id);
        let finished = self.finish(customer, accident, &upload).await?;
        if self.calls.chance_of(LOOKS_PERCENT) {
            self.look(&bearer, accident, &finished).await?;
        }
        let sent = self.send_submission(customer, &bearer, accident).await?;
        self.mark_seen(adjuster, accident, &sent.submission_id).await
    }

    /// Leaves no event: an upload is an operational row.
    async fn start(
        &self,
        bearer: &Bearer,
        accident: &str,
        source: &UploadSource,
    ) -> Result<String, NoAnswer> {
        let command = Command {
            service: CLAIM_IMAGES,
            what: "start upload",
            effects: Vec::new(),
        };
        let request = source.start_request(accident);
        let attempt = async || {
            self.client
                .claim_images(bearer)
                .start_upload(request.clone())
                .await
        };
        let answer = self.calls.send(command, attempt, |_| (Vec::new(), None)).await?;
        Ok(answer.upload_id)
    }

    /// Writes what the service does not have yet, then ends the upload.
    async fn finish(
        &self,
        customer: &Customer,
        accident: &str,
        upload: &Upload<'_>,
    ) -> Result<FinishUploadResponse, NoAnswer> {
        let (request_id, key) = keyed(&customer.scope(), FINISH);
        let command = Command {
            service: CLAIM_IMAGES,
            what: "finish upload",
            effects: vec![effect(accident, "accident.image_received.v1", key)],
        };
        let attempt = async || {
            within(upload.write_rest()).await?;
            upload.finish(&request_id).await
        };
        let told = |answer: &FinishUploadResponse| proven(&answer.consistency_token);
        self.calls.send(command, attempt, told).await
    }

    /// Asks the customer's view for the picture that was just acknowledged. While a fault lasts the view may fail to answer,
    /// but not answer without it.
    async fn look(
        &self,
        bearer: &Bearer,
        accident: &str,
        finished: &FinishUploadResponse,
    ) -> Result<(), Failure> {
        let request = GetAccidentRequest {
            accident_id: accident.to_owned(),
            consistency_tokens: vec![finished.consistency_token.clone()],
        };
        let mut view = self.client.customer_view(bearer);
        let Ok(answer) = within(view.get_accident(request)).await else {
            return Ok(());
        };
        let picture = finished.image.as_ref().map(|image| image.image_id.as_str());
        let shown = answer
            .into_inner()
            .images
            .iter()
            .any(|image| Some(image.image_id.as_str()) == picture);
        if !shown {
            let query = self.calls.ledger.sent(VIEWS, "look at own picture", &[])?;
            self.calls.ledger.ended(query, End::Stale, &[])?;
        }
        Ok(())
    }

    async fn send_submission(
        &self,
        customer: &Customer,
        bearer: &Bearer,
        accident: &str,
    ) -> Result<SendSubmissionResponse, NoAnswer> {
        let (request_id, key) = keyed(&customer.scope(), SEND);
        let command = Command {
            service: CLAIM_IMAGES,
            what: "send submission",
            effects: vec![effect(accident, "accident.submission_sent.v1", key)],
        };
        let attempt = async || send_submission(&self.client, bearer, accident, "", &request_id).await;
        let told = |answer: &SendSubmissionResponse| proven(&answer.consistency_token);
        self.calls.send(command, attempt, told).await
    }

    async fn mark_seen(&self, adjuster: &str, accident: &str, submission: &str) -> Result<(), NoAnswer> {
        let (request_id, key) = keyed(&format!("staff:{adjuster}"), MARK_SEEN);
        let command = Command {
            service: CLAIM_IMAGES,
            what: "mark seen",
            effects: vec![effect(accident, "accident.submission_seen.v1", key)],
        };
        let bearer = self.staff(adjuster, "adjuster")?;
        let request = MarkSubmissionSeenRequest {
            request_id,
            accident_id: accident.to_owned(),
            submission_id: submission.to_owned(),
        };
        let attempt = async || {
            self.client
                .claim_images(&bearer)
                .mark_submission_seen(request.clone())
                .await
        };
        let told = |answer: &contracts::claim_images::v1::MarkSubmissionSeenResponse| {
            proven(&answer.consistency_token)
        };
        self.calls.send(command, attempt, told).await.map(|_| ())
    }
}

async fn within<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(STEP, call)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")))
}

fn proven(token: &str) -> (Vec<Effect>, Option<Proof>) {
    (Vec::new(), token.parse().ok().map(Proof::Token))
}

fn effect(accident: &str, event_type: &str, key: uuid::Uuid) -> Effect {
    Effect {
        service: CLAIM_IMAGES.to_owned(),
        event_type: event_type.to_owned(),
        stream: Some(format!("{CLAIM_IMAGES}.accident-{accident}")),
        key: Some(key),
        login: None,
    }
}

/// Noise, so that no two are the same picture.
fn picture() -> Result<Vec<u8>, Failure> {
    let pixels: Vec<u8> = (0..SIDE * SIDE * 3).map(|_| rand::random()).collect();
    let image = Image {
        pixels: pixels.as_slice(),
        width: SIDE,
        pitch: SIDE * 3,
        height: SIDE,
        format: PixelFormat::RGB,
    };
    Ok(turbojpeg::compress(image, 90, Subsamp::None)?.to_vec())
}

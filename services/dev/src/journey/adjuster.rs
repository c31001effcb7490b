//! Step 7: the adjuster finds the submission, looks at the pictures, gets the original byte for byte, and the customer sees
//! that they were seen (CI-3, CI-5, CI-6).

use std::collections::BTreeSet;

use contracts::claim_images::v1::{
    DerivativeSize, DownloadOriginalRequest, GetDerivativeRequest, GetDerivativeResponse,
    GetDerivativesRequest, ImageState, MarkSubmissionSeenRequest,
};
use contracts::views::v1::{
    GetAccidentFileRequest, GetAccidentRequest, ListGalleryRequest, ListQueueRequest, QueueItem,
};
use sha2::{Digest as _, Sha256};

use super::checks::{Checks, Halt};
use super::images::check_shown;
use super::sending::{HandedIn, NOTE};
use super::{Journey, shown_by_a_view, until};
use client::{Bearer, Refusal, request_id};
use testkit::quarters;

/// 35° 41′ 22″ N, 139° 41′ 30″ E, as the rotated picture has it.
const POSITION: &str = "35.689444,139.691667";

impl Journey<'_> {
    pub(super) async fn look_as_adjuster(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let customer = self.bearer(checks).await?;
        let Some(handed_in) = &self.handed_in else {
            return Err(Halt);
        };
        let adjuster = self
            .setting
            .staff(&self.customer.adjuster, &["adjuster"], checks)?;
        self.queue(&adjuster, handed_in, checks).await?;
        self.gallery(&adjuster, handed_in, checks).await?;
        self.original(&adjuster, &customer, handed_in, checks).await?;
        self.seen(&adjuster, &customer, handed_in, checks).await
    }

    async fn queue(&self, adjuster: &Bearer, handed_in: &HandedIn, checks: &mut Checks) -> Result<(), Halt> {
        let tokens = vec![handed_in.consistency_token.clone()];
        let found = self.find(adjuster, handed_in, tokens.clone()).await;
        let found = checks.done("the queue is listed", found)?;
        checks.check(
            "CI-3: the submission waits in its adjuster's queue",
            found.is_some(),
            "it is not there",
        );
        let item = found.unwrap_or_default();
        checks.equal(
            "CI-2: it is one submission with its pictures",
            &(item.image_count as usize),
            &handed_in.image_ids.len(),
        );
        checks.equal(
            "the customer's word reaches the adjuster",
            &item.note.as_str(),
            &NOTE,
        );
        checks.equal(
            "the queue names the policyholder",
            &item.policyholder_name,
            &self.customer.name,
        );
        let request = GetAccidentFileRequest {
            accident_id: handed_in.accident_id.clone(),
            consistency_tokens: tokens,
        };
        let client = self.setting.client;
        let ask = async || {
            client
                .adjuster_view(adjuster)
                .get_accident_file(request.clone())
                .await
        };
        let file = shown_by_a_view(checks, "the accident's file is shown", ask)
            .await?
            .accident
            .unwrap_or_default();
        checks.equal(
            "the accident's file knows the contract",
            &file.policy_number,
            &self.customer.policy_number,
        );
        let stranger = self.setting.staff("X999", &["call_centre"], checks)?;
        let call = self
            .setting
            .client
            .adjuster_view(&stranger)
            .list_queue(ListQueueRequest::default())
            .await;
        checks.refused(
            "OP-3: the queue is for claims staff only",
            call,
            "CALLER_NOT_ALLOWED",
        );
        Ok(())
    }

    /// The submission in the adjuster's own queue, through all of its pages.
    async fn find(
        &self,
        adjuster: &Bearer,
        handed_in: &HandedIn,
        consistency_tokens: Vec<String>,
    ) -> Result<Option<QueueItem>, Refusal> {
        let mut request = ListQueueRequest {
            consistency_tokens,
            ..ListQueueRequest::default()
        };
        loop {
            let page = self
                .setting
                .client
                .adjuster_view(adjuster)
                .list_queue(request.clone())
                .await?
                .into_inner();
            if let Some(item) = page
                .items
                .into_iter()
                .find(|item| item.submission_id == handed_in.submission_id)
            {
                return Ok(Some(item));
            }
            if page.next_page_token.is_empty() {
                return Ok(None);
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn gallery(
        &self,
        adjuster: &Bearer,
        handed_in: &HandedIn,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let request = ListGalleryRequest {
            accident_id: handed_in.accident_id.clone(),
            page_size: 500,
            consistency_tokens: vec![handed_in.consistency_token.clone()],
            ..ListGalleryRequest::default()
        };
        let client = self.setting.client;
        let ask = async || client.adjuster_view(adjuster).list_gallery(request.clone()).await;
        let images = shown_by_a_view(checks, "the gallery is listed", ask)
            .await?
            .images;
        let seen: BTreeSet<_> = images.iter().map(|image| image.image_id.clone()).collect();
        checks.equal(
            "CI-3: the gallery has the pictures that were sent",
            &seen,
            &handed_in.image_ids,
        );
        let position = images
            .iter()
            .find(|image| image.image_id == handed_in.rotated.0)
            .and_then(|image| image.capture.clone()?.position);
        checks.equal(
            "CI-13: the adjuster sees where the camera says the picture was taken",
            &position.unwrap_or_default().value.as_str(),
            &POSITION,
        );
        self.shown(adjuster, handed_in, checks).await?;
        self.coloured(adjuster, handed_in, checks).await
    }

    /// CI-5: all that can be seen, in one answer.
    async fn shown(&self, adjuster: &Bearer, handed_in: &HandedIn, checks: &mut Checks) -> Result<(), Halt> {
        let request = GetDerivativesRequest {
            accident_id: handed_in.accident_id.clone(),
            image_ids: handed_in.shown.iter().cloned().collect(),
            size: DerivativeSize::Small.into(),
        };
        let call = self
            .setting
            .client
            .claim_images(adjuster)
            .get_derivatives(request)
            .await;
        let mut pictures = checks.answer("the adjuster sees the pictures", call)?;
        let mut seen = BTreeSet::new();
        loop {
            let message = checks.done(
                "the pictures' stream goes on",
                pictures.message().await.map_err(Refusal::from),
            )?;
            let Some(picture) = message else { break };
            let rotated = picture.image_id == handed_in.rotated.0;
            let what = if rotated {
                "CI-5: the rotated picture stands upright"
            } else {
                "CI-5: a picture in the list is small and without camera data"
            };
            let shown = GetDerivativeResponse {
                jpeg: picture.jpeg,
                width: picture.width,
                height: picture.height,
            };
            let held_upright = rotated.then_some(&handed_in.rotated.1[..]);
            check_shown(what, &shown, held_upright, checks);
            seen.insert(picture.image_id);
        }
        checks.equal("CI-13: every picture can be seen", &seen, &handed_in.shown);
        Ok(())
    }

    /// CI-13: what phones take is seen upright and in true colours, pixel by pixel.
    async fn coloured(
        &self,
        adjuster: &Bearer,
        handed_in: &HandedIn,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        for (image_id, colours) in &handed_in.coloured {
            let request = GetDerivativeRequest {
                accident_id: handed_in.accident_id.clone(),
                image_id: image_id.clone(),
                size: DerivativeSize::Large.into(),
            };
            let call = self
                .setting
                .client
                .claim_images(adjuster)
                .get_derivative(request)
                .await;
            let shown = checks.answer("the adjuster looks at the picture", call)?;
            let pixels = checks.done(
                "the picture is a JPEG",
                turbojpeg::decompress(&shown.jpeg, turbojpeg::PixelFormat::RGB),
            )?;
            let difference = quarters::difference(pixels.width, &pixels.pixels, *colours);
            checks.check(
                "CI-13: it is seen upright and in true colours",
                difference.is_none(),
                difference.unwrap_or_default(),
            );
        }
        Ok(())
    }

    /// CI-5: the same bytes, and only for claims staff.
    async fn original(
        &self,
        adjuster: &Bearer,
        customer: &Bearer,
        handed_in: &HandedIn,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let (image_id, bytes) = &handed_in.rotated;
        let request = DownloadOriginalRequest {
            accident_id: handed_in.accident_id.clone(),
            image_id: image_id.clone(),
        };
        let call = self
            .setting
            .client
            .claim_images(adjuster)
            .download_original(request.clone())
            .await;
        let mut stream = checks.answer("the original is handed out", call)?;
        let (mut head, mut original) = (None, Vec::new());
        loop {
            let message = checks.done(
                "the original's stream goes on",
                stream.message().await.map_err(Refusal::from),
            )?;
            let Some(message) = message else { break };
            head = head.or(message.head);
            original.extend(message.data);
        }
        let hash = Sha256::digest(bytes).to_vec();
        checks.equal(
            "CI-5: the original has the same SHA-256",
            &hex::encode(Sha256::digest(&original)),
            &hex::encode(&hash),
        );
        checks.check(
            "CI-5: and byte for byte",
            original == *bytes,
            format_args!("{} bytes", original.len()),
        );
        let told = head.is_some_and(|head| head.sha256 == hash && head.size_bytes == bytes.len() as u64);
        checks.check("CI-5: its head says so before", told, "another head");
        let call = self
            .setting
            .client
            .claim_images(customer)
            .download_original(request)
            .await;
        checks.refused(
            "CI-5: originals are for claims staff only",
            call,
            "CALLER_NOT_ALLOWED",
        );
        Ok(())
    }

    async fn seen(
        &self,
        adjuster: &Bearer,
        customer: &Bearer,
        handed_in: &HandedIn,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let request = MarkSubmissionSeenRequest {
            request_id: request_id(),
            accident_id: handed_in.accident_id.clone(),
            submission_id: handed_in.submission_id.clone(),
        };
        let call = self
            .setting
            .client
            .claim_images(adjuster)
            .mark_submission_seen(request)
            .await;
        let token = checks
            .answer("the submission is marked as seen", call)?
            .consistency_token;
        let request = GetAccidentRequest {
            accident_id: handed_in.accident_id.clone(),
            consistency_tokens: vec![token.clone()],
        };
        let shown = until(
            checks,
            "CI-6: the customer sees that the pictures were seen",
            async || {
                let call = self
                    .setting
                    .client
                    .customer_view(customer)
                    .get_accident(request.clone())
                    .await;
                let images = call
                    .map_err(|status| Refusal::from(status).to_string())?
                    .into_inner()
                    .images;
                let seen: BTreeSet<_> = images
                    .into_iter()
                    .filter(|image| image.state() == ImageState::Seen)
                    .map(|image| image.image_id)
                    .collect();
                if seen == handed_in.image_ids {
                    Ok(seen)
                } else {
                    Err(format!("{} are seen", seen.len()))
                }
            },
        )
        .await?;
        checks.equal(
            "CI-6: the customer sees that the pictures were seen",
            &shown,
            &handed_in.image_ids,
        );
        let left = self.find(adjuster, handed_in, vec![token]).await;
        let left = checks.done("the queue is listed", left)?;
        checks.check(
            "CI-3: the submission has left the queue",
            left.is_none(),
            "it is still there",
        );
        Ok(())
    }
}

//! Step 6, its end: what was handed in is listed with its state, reminded of, and sent (CI-1, CI-2, CI-6, CI-12).

use std::collections::BTreeSet;

use client::{Bearer, request_id, send_submission};
use contracts::claim_images::v1::{Image, ImageState};
use contracts::views::v1::{GetAccidentRequest, ListRemindersRequest, ReminderReason};

use super::checks::{Checks, Halt};
use super::{Journey, shown_by_a_view};

/// What the customer writes to the adjuster.
pub(super) const NOTE: &str = "天井から水が漏れています。よろしくお願いします。";

/// What the adjuster must find.
pub(super) struct HandedIn {
    pub(super) accident_id: String,
    pub(super) submission_id: String,
    pub(super) consistency_token: String,
    /// The picture that was turned, with its bytes.
    pub(super) rotated: (String, Vec<u8>),
    /// Images of the submission.
    pub(super) image_ids: BTreeSet<String>,
    /// Those that can be seen.
    pub(super) shown: BTreeSet<String>,
    /// Those of the kinds that phones take, with the colours that their quarters must have where they stand upright.
    pub(super) coloured: Vec<(String, [[u8; 3]; 4])>,
}

/// Images taken in so far.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) images: Vec<Image>,
    pub(super) coloured: Vec<(String, [[u8; 3]; 4])>,
    consistency_tokens: Vec<String>,
}

impl Taken {
    pub(super) fn add(&mut self, image: Image, consistency_token: String) {
        self.images.push(image);
        self.consistency_tokens.push(consistency_token);
    }

    fn received(&self) -> impl Iterator<Item = &Image> {
        self.images
            .iter()
            .filter(|image| image.state() == ImageState::Received)
    }
}

impl Journey<'_> {
    /// CI-6, CI-12: every file is in the list with its state, and unsent ones are reminded of.
    pub(super) async fn registered(
        &self,
        bearer: &Bearer,
        accident: &str,
        taken: &Taken,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let tokens = taken.consistency_tokens.clone();
        let request = GetAccidentRequest {
            accident_id: accident.to_owned(),
            consistency_tokens: tokens.clone(),
        };
        let client = self.setting.client;
        let ask = async || client.customer_view(bearer).get_accident(request.clone()).await;
        let shown = shown_by_a_view(checks, "the accident is shown", ask).await?;
        let expected: BTreeSet<_> = taken
            .images
            .iter()
            .map(|image| (image.image_id.clone(), image.state()))
            .collect();
        let seen: BTreeSet<_> = shown
            .images
            .iter()
            .map(|image| (image.image_id.clone(), image.state()))
            .collect();
        checks.equal("CI-6: every file is listed with its state", &seen, &expected);
        let unsent = shown.accident.unwrap_or_default().unsent_images as usize;
        checks.equal(
            "CI-1: registering is not sending",
            &unsent,
            &taken.received().count(),
        );
        let request = ListRemindersRequest {
            consistency_tokens: tokens,
            ..ListRemindersRequest::default()
        };
        let client = self.setting.client;
        let ask = async || client.customer_view(bearer).list_reminders(request.clone()).await;
        let reminders = shown_by_a_view(checks, "the reminders are listed", ask)
            .await?
            .reminders;
        let reminded = reminders.iter().any(|reminder| {
            reminder.reason() == ReminderReason::UnsentImages && reminder.about_id == accident
        });
        checks.check(
            "CI-12: unsent images are reminded of",
            reminded,
            format_args!("{reminders:?}"),
        );
        Ok(())
    }

    pub(super) async fn send(
        &mut self,
        bearer: &Bearer,
        accident_id: String,
        rotated: (String, Vec<u8>),
        taken: &Taken,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let submit = async || {
            let client = self.setting.client;
            send_submission(client, bearer, &accident_id, NOTE, &request_id()).await
        };
        let call = submit().await;
        let sent = checks.answer("the pictures are sent", call)?;
        let image_ids: BTreeSet<_> = sent.image_ids.iter().cloned().collect();
        let expected: BTreeSet<_> = taken.received().map(|image| image.image_id.clone()).collect();
        checks.equal(
            "CI-1: the received pictures are sent, the refused ones are not",
            &image_ids,
            &expected,
        );
        let call = submit().await;
        checks.refused("CI-1: nothing is left to send", call, "NOTHING_TO_SEND");
        self.handed_in = Some(HandedIn {
            accident_id,
            submission_id: sent.submission_id,
            consistency_token: sent.consistency_token,
            rotated,
            image_ids,
            coloured: taken.coloured.clone(),
            shown: taken
                .received()
                .filter(|image| !image.derivatives.is_empty())
                .map(|image| image.image_id.clone())
                .collect(),
        });
        Ok(())
    }
}

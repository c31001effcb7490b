//! Step 6: pictures are handed in, and judged by content (CI-1, CI-4 to CI-6, CI-9).

use std::collections::BTreeSet;

use contracts::claim_images::v1::{
    GetDerivativeRequest, GetDerivativeResponse, Image, ImageRefusal, ImageState, StartUploadRequest,
};
use contracts::views::v1::{GetAccidentRequest, ListAccidentsRequest};
use sha2::{Digest as _, Sha256};

use super::checks::{Checks, Halt};
use super::customer::{NotInBook, accident_id};
use super::sending::Taken;
use super::{Journey, pictures, until};
use client::{Bearer, Refusal, Upload, UploadSource, request_id};

/// Longest side of a small derivative in pixels (CI-5).
const SMALL_SIDE: u32 = 400;
/// How far the mean brightness of a quarter, of 255, may be off after making it small.
const SAME_BRIGHTNESS: u64 = 3;

impl Journey<'_> {
    pub(super) async fn hand_in(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let bearer = self.bearer(checks).await?;
        self.accidents(&bearer, checks).await?;
        let accident = self.customer.open_accident().and_then(accident_id);
        let accident = checks.done(
            "the customer has an open accident",
            accident.ok_or(NotInBook("open accident")),
        )?;
        self.foreign_accident(&bearer, checks).await;

        let mut taken = Taken::default();
        let rotated = checks.done("the photographs are there", pictures::rotated())?;
        let image = self
            .cut_and_resumed(&bearer, &accident, &rotated, &mut taken, checks)
            .await?;
        self.upright(&bearer, &accident, &image, &rotated.bytes, checks)
            .await?;
        let rotated = (image.image_id.clone(), rotated.bytes);
        let plain = checks.done("the photographs are there", pictures::plain())?;
        let image = self
            .upload(&bearer, &accident, &plain, &mut taken, checks)
            .await?;
        received(
            "CI-4: a JPEG is received, judged by content",
            &image,
            &plain,
            "image/jpeg",
            checks,
        );
        let heic = checks.done("the photographs are there", pictures::heic())?;
        let image = self.upload(&bearer, &accident, &heic, &mut taken, checks).await?;
        received(
            "CI-4: a HEIC is received, judged by content",
            &image,
            &heic,
            "image/heic",
            checks,
        );
        checks.check(
            "CI-13: a HEIC can be seen",
            !image.derivatives.is_empty() && image.width > 0,
            format_args!("{} × {}", image.width, image.height),
        );
        self.phone_pictures(&bearer, &accident, &mut taken, checks)
            .await?;
        self.refused_files(&bearer, &accident, &mut taken, checks).await?;
        self.own_pictures(&bearer, &accident, &mut taken, checks).await?;
        self.registered(&bearer, &accident, &taken, checks).await?;
        self.send(&bearer, accident, rotated, &taken, checks).await
    }

    async fn accidents(&self, bearer: &Bearer, checks: &mut Checks) -> Result<(), Halt> {
        let expected: BTreeSet<_> = self
            .customer
            .accidents
            .iter()
            .map(|row| row.claim_number.clone())
            .collect();
        let seen = until(checks, "CI-1: the customer sees the own accidents", async || {
            let call = self
                .setting
                .client
                .customer_view(bearer)
                .list_accidents(ListAccidentsRequest::default())
                .await;
            let rows = call
                .map_err(|status| Refusal::from(status).to_string())?
                .into_inner()
                .accidents;
            let seen: BTreeSet<_> = rows.into_iter().map(|row| row.claim_number).collect();
            if seen == expected {
                Ok(seen)
            } else {
                Err(format!("{seen:?}"))
            }
        })
        .await?;
        checks.equal("CI-1: the customer sees the own accidents", &seen, &expected);
        Ok(())
    }

    /// CI-9: another customer's accident does not exist, in the very words of one that does not.
    async fn foreign_accident(&self, bearer: &Bearer, checks: &mut Checks) {
        let own: BTreeSet<_> = self.customer.accidents.iter().filter_map(accident_id).collect();
        let foreign = self
            .setting
            .book
            .accidents
            .iter()
            .filter_map(accident_id)
            .find(|id| !own.contains(id));
        let foreign = foreign.unwrap_or_default();
        let request = GetAccidentRequest {
            accident_id: foreign.clone(),
            ..GetAccidentRequest::default()
        };
        let call = self
            .setting
            .client
            .customer_view(bearer)
            .get_accident(request)
            .await;
        checks.not_found("CI-9: nor does the view show somebody else's accident", call);
        let mut answers = Vec::new();
        for (accident_id, what) in [
            (foreign, "CI-9: somebody else's accident answers NOT_FOUND"),
            (request_id(), "CI-9: an accident nobody has answers NOT_FOUND"),
        ] {
            let request = StartUploadRequest {
                request_id: request_id(),
                accident_id,
                category: contracts::claim_images::v1::ImageCategory::Other.into(),
                size_bytes: 1_000,
                file_name: "a.jpg".to_owned(),
            };
            let call = self
                .setting
                .client
                .claim_images(bearer)
                .start_upload(request)
                .await;
            answers.push(checks.not_found(what, call));
        }
        checks.check(
            "CI-9: in the same words",
            answers[0] == answers[1],
            format_args!("{answers:?}"),
        );
    }

    /// CI-6: the connection breaks in the middle, the upload goes on where it stopped.
    async fn cut_and_resumed(
        &self,
        bearer: &Bearer,
        accident: &str,
        source: &UploadSource,
        taken: &mut Taken,
        checks: &mut Checks,
    ) -> Result<Image, Halt> {
        let client = self.setting.client;
        let upload = Upload::start(client, bearer, accident, source).await;
        let upload = checks.done("the upload of a photograph is started", upload)?;
        let kept = upload.write_half_and_break_off().await.map_err(Refusal::from);
        let kept = checks.done("the upload can be asked for after the cut", kept)?;
        let size = source.bytes.len() as u64;
        checks.check(
            "CI-6: what arrived before the cut is kept",
            kept > 0 && kept < size,
            format_args!("{kept} of {size} bytes"),
        );
        let persisted = checks.done(
            "the upload is resumed where it stopped",
            upload.write_from(kept).await.map_err(Refusal::from),
        )?;
        checks.equal("CI-6: the upload is resumed where it stopped", &persisted, &size);
        let finished = checks.answer(
            "the resumed upload is finished",
            upload.finish(&request_id()).await,
        )?;
        let image = finished.image.clone().unwrap_or_default();
        received(
            "CI-6: the resumed photograph is whole",
            &image,
            source,
            "image/jpeg",
            checks,
        );
        let again = checks
            .answer("finishing again is answered", upload.finish(&request_id()).await)?
            .image
            .unwrap_or_default();
        checks.equal(
            "CI-6: finishing again gives the same image",
            &again.image_id,
            &image.image_id,
        );
        taken.add(image.clone(), finished.consistency_token);
        Ok(image)
    }

    async fn upright(
        &self,
        bearer: &Bearer,
        accident: &str,
        image: &Image,
        stored: &[u8],
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        checks.equal(
            "CI-5: the size is told upright",
            &(image.width, image.height),
            &(1512, 2268),
        );
        let request = GetDerivativeRequest {
            accident_id: accident.to_owned(),
            image_id: image.image_id.clone(),
            ..GetDerivativeRequest::default()
        };
        let call = self
            .setting
            .client
            .claim_images(bearer)
            .get_derivative(request)
            .await;
        let shown = checks.answer("the customer sees the picture", call)?;
        check_shown(
            "CI-5: it stands upright and tells no position",
            &shown,
            Some(stored),
            checks,
        );
        Ok(())
    }

    /// CI-13: what phones take is received, whatever its coding, colours and trailer.
    async fn phone_pictures(
        &self,
        bearer: &Bearer,
        accident: &str,
        taken: &mut Taken,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        for (source, content_type, colours) in pictures::of_phones() {
            let image = self.upload(bearer, accident, &source, taken, checks).await?;
            let what = format!("CI-13: {} is received", source.file_name);
            received(&what, &image, &source, content_type, checks);
            let tiny = image
                .hints
                .iter()
                .any(|hint| hint.code == "TINY" && !hint.message.is_empty());
            checks.check(
                "CI-7: its smallness is told at once",
                tiny,
                format_args!("{:?}", image.hints),
            );
            taken.coloured.push((image.image_id, colours));
        }
        Ok(())
    }

    async fn refused_files(
        &self,
        bearer: &Bearer,
        accident: &str,
        taken: &mut Taken,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        for (what, source, reason) in [
            (
                "CI-4: a text named .jpg is refused with its reason",
                pictures::text(),
                ImageRefusal::UnsupportedType,
            ),
            (
                "CI-4: a picture bomb is refused with its reason",
                pictures::bomb(),
                ImageRefusal::TooManyPixels,
            ),
        ] {
            let image = self.upload(bearer, accident, &source, taken, checks).await?;
            checks.check(
                what,
                image.state() == ImageState::Refused
                    && image.refusal_reason() == reason
                    && !image.refusal_message.is_empty(),
                format_args!(
                    "{:?} {:?}: {}",
                    image.state(),
                    image.refusal_reason(),
                    image.refusal_message
                ),
            );
        }
        Ok(())
    }

    async fn own_pictures(
        &self,
        bearer: &Bearer,
        accident: &str,
        taken: &mut Taken,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let Some(folder) = &self.setting.photos else {
            return Ok(());
        };
        let sources = checks.done(
            "the folder of own pictures can be read",
            pictures::of_folder(folder),
        )?;
        for source in sources {
            let image = self.upload(bearer, accident, &source, taken, checks).await?;
            let hash = Sha256::digest(&source.bytes).to_vec();
            let answered = match image.state() {
                ImageState::Received => image.sha256 == hash,
                state => state == ImageState::Refused && !image.refusal_message.is_empty(),
            };
            let detail = format!(
                "{:?} {} {}",
                image.state(),
                image.content_type,
                image.refusal_message
            );
            checks.check(
                &format!(
                    "CI-4: {} is received, or refused with its reason",
                    source.file_name
                ),
                answered,
                &detail,
            );
        }
        Ok(())
    }

    async fn upload(
        &self,
        bearer: &Bearer,
        accident: &str,
        source: &UploadSource,
        taken: &mut Taken,
        checks: &mut Checks,
    ) -> Result<Image, Halt> {
        let outcome = Upload::whole(self.setting.client, bearer, accident, source).await;
        let finished = checks.done(&format!("{} is handed in", source.file_name), outcome)?;
        let image = finished.image.unwrap_or_default();
        taken.add(image.clone(), finished.consistency_token);
        Ok(image)
    }
}

fn received(what: &str, image: &Image, source: &UploadSource, content_type: &str, checks: &mut Checks) {
    let whole = image.sha256 == Sha256::digest(&source.bytes).to_vec()
        && image.size_bytes == source.bytes.len() as u64;
    checks.check(
        what,
        image.state() == ImageState::Received && image.content_type == content_type && whole,
        format_args!(
            "{:?} {} {} bytes {}",
            image.state(),
            image.content_type,
            image.size_bytes,
            image.refusal_message
        ),
    );
}

/// CI-5: a small JPEG without camera data; upright where it comes of `held_upright`, stored lying on its side.
pub(super) fn check_shown(
    what: &str,
    shown: &GetDerivativeResponse,
    held_upright: Option<&[u8]>,
    checks: &mut Checks,
) {
    let jpeg = shown.jpeg.starts_with(&[0xFF, 0xD8, 0xFF]) && shown.jpeg.ends_with(&[0xFF, 0xD9]);
    let camera_data = shown.jpeg.windows(6).any(|bytes| bytes == b"Exif\0\0");
    let (width, height) = (shown.width, shown.height);
    let small = width.max(height) <= SMALL_SIDE && width > 0 && height > 0;
    let upright = held_upright.is_none_or(|stored| height > width && turned_clockwise(stored, &shown.jpeg));
    checks.check(
        what,
        jpeg && !camera_data && small && upright,
        format_args!("{width} × {height}, JPEG: {jpeg}, camera data: {camera_data}, upright: {upright}"),
    );
}

/// Whether `seen` shows the stored pixels turned clockwise by a quarter: each quarter of the picture is as bright as the
/// stored one that comes to lie there.
fn turned_clockwise(stored: &[u8], seen: &[u8]) -> bool {
    let (Some([top_left, top_right, bottom_left, bottom_right]), Some(seen)) =
        (quarters(stored), quarters(seen))
    else {
        return false;
    };
    let expected = [bottom_left, top_left, bottom_right, top_right];
    seen.iter()
        .zip(expected)
        .all(|(seen, expected)| seen.abs_diff(expected) <= SAME_BRIGHTNESS)
}

/// Mean brightness of the quarters, row by row, of the pixels as they are stored; none of what is no JPEG.
fn quarters(jpeg: &[u8]) -> Option<[u64; 4]> {
    let picture = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::GRAY).ok()?;
    let (width, height) = (picture.width / 2, picture.height / 2);
    let mean = |x: usize, y: usize| {
        let rows = (y * height..(y + 1) * height).map(|row| row * picture.pitch + x * width);
        let sum: u64 = rows
            .flat_map(|start| &picture.pixels[start..start + width])
            .map(|pixel| u64::from(*pixel))
            .sum();
        sum.checked_div((width * height) as u64)
    };
    Some([mean(0, 0)?, mean(1, 0)?, mean(0, 1)?, mean(1, 1)?])
}

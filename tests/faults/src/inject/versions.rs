//! Old and new side by side: a newer relay of claim images tells of an event that the old one keeps to itself (that an
//! original was looked at), in an arm of the `oneof` that no reader knows yet. The old relay goes on behind it, the views set
//! the message aside with what follows of its accident, and an operator decides.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use client::{Bearer, Refusal, request_id};
use contracts::admin::v1::DiscardParkedRequest;
use contracts::claim_images::v1::DownloadOriginalRequest;
use contracts::common::v1::EventHeading;
use contracts::names::{self, CLAIM_IMAGES, VIEWS};
use eventsourcing::Cursor;
use kernel::{Clock as _, SystemClock};
use prost::Message as _;
use sqlx::FromRow;
use testkit::Pen;
use uuid::Uuid;

use crate::driver::Driver;
use crate::failure::Failure;
use crate::fault::Fault;

/// An arm far beyond those in use: field 99, a message without fields (protobuf wire format: tag 99, length-delimited, empty).
const UNKNOWN_ARM: [u8; 3] = [0x9a, 0x06, 0x00];
/// How often it is told until the views have heard of it.
const TELLINGS: usize = 6;
/// How long it is tried to be the next to publish.
const TOLD_WITHIN: Duration = Duration::from_secs(20);
/// How long the old relay takes to come past what it keeps to itself.
const PAST_WITHIN: Duration = Duration::from_secs(3);
const DECIDED_WITHIN: Duration = Duration::from_secs(30);
const CONSUMER: &str = "views";
const ADJUSTER: &str = "A001";
const TOKEN_S: u32 = 3_600;

/// An original that was looked at, as its service's store has it.
#[derive(Debug, FromRow)]
struct Viewed {
    epoch: i64,
    xid: i64,
    position: i64,
    event_id: Uuid,
    accident: String,
    revision: i64,
}

impl Viewed {
    fn cursor(&self) -> Cursor {
        let [epoch, xid, position] = [self.epoch, self.xid, self.position].map(i64::cast_unsigned);
        Cursor::postgres(epoch, xid, position)
    }

    /// What the newer release would tell.
    fn payload(&self) -> Vec<u8> {
        let heading = EventHeading {
            event_id: self.event_id.to_string(),
            entity_id: self.accident.clone(),
            version: self.revision.cast_unsigned(),
            occurred_at_us: SystemClock.now().as_microsecond(),
        };
        [heading.encode_to_vec().as_slice(), &UNKNOWN_ARM].concat()
    }
}

impl Driver<'_> {
    pub(crate) async fn newer_version(&mut self) -> Result<(), Failure> {
        self.serving(CLAIM_IMAGES).await?;
        self.serving(VIEWS).await?;
        for _ in 0..TELLINGS {
            let Some(told) = self.told().await else {
                // Nothing has an original yet, or nobody could be reached in between: then nothing was told.
                return Ok(());
            };
            let decided = testkit::poll(DECIDED_WITHIN, async || match self.fate(&told).await {
                Ok(Some(parked)) => Ok(parked),
                Ok(None) => Err("the views have not come so far".to_owned()),
                Err(failure) => Err(failure.to_string()),
            });
            let parked = decided
                .await
                .map_err(|seen| format!("an event of a newer release holds the views up: {seen:?}"))?;
            if parked {
                self.injected(Fault::NewerVersion, &[CLAIM_IMAGES]);
                return self.discard(&told).await;
            }
            // Views that read the old one's feed meanwhile have come past it, and never hear of it.
        }
        Err("the views set aside no event of a newer release".into())
    }

    /// The event of the newer release, once it could be published; none if that did not come to be in time.
    async fn told(&self) -> Option<Viewed> {
        let told = testkit::poll(TOLD_WITHIN, async || match self.tell().await {
            Ok(Some(told)) => Ok(told),
            Ok(None) => Err("others were quicker to publish".to_owned()),
            Err(failure) => Err(failure.to_string()),
        });
        told.await.ok()
    }

    /// Looks at an original and publishes that, if it can be the stream's next message.
    async fn tell(&self) -> Result<Option<Viewed>, Failure> {
        self.look_at_an_original().await?;
        let viewed: Viewed = sqlx::query_as(
            "SELECT epoch, store.event.xid::text::bigint AS xid, position, event_id, revision,
                    right(stream, 36) AS accident
               FROM store.event WHERE type = 'accident.original_viewed.v1'
              ORDER BY epoch DESC, store.event.xid DESC, position DESC LIMIT 1",
        )
        .fetch_one(self.environment.pool(CLAIM_IMAGES)?)
        .await?;
        let cursor = viewed.cursor();
        // As a relay does, after its checkpoint and not after the stream's last message: the stream may have lost some.
        let Some(Some(previous)) = self.relayed_just_before(&cursor).await else {
            return Ok(None);
        };
        let context = jetstream::new(testkit::connect_to_nats(&self.environment.nats_url).await?);
        let stream = context.get_stream(names::stream("", CLAIM_IMAGES)).await?;
        let sequence = stream.cached_info().state.last_sequence;
        let subjects = names::stream_subjects("", CLAIM_IMAGES);
        let overtaken = match stream.get_last_raw_message_by_subject(&subjects).await {
            Ok(message) => message
                .headers
                .get(names::CURSOR_HEADER)
                .is_none_or(|last| last.as_str() >= cursor.to_string().as_str()),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => false,
            Err(error) => return Err(error.into()),
        };
        if overtaken {
            return Ok(None);
        }
        let mut headers = HeaderMap::new();
        headers.insert(names::CURSOR_HEADER, cursor.to_string());
        headers.insert(names::EVENT_ID_HEADER, viewed.event_id.to_string());
        headers.insert(names::PREVIOUS_CURSOR_HEADER, previous.to_string());
        let payload = viewed.payload();
        let bare = names::bare_subject(CLAIM_IMAGES, "accident", "original_viewed");
        let places = (&cursor.to_bytes()[..], &previous.to_bytes()[..]);
        let pen = Pen::of(CLAIM_IMAGES, self.environment.pool(CLAIM_IMAGES)?).await?;
        let signed = pen.message(&bare, places, viewed.event_id, &payload);
        headers.insert(names::KEY_ID_HEADER, signed.key_id);
        headers.insert(names::SIGNATURE_HEADER, signed.signature);
        let message = PublishMessage::build()
            .payload(payload.into())
            .headers(headers)
            .expected_last_sequence(sequence);
        let subject = names::subject("", CLAIM_IMAGES, "accident", "original_viewed");
        match context.send_publish(subject, message).await?.await {
            Ok(_) => Ok(Some(viewed)),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the relay has published last, if everything told before this event has been told, and nothing behind it: only then
    /// is it the next one. The old relay comes past it in a moment, as it keeps it to itself.
    async fn relayed_just_before(&self, cursor: &Cursor) -> Option<Option<Cursor>> {
        let look = async || -> Result<Option<Option<Cursor>>, Option<Failure>> {
            let pool = self.environment.pool(CLAIM_IMAGES).map_err(Some)?;
            let (scanned, published): (Vec<u8>, Option<Vec<u8>>) =
                sqlx::query_as("SELECT scanned_cursor, published_cursor FROM messaging.relay_checkpoint")
                    .fetch_one(pool)
                    .await
                    .map_err(|error| Some(error.into()))?;
            let own = cursor.to_bytes();
            match (scanned.as_slice() >= own.as_slice(), published) {
                (_, Some(published)) if published.as_slice() > own.as_slice() => Ok(None),
                (true, published) => Ok(Some(
                    published.and_then(|published| Cursor::from_bytes(&published).ok()),
                )),
                (false, _) => Err(None),
            }
        };
        testkit::poll(PAST_WITHIN, look).await.ok().flatten()
    }

    async fn look_at_an_original(&self) -> Result<(), Failure> {
        let (accident_id, image_id): (String, String) = sqlx::query_as(
            "SELECT right(stream, 36), data ->> 'image_id' FROM store.event
              WHERE type = 'accident.image_received.v1' ORDER BY position DESC LIMIT 1",
        )
        .fetch_one(self.environment.pool(CLAIM_IMAGES)?)
        .await?;
        let now_s = SystemClock.now().as_second();
        let token = self
            .environment
            .secrets
            .staff()
            .token(ADJUSTER, &["adjuster"], now_s, TOKEN_S)?;
        let request = DownloadOriginalRequest {
            accident_id,
            image_id,
        };
        let mut images = self.environment.client.claim_images(&Bearer::new(&token));
        // It is recorded before the first byte; the bytes are of no interest.
        images.download_original(request).await?;
        Ok(())
    }

    /// Whether the views have set it aside, or come past it; none while they have not come so far.
    async fn fate(&self, told: &Viewed) -> Result<Option<bool>, Failure> {
        let (reached, parked): (Option<bool>, bool) = sqlx::query_as(
            "SELECT (SELECT cursor >= $2 FROM messaging.subscription WHERE consumer = $3 AND source = $4),
                    EXISTS (SELECT FROM messaging.parked WHERE event_id = $1)",
        )
        .bind(told.event_id)
        .bind(told.cursor().to_bytes().as_slice())
        .bind(CONSUMER)
        .bind(CLAIM_IMAGES)
        .fetch_one(self.environment.pool(VIEWS)?)
        .await?;
        Ok((reached == Some(true)).then_some(parked))
    }

    /// No reader needs it: what waits behind it is applied.
    async fn discard(&self, told: &Viewed) -> Result<(), Failure> {
        let administrator = self.environment.administrator()?;
        let request = DiscardParkedRequest {
            request_id: request_id(),
            consumer: CONSUMER.to_owned(),
            source: CLAIM_IMAGES.to_owned(),
            event_id: told.event_id.to_string(),
            reason: "told by a newer release; no view shows it".to_owned(),
        };
        let discarded = testkit::poll(DECIDED_WITHIN, async || {
            let mut admin = self.environment.client.parking_admin(VIEWS, &administrator);
            let answer = admin.discard_parked(request.clone()).await;
            answer.map_err(|status| Refusal::from(status).to_string())
        });
        discarded
            .await
            .map(|_| ())
            .map_err(|seen| format!("a parked message was not discarded: {seen:?}").into())
    }
}

//! Reads another service's feed.

use std::time::Duration;

use contracts::feed::v1::feed_service_client::FeedServiceClient;
use contracts::feed::v1::{FeedItem, GetRequest, GetSigningKeysRequest, ReadRequest, WithheldEvent};
use eventsourcing::{Cursor, Position};
use futures::Stream;
use kernel::ids::EventId;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::{DIVERGED, MAX_PAGE_BYTES};
use crate::delivery::{Delivery, Via, WithheldBySource};
use crate::signing::PublicKeys;
use crate::signing_keys::public_keys;

/// How long one page may take; the source scans past what it does not publish.
const DEADLINE: Duration = Duration::from_secs(30);

/// Reads the feed of one source with this service's peer secret.
#[derive(Debug, Clone)]
pub struct FeedClient {
    source: &'static str,
    client: FeedServiceClient<Channel>,
    bearer: Option<MetadataValue<Ascii>>,
}

/// Why a page was not read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The source's store does not hold the event this reader has applied last: one of the two was restored.
    #[error("{feed} does not hold event {event_id} at cursor {cursor}: one of the two stores was restored")]
    Diverged {
        /// Whose feed.
        feed: &'static str,
        /// This reader's cursor.
        cursor: Cursor,
        /// The event this reader applied there.
        event_id: EventId,
    },
    /// Not answered; the status says whether the source is away or refuses this peer.
    #[error("the feed of {feed} did not answer: {status}")]
    Refused {
        /// Whose feed.
        feed: &'static str,
        /// Its answer.
        status: Box<Status>,
    },
    /// Answered with something that is no page.
    #[error("the feed of {feed} answered with a malformed {field}")]
    Malformed {
        /// Whose feed.
        feed: &'static str,
        /// The field.
        field: &'static str,
    },
}

/// The secret holds characters that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a peer secret is visible ASCII")]
pub struct PeerSecretError;

/// One page of a feed.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) head: Option<Position>,
    pub(crate) end: bool,
}

impl FeedClient {
    /// Reads `source`'s feed over `channel`, which may already carry credentials; else `secret` is sent as bearer.
    ///
    /// # Errors
    /// When the secret cannot be a header.
    pub fn new(
        source: &'static str,
        channel: Channel,
        secret: Option<&str>,
    ) -> Result<Self, PeerSecretError> {
        let bearer = match secret {
            None => None,
            Some(secret) => {
                let mut value: MetadataValue<Ascii> =
                    format!("Bearer {secret}").parse().map_err(|_| PeerSecretError)?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        // Payloads, and as much again for the rest of the items.
        let client = FeedServiceClient::new(channel).max_decoding_message_size(4 * MAX_PAGE_BYTES);
        Ok(Self {
            source,
            client,
            bearer,
        })
    }

    /// Whose feed this is.
    pub fn source(&self) -> &'static str {
        self.source
    }

    pub(crate) async fn read(&self, after: Option<&Position>, page_size: i32) -> Result<Page, FeedError> {
        let request = self.request(ReadRequest {
            after_cursor: after
                .map(|after| after.cursor.to_bytes().to_vec())
                .unwrap_or_default(),
            after_event_id: after.map(|after| after.event_id.to_string()).unwrap_or_default(),
            page_size,
        });
        let answer = match self.client.clone().read(request).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Err(self.refusal(status, after)),
        };
        let head = self.position(&answer.head_cursor, &answer.head_event_id)?;
        let deliveries = answer
            .items
            .into_iter()
            .map(|item| self.delivery(item))
            .collect::<Result<_, _>>()?;
        Ok(Page {
            deliveries,
            head,
            end: answer.end,
        })
    }

    /// One event as the source can publish it now; none where it is private.
    pub(crate) async fn get(&self, position: &Position) -> Result<Option<Delivery>, FeedError> {
        let request = self.request(GetRequest {
            cursor: position.cursor.to_bytes().to_vec(),
            event_id: position.event_id.to_string(),
        });
        let answer = self.client.clone().get(request).await;
        let answer = answer.map_err(|status| self.refusal(status, Some(position)))?;
        let item = answer.into_inner().item;
        item.map(|item| self.delivery(item)).transpose()
    }

    /// The source's keys, by their ids.
    pub(crate) async fn signing_keys(&self) -> Result<PublicKeys, FeedError> {
        let request = self.request(GetSigningKeysRequest {});
        let answer = self.client.clone().get_signing_keys(request).await;
        let keys = answer
            .map_err(|status| self.refusal(status, None))?
            .into_inner()
            .keys;
        let keys = keys.iter().map(|key| {
            let id = key.key_id.parse().map_err(|_| self.malformed("key id"))?;
            Ok((id, &*key.public_key))
        });
        Ok(public_keys(keys.collect::<Result<Vec<_>, FeedError>>()?))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(DEADLINE);
        if let Some(bearer) = &self.bearer {
            request.metadata_mut().insert("authorization", bearer.clone());
        }
        request
    }

    fn refusal(&self, status: Status, after: Option<&Position>) -> FeedError {
        let diverged = status.code() == Code::FailedPrecondition
            && status
                .get_details_error_info()
                .is_some_and(|info| info.reason == DIVERGED);
        match after {
            Some(after) if diverged => FeedError::Diverged {
                feed: self.source,
                cursor: after.cursor,
                event_id: after.event_id,
            },
            _ => FeedError::Refused {
                feed: self.source,
                status: Box::new(status),
            },
        }
    }

    fn delivery(&self, item: FeedItem) -> Result<Delivery, FeedError> {
        let position = self
            .position(&item.cursor, &item.event_id)?
            .ok_or(self.malformed("cursor"))?;
        Ok(Delivery {
            source: self.source,
            cursor: position.cursor,
            previous: self.cursor(&item.previous_cursor)?,
            event_id: position.event_id,
            subject: item.subject,
            payload: item.payload.into(),
            withheld: item
                .withheld
                .map(|withheld| self.withheld(&withheld))
                .transpose()?,
            traceparent: Some(item.traceparent).filter(|traceparent| !traceparent.is_empty()),
            via: Via::Feed,
        })
    }

    fn withheld(&self, withheld: &WithheldEvent) -> Result<WithheldBySource, FeedError> {
        let entity = Some(&withheld.entity_id)
            .filter(|entity| !entity.is_empty())
            .map(|entity| entity.parse().map_err(|_| self.malformed("entity id")))
            .transpose()?;
        Ok(WithheldBySource {
            publisher: self.source,
            entity,
            reason: withheld.reason.clone(),
        })
    }

    fn position(&self, cursor: &[u8], event_id: &str) -> Result<Option<Position>, FeedError> {
        let Some(cursor) = self.cursor(cursor)? else {
            return Ok(None);
        };
        let event_id = event_id.parse().map_err(|_| self.malformed("event id"))?;
        Ok(Some(Position { cursor, event_id }))
    }

    fn cursor(&self, bytes: &[u8]) -> Result<Option<Cursor>, FeedError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        Cursor::from_bytes(bytes)
            .map(Some)
            .map_err(|_| self.malformed("cursor"))
    }

    fn malformed(&self, field: &'static str) -> FeedError {
        FeedError::Malformed {
            feed: self.source,
            field,
        }
    }
}

/// The feed page by page from after `after` to its end at the time of reading; what a rebuild reads. No page is empty.
pub fn feed_pages(
    feed: FeedClient,
    after: Option<Position>,
) -> impl Stream<Item = Result<Vec<Delivery>, FeedError>> + Send + 'static {
    futures::stream::try_unfold(Some((feed, after)), |state| async move {
        let Some((feed, after)) = state else {
            return Ok(None);
        };
        let page = feed.read(after.as_ref(), 0).await?;
        let Some(last) = page.deliveries.last() else {
            return Ok(None);
        };
        let next = (!page.end).then_some((feed, Some(last.position())));
        Ok(Some((page.deliveries, next)))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::HashMap;

    use tonic::transport::Endpoint;
    use tonic_types::ErrorDetails;
    use uuid::Uuid;

    use super::*;

    /// An error is never taken for a divergence: who can be rebuilt would begin anew.
    #[tokio::test]
    async fn a_reader_has_diverged_where_the_source_says_so_of_its_event_and_nowhere_else() {
        let channel = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        let client = FeedClient::new("tally", channel, None).unwrap();
        let after = Position {
            cursor: Cursor::postgres(1, 2, 3),
            event_id: EventId::from_uuid(Uuid::from_u128(4)),
        };
        let status = |code, reason: &str| {
            let details = ErrorDetails::with_error_info(reason, "madoguchi.tally", HashMap::new());
            Status::with_error_details(code, "no", details)
        };
        let diverged = client.refusal(status(Code::FailedPrecondition, DIVERGED), Some(&after));
        assert!(
            matches!(diverged, FeedError::Diverged { cursor, event_id, .. }
                if cursor == after.cursor && event_id == after.event_id),
            "{diverged:?}"
        );
        for (status, after) in [
            (status(Code::FailedPrecondition, DIVERGED), None),
            (status(Code::FailedPrecondition, "MAINTENANCE"), Some(&after)),
            (Status::failed_precondition("no"), Some(&after)),
            (status(Code::Internal, DIVERGED), Some(&after)),
            (Status::unavailable("away"), Some(&after)),
        ] {
            let refused = client.refusal(status, after);
            assert!(matches!(refused, FeedError::Refused { .. }), "{refused:?}");
        }
    }
}

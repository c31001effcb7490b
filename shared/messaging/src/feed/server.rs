//! Serves a service's published events from its own store. Keeps nothing but a note of how far it scanned for the last
//! published event, so that telling the head does not read the whole store each time.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::feed::v1::feed_service_server::{FeedService, FeedServiceServer};
use contracts::feed::v1::{FeedItem, ReadRequest, ReadResponse};
use contracts::names;
use eventsourcing::{Cursor, EventStore, Position, RecordedEvent, StoreError};
use futures::future::try_join;
use kernel::ids::EventId;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{DEFAULT_PAGE_SIZE, DIVERGED, MAX_PAGE_BYTES, MAX_PAGE_SIZE};
use crate::checkpoint;
use crate::outgoing::{Outgoing, Publish};

/// Events read from the store at once.
const SCAN: usize = 500;
/// Events read at once where few are asked for: not each is published.
const SCAN_LEAST: usize = 20;

/// The feed of one service.
#[derive(Clone)]
pub struct Feed {
    service: &'static str,
    store: Arc<dyn EventStore>,
    pool: PgPool,
    publish: Publish,
    head: Arc<Mutex<Head>>,
}

/// How far the store was scanned for published events, and the last one found.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    seeded: bool,
    scanned: Option<Position>,
    published: Option<Position>,
}

impl Feed {
    /// The feed of `service`; `pool` is its database with the tables of [`crate::MIGRATOR`].
    pub fn new(service: &'static str, store: Arc<dyn EventStore>, pool: PgPool, publish: Publish) -> Self {
        Self {
            service,
            store,
            pool,
            publish,
            head: Arc::default(),
        }
    }

    /// The gRPC service to be added to a server.
    pub fn into_service(self) -> FeedServiceServer<Self> {
        FeedServiceServer::new(self)
    }

    fn outgoing(&self, event: &RecordedEvent) -> Result<Option<Outgoing>, Status> {
        (self.publish)(event).map_err(|error| {
            tracing::error!(event.id = %event.id, event.r#type = %event.event_type, %error, "an event cannot be published");
            Status::internal("an event cannot be published")
        })
    }

    /// Refuses a caller whose event is not where it says it is.
    async fn check(&self, after: &Position) -> Result<(), Status> {
        if self.holds(after).await? {
            return Ok(());
        }
        let metadata = HashMap::from([
            ("cursor".to_owned(), after.cursor.to_string()),
            ("event_id".to_owned(), after.event_id.to_string()),
        ]);
        Err(Status::with_error_details(
            Code::FailedPrecondition,
            "the store does not hold this event at this cursor",
            ErrorDetails::with_error_info(DIVERGED, format!("madoguchi.{}", self.service), metadata),
        ))
    }

    async fn holds(&self, position: &Position) -> Result<bool, Status> {
        let held = self.store.event_at(&position.cursor).await;
        Ok(held.map_err(|error| store_status(&error))? == Some(position.event_id))
    }

    /// A page after `after`. What comes next is read from the store while what was read before is published.
    async fn page(&self, after: Option<Cursor>, size: usize) -> Result<(Vec<FeedItem>, bool), Status> {
        let scan = SCAN.min(size.max(SCAN_LEAST));
        let (mut items, mut bytes) = (Vec::new(), 0);
        let mut previous = after;
        let mut events = self.scan(after, scan).await?;
        loop {
            let last_chunk = events.len() < scan;
            let scanned = events.last().map(|event| event.cursor);
            let next = async {
                if last_chunk || items.len() + events.len() >= size {
                    Ok(None)
                } else {
                    self.scan(scanned, scan).await.map(Some)
                }
            };
            let (published, next) = try_join(self.published(events.clone()), next).await?;
            for (event, outgoing) in events.iter().zip(published) {
                let Some(outgoing) = outgoing else {
                    continue;
                };
                if items.len() >= size || bytes >= MAX_PAGE_BYTES {
                    return Ok((items, false));
                }
                bytes += outgoing.payload.len();
                items.push(self.item(event, outgoing, previous));
                previous = Some(event.cursor);
            }
            if last_chunk {
                return Ok((items, true));
            }
            // Whether more lies behind is for the next page to say: reading on to know would read everything twice.
            if items.len() >= size || bytes >= MAX_PAGE_BYTES {
                return Ok((items, false));
            }
            events = match next {
                Some(next) => next,
                None => self.scan(scanned, scan).await?,
            };
        }
    }

    async fn scan(&self, after: Option<Cursor>, count: usize) -> Result<Arc<Vec<RecordedEvent>>, Status> {
        let events = self.store.read_all(after, count).await;
        events.map(Arc::new).map_err(|error| store_status(&error))
    }

    /// What the others hear of each event; made beside other calls, since many take a while.
    async fn published(&self, events: Arc<Vec<RecordedEvent>>) -> Result<Vec<Option<Outgoing>>, Status> {
        let feed = self.clone();
        let published = move || events.iter().map(|event| feed.outgoing(event)).collect();
        tokio::task::spawn_blocking(published)
            .await
            .map_err(|_| Status::internal("publishing ended early"))?
    }

    fn item(&self, event: &RecordedEvent, outgoing: Outgoing, previous: Option<Cursor>) -> FeedItem {
        FeedItem {
            cursor: event.cursor.to_bytes().to_vec(),
            previous_cursor: previous
                .map(|cursor| cursor.to_bytes().to_vec())
                .unwrap_or_default(),
            event_id: event.id.to_string(),
            subject: names::bare_subject(self.service, outgoing.entity_kind, outgoing.event_name),
            payload: outgoing.payload,
            traceparent: event.metadata.traceparent.clone().unwrap_or_default(),
        }
    }

    /// The last published event: scanned for from where the last question, or the relay, left off.
    async fn head(&self) -> Result<Option<Position>, Status> {
        let mut head = self.head.lock().await;
        // A store that was restored under a running process does not hold what was noted.
        let mut known = head.seeded;
        for noted in [head.scanned, head.published].into_iter().flatten() {
            known = known && self.holds(&noted).await?;
        }
        if !known {
            *head = self.seed().await?;
        }
        loop {
            let events = self
                .store
                .read_all(head.scanned.map(|scanned| scanned.cursor), SCAN)
                .await
                .map_err(|error| store_status(&error))?;
            for event in &events {
                if self.outgoing(event)?.is_some() {
                    head.published = Some(event.position());
                }
                head.scanned = Some(event.position());
            }
            if events.len() < SCAN {
                return Ok(head.published);
            }
        }
    }

    /// The relay's checkpoint where the store still holds it, else the beginning.
    async fn seed(&self) -> Result<Head, Status> {
        let checkpoint = checkpoint::load(&self.pool, self.service)
            .await
            .map_err(|error| {
                tracing::warn!(%error, "the relay's checkpoint cannot be read");
                Status::unavailable("the database is not available")
            })?;
        let beginning = Head {
            seeded: true,
            ..Head::default()
        };
        let Some(checkpoint) = checkpoint else {
            return Ok(beginning);
        };
        for position in [Some(checkpoint.scanned), checkpoint.published]
            .into_iter()
            .flatten()
        {
            if !self.holds(&position).await? {
                return Ok(beginning);
            }
        }
        Ok(Head {
            seeded: true,
            scanned: Some(checkpoint.scanned),
            published: checkpoint.published,
        })
    }
}

#[tonic::async_trait]
impl FeedService for Feed {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let request = request.into_inner();
        let after = parse_after(&request)?;
        if let Some(after) = &after {
            self.check(after).await?;
        }
        let size = match usize::try_from(request.page_size) {
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
            Err(_) => return Err(invalid("page_size", "must not be negative")),
        };
        let (items, end) = self.page(after.map(|after| after.cursor), size).await?;
        let head = self.head().await?;
        Ok(Response::new(ReadResponse {
            items,
            head_cursor: head
                .map(|head| head.cursor.to_bytes().to_vec())
                .unwrap_or_default(),
            head_event_id: head.map(|head| head.event_id.to_string()).unwrap_or_default(),
            end,
        }))
    }
}

fn parse_after(request: &ReadRequest) -> Result<Option<Position>, Status> {
    if request.after_cursor.is_empty() {
        return Ok(None);
    }
    let cursor = Cursor::from_bytes(&request.after_cursor)
        .map_err(|_| invalid("after_cursor", "is no cursor of ours"))?;
    let event_id: EventId = request
        .after_event_id
        .parse()
        .map_err(|_| invalid("after_event_id", "must be a UUID beside a cursor"))?;
    Ok(Some(Position { cursor, event_id }))
}

fn invalid(field: &str, description: &str) -> Status {
    let details = ErrorDetails::with_bad_request_violation(field, description);
    Status::with_error_details(Code::InvalidArgument, format!("{field} {description}"), details)
}

fn store_status(error: &StoreError) -> Status {
    tracing::warn!(%error, "the feed cannot read its store");
    match error {
        StoreError::Unavailable(_) => Status::unavailable("the event store is not available"),
        StoreError::Corrupt { .. } | StoreError::Refused(_) => {
            Status::internal("the event store cannot be read")
        }
    }
}

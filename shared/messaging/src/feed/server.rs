//! Serves a service's published events from its own store. Keeps nothing but a note of how far it scanned for the last
//! published event, so that telling the head does not read the whole store each time.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::feed::v1::feed_service_server::{FeedService, FeedServiceServer};
use contracts::feed::v1::{
    FeedItem, GetRequest, GetResponse, GetSigningKeysRequest, GetSigningKeysResponse, ReadRequest,
    ReadResponse, SigningKey, WithheldEvent,
};
use contracts::names;
use eventsourcing::{Cursor, Entry, EventStore, Position, StoreError, entry_position};
use futures::future::try_join;
use kernel::ids::EventId;
use sqlx::PgPool;
use tokio::sync::Mutex;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{DEFAULT_PAGE_SIZE, DIVERGED, MAX_PAGE_BYTES, MAX_PAGE_SIZE};
use crate::checkpoint;
use crate::outgoing::Publish;
use crate::publisher::{Carried, Publisher};
use crate::signing_keys;
use crate::size::MessageSize;

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
    publisher: Publisher,
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
    pub fn new(
        service: &'static str,
        store: Arc<dyn EventStore>,
        pool: PgPool,
        publish: Publish,
        largest: MessageSize,
    ) -> Self {
        Self {
            service,
            store,
            pool,
            publisher: Publisher::new(publish, largest),
            head: Arc::default(),
        }
    }

    /// The same where nothing is told of the streams of these categories ([`Publisher::keeping`]).
    #[must_use]
    pub fn keeping(mut self, private: &'static [&'static str]) -> Self {
        self.publisher = self.publisher.keeping(private);
        self
    }

    /// The gRPC service to be added to a server.
    pub fn into_service(self) -> FeedServiceServer<Self> {
        FeedServiceServer::new(self)
    }

    /// Refuses a caller whose event is not where it says it is.
    async fn check(&self, after: &Position) -> Result<(), Status> {
        if self.holds(after).await? {
            return Ok(());
        }
        Err(self.diverged(after))
    }

    fn diverged(&self, after: &Position) -> Status {
        let metadata = HashMap::from([
            ("cursor".to_owned(), after.cursor.to_string()),
            ("event_id".to_owned(), after.event_id.to_string()),
        ]);
        Status::with_error_details(
            Code::FailedPrecondition,
            "the store does not hold this event at this cursor",
            ErrorDetails::with_error_info(DIVERGED, format!("madoguchi.{}", self.service), metadata),
        )
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
        let mut entries = self.scan(after, scan).await?;
        loop {
            let last_chunk = entries.len() < scan;
            let scanned = entries.last().map(|entry| entry_position(entry).cursor);
            let next = async {
                if last_chunk || items.len() + entries.len() >= size {
                    Ok(None)
                } else {
                    self.scan(scanned, scan).await.map(Some)
                }
            };
            let (published, next) = try_join(self.published(entries.clone()), next).await?;
            for (entry, carried) in entries.iter().zip(published) {
                let Some(item) = self.item(entry, carried, previous) else {
                    continue;
                };
                if items.len() >= size || bytes >= MAX_PAGE_BYTES {
                    return Ok((items, false));
                }
                bytes += item.payload.len();
                items.push(item);
                previous = Some(entry_position(entry).cursor);
            }
            if last_chunk {
                return Ok((items, true));
            }
            // Whether more lies behind is for the next page to say: reading on to know would read everything twice.
            if items.len() >= size || bytes >= MAX_PAGE_BYTES {
                return Ok((items, false));
            }
            entries = match next {
                Some(next) => next,
                None => self.scan(scanned, scan).await?,
            };
        }
    }

    async fn scan(&self, after: Option<Cursor>, count: usize) -> Result<Arc<Vec<Entry>>, Status> {
        let entries = self.store.scan(after, count).await;
        entries.map(Arc::new).map_err(|error| store_status(&error))
    }

    /// What the others hear of each event; made beside other calls, since many take a while.
    async fn published(&self, entries: Arc<Vec<Entry>>) -> Result<Vec<Carried>, Status> {
        let feed = self.clone();
        let carry = move || {
            let entries = entries.iter();
            entries.map(|entry| feed.publisher.carry(entry)).collect()
        };
        tokio::task::spawn_blocking(carry)
            .await
            .map_err(|_| Status::internal("publishing ended early"))
    }

    /// What the others read of an entry, if they hear of it: a message, or what stands in the place of one.
    fn item(&self, entry: &Entry, carried: Carried, previous: Option<Cursor>) -> Option<FeedItem> {
        let position = entry_position(entry);
        let mut item = FeedItem {
            cursor: position.cursor.to_bytes().to_vec(),
            previous_cursor: previous
                .map(|cursor| cursor.to_bytes().to_vec())
                .unwrap_or_default(),
            event_id: position.event_id.to_string(),
            ..FeedItem::default()
        };
        match carried {
            Carried::Nothing => return None,
            Carried::Message(outgoing) => {
                item.subject = names::bare_subject(self.service, outgoing.entity_kind, outgoing.event_name);
                item.payload = outgoing.payload;
            }
            Carried::Withheld(withheld) => {
                item.subject = withheld.subject(self.service);
                item.withheld = Some(WithheldEvent {
                    entity_id: withheld
                        .entity
                        .map(|entity| entity.to_string())
                        .unwrap_or_default(),
                    reason: withheld.reason.name().to_owned(),
                });
            }
        }
        if let Ok(event) = entry {
            item.traceparent = event.metadata.traceparent.clone().unwrap_or_default();
        }
        Some(item)
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
            let entries = self
                .store
                .scan(head.scanned.map(|scanned| scanned.cursor), SCAN)
                .await
                .map_err(|error| store_status(&error))?;
            for entry in &entries {
                head.scanned = Some(entry_position(entry));
                if self.publisher.is_public(entry) {
                    head.published = head.scanned;
                }
            }
            if entries.len() < SCAN {
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

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let request = request.into_inner();
        let position = parse_position("cursor", &request.cursor, "event_id", &request.event_id)?;
        let entry = self.store.entry_at(&position.cursor).await;
        let entry = entry
            .map_err(|error| store_status(&error))?
            .filter(|entry| entry_position(entry) == position)
            .ok_or_else(|| self.diverged(&position))?;
        let item = self.item(&entry, self.publisher.carry(&entry), None);
        Ok(Response::new(GetResponse { item }))
    }

    async fn get_signing_keys(
        &self,
        _: Request<GetSigningKeysRequest>,
    ) -> Result<Response<GetSigningKeysResponse>, Status> {
        let keys = signing_keys::published(&self.pool, self.service).await;
        let keys = keys.map_err(|error| {
            tracing::warn!(%error, "the relay's keys cannot be read");
            Status::unavailable("the database is not available")
        })?;
        let keys = keys.into_iter().map(|(key_id, public_key)| SigningKey {
            key_id: key_id.to_string(),
            public_key,
        });
        Ok(Response::new(GetSigningKeysResponse { keys: keys.collect() }))
    }
}

fn parse_after(request: &ReadRequest) -> Result<Option<Position>, Status> {
    if request.after_cursor.is_empty() {
        return Ok(None);
    }
    let (cursor, event_id) = (&request.after_cursor, &request.after_event_id);
    parse_position("after_cursor", cursor, "after_event_id", event_id).map(Some)
}

fn parse_position(
    cursor_field: &str,
    cursor: &[u8],
    event_field: &str,
    event_id: &str,
) -> Result<Position, Status> {
    let cursor = Cursor::from_bytes(cursor).map_err(|_| invalid(cursor_field, "is no cursor of ours"))?;
    let event_id: EventId = event_id
        .parse()
        .map_err(|_| invalid(event_field, "must be a UUID beside a cursor"))?;
    Ok(Position { cursor, event_id })
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

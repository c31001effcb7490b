//! The tables behind parking. Whoever writes here holds the subscription's row ([`lock`], or the cursor's own move), and
//! keeps its count true in the same transaction.

use std::collections::HashSet;

use eventsourcing::{Cursor, Position};
use jiff_sqlx::Timestamp as SqlTimestamp;
use kernel::ids::EventId;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, PgTransaction, Row as _};
use uuid::Uuid;

use super::{ParkedDetails, ParkedEntity, ParkedMessage, PastDecision};
use crate::checkpoint::read_position;
use crate::delivery::{Delivery, Via, WithheldBySource};
use crate::fault::Fault;

/// The source's own word is told when it is asked, not kept here.
const STILL: &str = "as before";

/// A message to be set aside.
#[derive(Debug)]
pub(crate) struct Aside {
    pub(crate) delivery: Delivery,
    pub(crate) entity: Option<Uuid>,
    /// None for one that only waits.
    pub(crate) fault: Option<Fault>,
}

/// What is replayed in order: an entity's messages, or one that no entity is known of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Entity(Uuid),
    Alone(Cursor),
}

/// A parked message as a decision needs it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) cursor: Cursor,
    pub(super) entity: Option<Uuid>,
    pub(super) error: Option<String>,
}

impl Found {
    pub(super) fn queue(&self) -> Queue {
        self.entity.map_or(Queue::Alone(self.cursor), Queue::Entity)
    }
}

/// How many there are of one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) parked: i64,
    pub(crate) waiting: i64,
}

/// What to list; an empty text is all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// The consumer.
    pub consumer: String,
    /// The source.
    pub source: String,
}

/// Where a message stands in a list: consumer, source, cursor.
pub type Place = (String, String, Cursor);

type Key<'a> = (&'a str, &'a str);

/// Takes the subscription's row, as every batch does; false where the consumer has never run.
pub(super) async fn lock(
    tx: &mut PgTransaction<'_>,
    (consumer, source): Key<'_>,
) -> Result<bool, sqlx::Error> {
    let row =
        sqlx::query("SELECT 1 FROM messaging.subscription WHERE consumer = $1 AND source = $2 FOR UPDATE")
            .bind(consumer)
            .bind(source)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(row.is_some())
}

/// Those of `entities` that have something parked.
pub(crate) async fn blocked(
    tx: &mut PgTransaction<'_>,
    (consumer, source): Key<'_>,
    entities: &[Uuid],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let blocked: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT entity_id FROM messaging.parked
          WHERE consumer = $1 AND source = $2 AND entity_id = ANY($3)",
    )
    .bind(consumer)
    .bind(source)
    .bind(entities)
    .fetch_all(&mut **tx)
    .await?;
    Ok(blocked.into_iter().collect())
}

/// Sets messages aside.
pub(crate) async fn insert(
    tx: &mut PgTransaction<'_>,
    (consumer, source): Key<'_>,
    asides: &[Aside],
) -> Result<(), sqlx::Error> {
    for Aside {
        delivery,
        entity,
        fault,
    } in asides
    {
        sqlx::query(
            "INSERT INTO messaging.parked (consumer, source, cursor, event_id, previous_cursor, entity_id, subject,
                    payload, traceparent, error, attempts, withheld)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(consumer)
        .bind(source)
        .bind(delivery.cursor.to_bytes().as_slice())
        .bind(delivery.event_id.as_uuid())
        .bind(delivery.previous.map(|previous| previous.to_bytes().to_vec()))
        .bind(*entity)
        .bind(&delivery.subject)
        .bind(delivery.payload.as_ref())
        .bind(&delivery.traceparent)
        .bind(fault.as_ref().map(Fault::as_str))
        .bind(i32::from(fault.is_some()))
        .bind(delivery.withheld.is_some())
        .execute(&mut **tx)
        .await?;
    }
    shift(
        tx,
        (consumer, source),
        i64::try_from(asides.len()).unwrap_or(i64::MAX),
    )
    .await
}

async fn shift(tx: &mut PgTransaction<'_>, (consumer, source): Key<'_>, by: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE messaging.subscription SET parked = parked + $3 WHERE consumer = $1 AND source = $2")
        .bind(consumer)
        .bind(source)
        .bind(by)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// Forgets what `consumer` has set aside, where its rows' counts were set to 0: it reads its sources anew.
pub(crate) async fn forget(tx: &mut PgTransaction<'_>, consumer: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM messaging.parked WHERE consumer = $1")
        .bind(consumer)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// What `from` has set aside is `to`'s, which has nothing.
pub(crate) async fn rename(tx: &mut PgTransaction<'_>, from: &str, to: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE messaging.parked SET consumer = $2 WHERE consumer = $1")
        .bind(from)
        .bind(to)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// The earliest message of a queue.
pub(super) async fn first(
    tx: &mut PgTransaction<'_>,
    consumer: &str,
    source: &'static str,
    queue: Queue,
) -> Result<Option<Delivery>, sqlx::Error> {
    let (entity, alone) = match queue {
        Queue::Entity(entity) => (Some(entity), None),
        Queue::Alone(cursor) => (None, Some(cursor.to_bytes().to_vec())),
    };
    let row = sqlx::query(
        "SELECT cursor, event_id, previous_cursor, entity_id, subject, payload, traceparent, withheld FROM messaging.parked
          WHERE consumer = $1 AND source = $2 AND (entity_id = $3 OR cursor = $4)
          ORDER BY cursor LIMIT 1",
    )
    .bind(consumer)
    .bind(source)
    .bind(entity)
    .bind(alone)
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| delivery(source, &row)).transpose()
}

/// The message is applied or discarded.
pub(super) async fn remove(
    tx: &mut PgTransaction<'_>,
    (consumer, source): Key<'_>,
    cursor: &Cursor,
) -> Result<(), sqlx::Error> {
    let removed =
        sqlx::query("DELETE FROM messaging.parked WHERE consumer = $1 AND source = $2 AND cursor = $3")
            .bind(consumer)
            .bind(source)
            .bind(cursor.to_bytes().as_slice())
            .execute(&mut **tx)
            .await?;
    shift(tx, (consumer, source), -removed.rows_affected().cast_signed()).await
}

/// The source can publish the event by now: its message takes the place of what stood for it.
pub(super) async fn supply(
    tx: &mut PgTransaction<'_>,
    (consumer, source): Key<'_>,
    delivery: &Delivery,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE messaging.parked SET subject = $4, payload = $5, traceparent = $6, withheld = false
          WHERE consumer = $1 AND source = $2 AND cursor = $3 AND withheld",
    )
    .bind(consumer)
    .bind(source)
    .bind(delivery.cursor.to_bytes().as_slice())
    .bind(&delivery.subject)
    .bind(delivery.payload.as_ref())
    .bind(&delivery.traceparent)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// The message was tried once more and failed.
pub(super) async fn note_failure(
    tx: &mut PgTransaction<'_>,
    (consumer, source): Key<'_>,
    cursor: &Cursor,
    fault: &Fault,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE messaging.parked SET error = $4, attempts = attempts + 1, last_at = clock_timestamp()
          WHERE consumer = $1 AND source = $2 AND cursor = $3",
    )
    .bind(consumer)
    .bind(source)
    .bind(cursor.to_bytes().as_slice())
    .bind(fault.as_str())
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Finds a message by its event.
pub(super) async fn find(
    tx: &mut PgTransaction<'_>,
    (consumer, source): Key<'_>,
    event_id: EventId,
) -> Result<Option<Found>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT cursor, entity_id, error FROM messaging.parked
          WHERE consumer = $1 AND source = $2 AND event_id = $3",
    )
    .bind(consumer)
    .bind(source)
    .bind(event_id.as_uuid())
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| found(&row)).transpose()
}

/// Every queue, by its first message. After an interrupted replay that may be one that only waited.
pub(super) async fn queues(pool: &PgPool, (consumer, source): Key<'_>) -> Result<Vec<Queue>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT cursor, entity_id, error FROM (
            SELECT DISTINCT ON (coalesce(entity_id, event_id)) cursor, entity_id, error FROM messaging.parked
             WHERE consumer = $1 AND source = $2 ORDER BY coalesce(entity_id, event_id), cursor) AS firsts
          ORDER BY cursor",
    )
    .bind(consumer)
    .bind(source)
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| Ok(found(row)?.queue())).collect()
}

pub(super) async fn count(pool: &PgPool, consumer: &str, source: &str) -> Result<Count, sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(error) AS parked, count(*) - count(error) AS waiting FROM messaging.parked
          WHERE consumer = $1 AND source = $2",
    )
    .bind(consumer)
    .bind(source)
    .fetch_one(pool)
    .await?;
    Ok(Count {
        parked: row.try_get("parked")?,
        waiting: row.try_get("waiting")?,
    })
}

pub(super) async fn list(
    pool: &PgPool,
    filter: &Filter,
    after: Option<&Place>,
    limit: u16,
) -> Result<Vec<ParkedMessage>, sqlx::Error> {
    let (consumer, source, cursor) = match after {
        Some((consumer, source, cursor)) => (
            Some(consumer.as_str()),
            Some(source.as_str()),
            Some(cursor.to_bytes().to_vec()),
        ),
        None => (None, None, None),
    };
    let rows = sqlx::query(
        "SELECT consumer, source, cursor, event_id, entity_id, subject, error, attempts, first_at, last_at,
                length(payload) AS payload_bytes, withheld FROM messaging.parked
          WHERE ($1 = '' OR consumer = $1) AND ($2 = '' OR source = $2)
           AND ($3::text IS NULL OR (consumer, source, cursor) > ($3, $4, $5))
         ORDER BY consumer, source, cursor LIMIT $6",
    )
    .bind(&filter.consumer)
    .bind(&filter.source)
    .bind(consumer)
    .bind(source)
    .bind(cursor)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.iter().map(message).collect()
}

pub(super) async fn details(
    pool: &PgPool,
    consumer: &str,
    source: &str,
    event_id: EventId,
) -> Result<Option<ParkedDetails>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT consumer, source, cursor, event_id, entity_id, subject, error, attempts, first_at, last_at,
                length(payload) AS payload_bytes, withheld FROM messaging.parked
          WHERE consumer = $1 AND source = $2 AND event_id = $3",
    )
    .bind(consumer)
    .bind(source)
    .bind(event_id.as_uuid())
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let message = message(&row)?;
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM messaging.parked
          WHERE consumer = $1 AND source = $2 AND entity_id = $3 AND cursor > $4",
    )
    .bind(consumer)
    .bind(source)
    .bind(message.entity_id)
    .bind(message.position.cursor.to_bytes().as_slice())
    .fetch_one(pool)
    .await?;
    let decisions = sqlx::query(
        "SELECT d.action, d.reason, d.decided_by, d.decided_at, d.applied
           FROM messaging.parking_decision d JOIN messaging.parked p USING (consumer, source)
          WHERE consumer = $1 AND source = $2 AND p.event_id = $3 AND d.decided_at >= p.first_at
            AND (d.event_id IS NULL OR d.event_id = p.event_id OR d.entity_id = p.entity_id)
          ORDER BY d.decided_at DESC LIMIT 20",
    )
    .bind(consumer)
    .bind(source)
    .bind(event_id.as_uuid())
    .fetch_all(pool)
    .await?;
    Ok(Some(ParkedDetails {
        message,
        waiting: waiting.unsigned_abs(),
        decisions: decisions.iter().map(decision).collect::<Result<_, _>>()?,
    }))
}

pub(super) async fn entities(
    pool: &PgPool,
    consumer: &str,
    limit: u16,
) -> Result<Vec<ParkedEntity>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT source, entity_id, count(*) AS messages, (array_agg(event_id ORDER BY cursor))[1] AS event_id,
                coalesce((array_agg(error ORDER BY cursor))[1], '') AS error FROM messaging.parked
          WHERE consumer = $1 GROUP BY source, entity_id, CASE WHEN entity_id IS NULL THEN cursor END
          ORDER BY source, (array_agg(cursor ORDER BY cursor))[1] LIMIT $2",
    )
    .bind(consumer)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let entity = |row: &PgRow| {
        Ok(ParkedEntity {
            source: row.try_get("source")?,
            entity_id: row.try_get("entity_id")?,
            messages: row.try_get::<i64, _>("messages")?.unsigned_abs(),
            event_id: EventId::from_uuid(row.try_get("event_id")?),
            error: row.try_get("error")?,
        })
    };
    rows.iter().map(entity).collect()
}

pub(super) async fn holds(
    pool: &PgPool,
    (consumer, source): Key<'_>,
    cursor: &Cursor,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM messaging.parked WHERE consumer = $1 AND source = $2 AND cursor = $3)",
    )
    .bind(consumer)
    .bind(source)
    .bind(cursor.to_bytes().as_slice())
    .fetch_one(pool)
    .await
}

fn message(row: &PgRow) -> Result<ParkedMessage, sqlx::Error> {
    let (attempts, payload_bytes): (i32, i32) = (row.try_get("attempts")?, row.try_get("payload_bytes")?);
    Ok(ParkedMessage {
        consumer: row.try_get("consumer")?,
        source: row.try_get("source")?,
        position: position(row)?,
        entity_id: row.try_get("entity_id")?,
        subject: row.try_get("subject")?,
        error: row.try_get("error")?,
        attempts: attempts.unsigned_abs(),
        first_at: row.try_get::<SqlTimestamp, _>("first_at")?.to_jiff(),
        last_at: row.try_get::<SqlTimestamp, _>("last_at")?.to_jiff(),
        payload_bytes: payload_bytes.unsigned_abs(),
        withheld: row.try_get("withheld")?,
    })
}

fn decision(row: &PgRow) -> Result<PastDecision, sqlx::Error> {
    let applied: i64 = row.try_get("applied")?;
    Ok(PastDecision {
        action: row.try_get("action")?,
        reason: row.try_get("reason")?,
        decided_by: row.try_get("decided_by")?,
        decided_at: row.try_get::<SqlTimestamp, _>("decided_at")?.to_jiff(),
        applied: applied.unsigned_abs(),
    })
}

fn delivery(source: &'static str, row: &PgRow) -> Result<Delivery, sqlx::Error> {
    let Position { cursor, event_id } = position(row)?;
    let previous: Option<Vec<u8>> = row.try_get("previous_cursor")?;
    let payload: Vec<u8> = row.try_get("payload")?;
    let withheld = WithheldBySource {
        publisher: source,
        entity: row.try_get("entity_id")?,
        reason: STILL.to_owned(),
    };
    Ok(Delivery {
        source,
        cursor,
        previous: previous.as_deref().map(read_cursor).transpose()?,
        event_id,
        subject: row.try_get("subject")?,
        payload: payload.into(),
        withheld: row.try_get::<bool, _>("withheld")?.then_some(withheld),
        traceparent: row.try_get("traceparent")?,
        via: Via::Parking,
    })
}

fn found(row: &PgRow) -> Result<Found, sqlx::Error> {
    let cursor: Vec<u8> = row.try_get("cursor")?;
    Ok(Found {
        cursor: read_cursor(&cursor)?,
        entity: row.try_get("entity_id")?,
        error: row.try_get("error")?,
    })
}

fn position(row: &PgRow) -> Result<Position, sqlx::Error> {
    read_position(row, "cursor", "event_id")?.ok_or(sqlx::Error::ColumnNotFound("cursor".to_owned()))
}

fn read_cursor(bytes: &[u8]) -> Result<Cursor, sqlx::Error> {
    Cursor::from_bytes(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}

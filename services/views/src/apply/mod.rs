//! From integration events to rows. Each source has its file, which folds a batch into rows; `rows/` writes them, many with
//! one statement, in the transaction that stores the cursor. A section is written where its version is newer, so what comes
//! twice, or from a rebuild, changes nothing.

mod claim_images;
mod endorsement;
mod erased;
mod identity;
mod opened;
mod phone_verification;
mod rounds;
mod rows;

use async_trait::async_trait;
use contracts::names;
use eventsourcing::{Position, RequestKey};
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx};
use kernel::{EventId, Timestamp};
use messaging::{Delivery, Divergence, Handler, HandlerError, OnDiverged};
use privacy::Keyring;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::generation::Generation;
use crate::runs::{Kind, Registry};

/// Applies one source's events to one generation.
pub(crate) struct Applier {
    source: &'static str,
    keyring: Keyring,
    generation: Generation,
    /// Where a rebuild is asked for when the source was restored from an older copy.
    rebuilds: Option<Registry>,
}

/// An integration event that cannot be applied, however often it is tried.
#[derive(Debug, thiserror::Error)]
enum Malformed {
    #[error("not a message of this source")]
    Message(#[from] prost::DecodeError),
    #[error(
        "its kind of event is not known here: the views must be released before the service that sends it"
    )]
    UnknownKind,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is no id")]
    Id(&'static str),
    #[error("{0} is no instant")]
    Instant(&'static str),
    #[error("{0} does not fit")]
    TooLarge(&'static str),
    #[error("a sealed field cannot be opened")]
    Sealed(#[source] privacy::KeyringError),
}

/// What every applied event has.
struct Heading {
    event: EventId,
    entity: Uuid,
    version: i64,
    occurred_at: SqlTimestamp,
}

impl Applier {
    pub(crate) const fn of(source: &'static str, keyring: Keyring, generation: Generation) -> Self {
        Self {
            source,
            keyring,
            generation,
            rebuilds: None,
        }
    }

    /// The same, having itself rebuilt where it cannot go on.
    pub(crate) fn rebuilt_by(self, registry: Registry) -> Self {
        Self {
            rebuilds: Some(registry),
            ..self
        }
    }
}

#[async_trait]
impl Handler for Applier {
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        let schema = self.generation.schema();
        erased::enter(tx, self.source, batch).await?;
        match self.source {
            names::ENDORSEMENT => endorsement::apply(tx, schema, &self.keyring, batch).await,
            names::CLAIM_IMAGES => claim_images::apply(tx, schema, &self.keyring, batch).await,
            names::IDENTITY => identity::apply(tx, schema, batch).await,
            _ => phone_verification::apply(tx, schema, batch).await,
        }?;
        erased::keep_out(tx, schema, &self.keyring, self.source, batch).await
    }

    /// A rebuild makes the tables anew while they go on serving, and moves the cursors. One divergence asks for one: if that
    /// is cancelled, it is the operator's.
    async fn on_diverged(
        &self,
        _tx: &mut PgTransaction<'_>,
        divergence: &Divergence,
    ) -> Result<OnDiverged, HandlerError> {
        let Some(registry) = &self.rebuilds else {
            return Ok(OnDiverged::Stop);
        };
        let asked_by = "system:views";
        // An event that came back after a restore has its id again, and another place.
        let Position { cursor, event_id } = divergence.position;
        let place = Uuid::new_v5(&event_id.as_uuid(), cursor.to_string().as_bytes());
        let key = RequestKey::derive(asked_by, "RebuildViews", place).as_uuid();
        registry.begin(Kind::Rebuild, key, asked_by).await?;
        Ok(OnDiverged::Await)
    }
}

/// Decodes every message of a batch, or names the first that is none.
fn decode<M: prost::Message + Default>(batch: &[Delivery]) -> Result<Vec<M>, HandlerError> {
    let decoded = batch.iter().map(|delivery| {
        M::decode(delivery.payload.clone())
            .map_err(|error| HandlerError::content(delivery.event_id, Malformed::Message(error)))
    });
    decoded.collect()
}

/// Opening a large batch takes a while: others are let run now and then.
async fn breathe(place: usize) {
    if place % 32 == 31 {
        tokio::task::yield_now().await;
    }
}

fn heading(event: EventId, entity: &str, version: u64, occurred_at_us: i64) -> Result<Heading, Malformed> {
    Ok(Heading {
        event,
        entity: id("entity_id", entity)?,
        version: integer("version", version)?,
        occurred_at: instant("occurred_at_us", occurred_at_us)?,
    })
}

fn id(field: &'static str, text: &str) -> Result<Uuid, Malformed> {
    Uuid::parse_str(text).map_err(|_| Malformed::Id(field))
}

fn ids(field: &'static str, texts: &[String]) -> Result<Vec<Uuid>, Malformed> {
    texts.iter().map(|text| id(field, text)).collect()
}

fn instant(field: &'static str, micros: i64) -> Result<SqlTimestamp, Malformed> {
    Timestamp::from_microsecond(micros)
        .map(ToSqlx::to_sqlx)
        .map_err(|_| Malformed::Instant(field))
}

fn integer(field: &'static str, value: u64) -> Result<i64, Malformed> {
    i64::try_from(value).map_err(|_| Malformed::TooLarge(field))
}

fn small(field: &'static str, value: u32) -> Result<i32, Malformed> {
    i32::try_from(value).map_err(|_| Malformed::TooLarge(field))
}

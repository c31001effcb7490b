//! From integration events to rows. Each source has its file; a batch is applied in the transaction that stores the cursor.
//! A section is written where its version is newer, so what comes twice, or from a rebuild, changes nothing.

mod claim_images;
mod endorsement;
mod identity;
mod opened;
mod phone_verification;

use async_trait::async_trait;
use contracts::names;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx};
use kernel::{EventId, Timestamp};
use messaging::{Delivery, Handler, HandlerError};
use privacy::Keyring;
use sqlx::PgTransaction;
use uuid::Uuid;

use opened::Opener;

/// Applies one source's events.
pub(crate) struct Applier {
    source: &'static str,
    opener: Opener,
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

/// Why one event was not applied.
enum Trouble {
    Content(Malformed),
    Transient(Box<dyn std::error::Error + Send + Sync>),
}

impl From<Malformed> for Trouble {
    fn from(malformed: Malformed) -> Self {
        Self::Content(malformed)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Transient(error.into())
    }
}

/// What every applied event has.
struct Heading {
    event: EventId,
    entity: Uuid,
    version: i64,
    occurred_at: SqlTimestamp,
}

impl Applier {
    pub(crate) fn of(source: &'static str, keyring: Keyring) -> Self {
        Self {
            source,
            opener: Opener::new(keyring),
        }
    }

    /// Fetches the keys of the whole batch at once; each field is then opened from the keyring's cache.
    async fn prefetch(&self, batch: &[Delivery]) {
        let mut fields = Vec::new();
        for delivery in batch {
            let found = match self.source {
                names::ENDORSEMENT => endorsement::sealed(delivery),
                names::CLAIM_IMAGES => claim_images::sealed(delivery),
                _ => Vec::new(),
            };
            fields.extend(found);
        }
        self.opener.prefetch(&fields).await;
    }

    async fn apply(&self, tx: &mut PgTransaction<'_>, delivery: &Delivery) -> Result<(), Trouble> {
        match self.source {
            names::ENDORSEMENT => endorsement::apply(tx, &self.opener, delivery).await,
            names::CLAIM_IMAGES => claim_images::apply(tx, &self.opener, delivery).await,
            names::IDENTITY => identity::apply(tx, delivery).await,
            _ => phone_verification::apply(tx, delivery).await,
        }
    }
}

#[async_trait]
impl Handler for Applier {
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        self.prefetch(batch).await;
        for delivery in batch {
            self.apply(tx, delivery).await.map_err(|trouble| match trouble {
                Trouble::Content(malformed) => HandlerError::content(delivery.event_id, malformed),
                Trouble::Transient(source) => HandlerError::Transient(source),
            })?;
        }
        Ok(())
    }
}

fn decode<M: prost::Message + Default>(delivery: &Delivery) -> Result<M, Malformed> {
    Ok(M::decode(delivery.payload.clone())?)
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

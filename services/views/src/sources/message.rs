//! What every integration event has, and how its texts become ids, instants and numbers. Nothing that fails here names a value.

use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx};
use kernel::EventId;
use kernel::clock::instant_of_micros;
use messaging::Malformed;
use uuid::Uuid;

/// An integration event that cannot be applied, however often it is tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Inapplicable {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("{0} does not fit")]
    TooLarge(&'static str),
    #[error("a sealed field cannot be opened")]
    Sealed(#[source] privacy::KeyringError),
}

/// What every applied event has.
pub(super) struct Heading {
    pub(super) event: EventId,
    pub(super) entity: Uuid,
    pub(super) version: i64,
    pub(super) occurred_at: SqlTimestamp,
}

pub(super) fn heading(
    event: EventId,
    entity: &str,
    version: u64,
    occurred_at_us: i64,
) -> Result<Heading, Inapplicable> {
    Ok(Heading {
        event,
        entity: id("entity_id", entity)?,
        version: integer("version", version)?,
        occurred_at: instant(occurred_at_us),
    })
}

pub(super) fn id(field: &'static str, text: &str) -> Result<Uuid, Inapplicable> {
    Ok(messaging::malformed::id(field, text)?)
}

pub(super) fn ids(field: &'static str, texts: &[String]) -> Result<Vec<Uuid>, Inapplicable> {
    texts.iter().map(|text| id(field, text)).collect()
}

/// Any number is an instant; one beyond what a database holds is its nearest end.
pub(super) fn instant(micros: i64) -> SqlTimestamp {
    instant_of_micros(micros).to_sqlx()
}

pub(super) fn integer(field: &'static str, value: u64) -> Result<i64, Inapplicable> {
    i64::try_from(value).map_err(|_| Inapplicable::TooLarge(field))
}

pub(super) fn small(field: &'static str, value: u32) -> Result<i32, Inapplicable> {
    i32::try_from(value).map_err(|_| Inapplicable::TooLarge(field))
}

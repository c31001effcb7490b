//! Rows that only confirm what stands: remembered beside the events, since a daily file of a million contracts would otherwise
//! record a million events that say nothing (docs/adr/0025).

use std::collections::HashMap;

use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::clock::Timestamp;
use sqlx::PgPool;
use uuid::Uuid;

/// What was last confirmed of these entities.
pub(super) async fn newest(
    pool: &PgPool,
    entities: &[Uuid],
) -> Result<HashMap<Uuid, Timestamp>, sqlx::Error> {
    let rows: Vec<(Uuid, SqlTimestamp)> =
        sqlx::query_as("SELECT entity_id, as_of FROM service.import_confirmed WHERE entity_id = ANY($1)")
            .bind(entities)
            .fetch_all(pool)
            .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|(entity, as_of)| (entity, as_of.to_jiff())).collect())
}

/// Remembers that a row as of this instant confirmed each; what a newer one confirmed stays. In order, so that two calls never
/// wait for each other in a circle.
pub(super) async fn confirm(
    pool: &PgPool,
    mut entities: Vec<Uuid>,
    as_of: Timestamp,
) -> Result<(), sqlx::Error> {
    if entities.is_empty() {
        return Ok(());
    }
    entities.sort_unstable();
    sqlx::query(
        "INSERT INTO service.import_confirmed (entity_id, as_of) SELECT unnest($1::uuid[]), $2
         ON CONFLICT (entity_id) DO UPDATE SET as_of = excluded.as_of
         WHERE service.import_confirmed.as_of < excluded.as_of",
    )
    .bind(entities)
    .bind(as_of.to_sqlx())
    .execute(pool)
    .await?;
    Ok(())
}

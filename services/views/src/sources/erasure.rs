//! Keeps erased persons out of the views (OP-4): when identity tells of an erasure, their rows go and their id stays in a
//! list; every batch looks into the list in its own transaction, so what is told late, or read again in a rebuild, leaves
//! nothing either.

use sqlx::PgTransaction;
use uuid::Uuid;

use crate::model;

/// Who erases holds it alone, who applies anything else holds it with others: a batch that opened a field before the
/// erasure is committed before the rows go. Any number that no other lock of this database has.
const LOCK: i64 = 0x6d61_646f_6572_6173;

/// Settles how the transaction's statements are planned, for the tables of the schema that is the one parameter: they name none,
/// and find rows by their keys, however many a batch changes and however few there still are.
const PLAN: &str = "SELECT set_config('search_path', $1, true), set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)";

/// Before a batch is applied to the tables of `schema`.
pub(super) async fn enter(tx: &mut PgTransaction<'_>, schema: &str, erases: bool) -> Result<(), sqlx::Error> {
    sqlx::query(PLAN).bind(schema).execute(&mut **tx).await?;
    sqlx::query(if erases {
        "SELECT pg_advisory_xact_lock($1)"
    } else {
        "SELECT pg_advisory_xact_lock_shared($1)"
    })
    .bind(LOCK)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds subjects to the list.
pub(super) async fn list(tx: &mut PgTransaction<'_>, erased: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO erasure.subject (subject_id, erased_at) SELECT unnest($1::uuid[]), now() ON CONFLICT DO NOTHING",
    )
    .bind(erased)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Those of the subjects that are in the list.
pub(super) async fn listed(tx: &mut PgTransaction<'_>, subjects: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar("SELECT subject_id FROM erasure.subject WHERE subject_id = ANY($1)")
        .bind(subjects)
        .fetch_all(&mut **tx)
        .await
}

/// Removes what the tables say of these subjects.
pub(super) async fn sweep(tx: &mut PgTransaction<'_>, erased: &[Uuid]) -> Result<(), sqlx::Error> {
    for statement in model::ERASE {
        sqlx::query(statement).bind(erased).execute(&mut **tx).await?;
    }
    Ok(())
}

//! `view.image`: pictures, and what becomes of them.

use std::collections::BTreeMap;

use jiff_sqlx::Timestamp;
use serde_json::Value;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::model::list::List;
use crate::model::row::row;

row! {
    /// A picture. All but category, state and reason stay as they were when it was received, and derivatives may be made later.
    Image in "image" by version;
    key { image_id: Uuid = "uuid" }
    newest {
        version: i64 = "bigint",
        category: &'static str = "text",
        state: &'static str = "text",
        refusal_reason: &'static str = "text",
    }
    first {
        accident_id: Uuid = "uuid",
        subject_id: Uuid = "uuid",
        file_name: Option<String> = "text",
        content_type: String = "text",
        size_bytes: i64 = "bigint",
        sha256: String = "text",
        width: i32 = "integer",
        height: i32 = "integer",
        derivatives: List = "text[]",
        hints: List = "text[]",
        capture: Option<Value> = "jsonb",
        duplicate_of: String = "text",
        received_at: Timestamp = "timestamptz",
    }
}

pub(crate) const ERASE: &str = "DELETE FROM image WHERE subject_id = ANY($1)";

/// What became of a picture that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) version: i64,
    pub(crate) state: &'static str,
    /// Where it was sent just now.
    pub(crate) submission_id: Option<Uuid>,
}

/// Notes what became of pictures, by their ids.
pub(crate) async fn advance(
    tx: &mut PgTransaction<'_>,
    images: &BTreeMap<Uuid, Progress>,
) -> Result<(), sqlx::Error> {
    if images.is_empty() {
        return Ok(());
    }
    let progress = images.values();
    sqlx::query(
        "UPDATE image i
            SET state = n.state, version = n.version, submission_id = coalesce(n.submission, i.submission_id)
           FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[]) AS n (id, state, version, submission)
          WHERE i.image_id = n.id AND i.version < n.version",
    )
    .bind(images.keys().copied().collect::<Vec<_>>())
    .bind(progress.clone().map(|image| image.state).collect::<Vec<_>>())
    .bind(progress.clone().map(|image| image.version).collect::<Vec<_>>())
    .bind(progress.map(|image| image.submission_id).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Derivatives that there are now of a picture that is there.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) version: i64,
    pub(crate) derivatives: List,
}

/// Notes which derivatives there are, by the pictures' ids.
pub(crate) async fn note_derivatives(
    tx: &mut PgTransaction<'_>,
    images: &BTreeMap<Uuid, Derived>,
) -> Result<(), sqlx::Error> {
    if images.is_empty() {
        return Ok(());
    }
    let derived = images.values();
    sqlx::query(
        "UPDATE image i SET derivatives = n.derivatives::text[], version = n.version
           FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS n (id, derivatives, version)
          WHERE i.image_id = n.id AND i.version < n.version",
    )
    .bind(images.keys().copied().collect::<Vec<_>>())
    .bind(
        derived
            .clone()
            .map(|image| &image.derivatives)
            .collect::<Vec<_>>(),
    )
    .bind(derived.map(|image| image.version).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

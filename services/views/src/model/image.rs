//! `view.image`: pictures, and what becomes of them.

use std::collections::BTreeMap;

use jiff_sqlx::Timestamp;
use sqlx::PgTransaction;
use uuid::Uuid;

use crate::model::row::row;

row! {
    /// A picture. All but category, state and reason stay as they were when it was received.
    Image in "image" by version;
    key { image_id: Uuid = "uuid" }
    newest {
        version: i64 = "bigint",
        category: &'static str = "text",
        state: &'static str = "text",
        refusal_reason: String = "text",
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
        has_thumbnail: bool = "boolean",
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

//! Rows of accidents, pictures and submissions.

use std::collections::BTreeMap;

use jiff_sqlx::Timestamp as SqlTimestamp;
use sqlx::{AssertSqlSafe, PgTransaction};
use uuid::Uuid;

use crate::apply::rounds::{Newest, Section};

/// An accident as its owner imported it.
#[derive(Debug)]
pub(in crate::apply) struct Accident {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) claim_number: String,
    pub(in crate::apply) contract: Uuid,
    pub(in crate::apply) policy_number: String,
    pub(in crate::apply) subject: Uuid,
    pub(in crate::apply) occurred_at: SqlTimestamp,
    pub(in crate::apply) place: Option<String>,
    pub(in crate::apply) kind: String,
    pub(in crate::apply) adjuster_id: String,
    pub(in crate::apply) office: String,
    pub(in crate::apply) state: String,
}

/// A picture. All but category, state and reason stay as they were when it was received.
#[derive(Debug)]
pub(in crate::apply) struct Image {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) accident: Uuid,
    pub(in crate::apply) subject: Uuid,
    pub(in crate::apply) category: &'static str,
    pub(in crate::apply) state: &'static str,
    pub(in crate::apply) refusal_reason: String,
    pub(in crate::apply) file_name: Option<String>,
    pub(in crate::apply) content_type: String,
    pub(in crate::apply) size_bytes: i64,
    pub(in crate::apply) sha256: String,
    pub(in crate::apply) width: i32,
    pub(in crate::apply) height: i32,
    pub(in crate::apply) has_thumbnail: bool,
    pub(in crate::apply) duplicate_of: String,
    pub(in crate::apply) received_at: SqlTimestamp,
}

/// A submission as it was sent.
#[derive(Debug)]
pub(in crate::apply) struct Submission {
    pub(in crate::apply) version: i64,
    pub(in crate::apply) accident: Uuid,
    pub(in crate::apply) subject: Uuid,
    pub(in crate::apply) image_count: i32,
    pub(in crate::apply) note: Option<String>,
    pub(in crate::apply) sent_at: SqlTimestamp,
}

/// What happened to pictures and submissions that are there.
#[derive(Debug)]
pub(in crate::apply) enum Mark {
    /// These pictures went with a submission.
    Sent {
        submission: Uuid,
        version: i64,
        images: Vec<Uuid>,
    },
    /// A submission and these pictures of it were looked at.
    Seen {
        submission: Uuid,
        version: i64,
        images: Vec<Uuid>,
        at: SqlTimestamp,
        by: String,
    },
}

impl Section for Accident {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Section for Image {
    fn version(&self) -> i64 {
        self.version
    }

    fn keep_from(&mut self, first: Self) {
        *self = Self {
            version: self.version,
            category: self.category,
            state: self.state,
            refusal_reason: std::mem::take(&mut self.refusal_reason),
            ..first
        };
    }
}

/// One round of a batch.
#[derive(Debug, Default)]
pub(in crate::apply) struct Rows {
    pub(in crate::apply) accidents: Newest<Uuid, Accident>,
    pub(in crate::apply) images: Newest<Uuid, Image>,
    /// The first of each; a submission is sent once.
    pub(in crate::apply) submissions: BTreeMap<Uuid, Submission>,
    pub(in crate::apply) marks: Vec<Mark>,
}

impl Rows {
    pub(in crate::apply) async fn write(
        &self,
        tx: &mut PgTransaction<'_>,
        schema: &str,
    ) -> Result<(), sqlx::Error> {
        accidents(tx, schema, &self.accidents).await?;
        images(tx, schema, &self.images).await?;
        submissions(tx, schema, &self.submissions).await?;
        mark_images(tx, schema, &self.marks).await?;
        mark_submissions(tx, schema, &self.marks).await
    }
}

async fn accidents(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &Newest<Uuid, Accident>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {schema}.accident AS a (accident_id, version, claim_number, contract_id, policy_number, subject_id,
             occurred_at, place, kind, adjuster_id, office, state)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::uuid[],
             $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
         ON CONFLICT (accident_id) DO UPDATE SET
             version = excluded.version, claim_number = excluded.claim_number, contract_id = excluded.contract_id,
             policy_number = excluded.policy_number, subject_id = excluded.subject_id,
             occurred_at = excluded.occurred_at, place = excluded.place, kind = excluded.kind,
             adjuster_id = excluded.adjuster_id, office = excluded.office, state = excluded.state
         WHERE a.version < excluded.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys(|id| *id))
        .bind(rows.column(|row| row.version))
        .bind(rows.column(|row| row.claim_number.as_str()))
        .bind(rows.column(|row| row.contract))
        .bind(rows.column(|row| row.policy_number.as_str()))
        .bind(rows.column(|row| row.subject))
        .bind(rows.column(|row| row.occurred_at))
        .bind(rows.column(|row| row.place.as_deref()))
        .bind(rows.column(|row| row.kind.as_str()))
        .bind(rows.column(|row| row.adjuster_id.as_str()))
        .bind(rows.column(|row| row.office.as_str()))
        .bind(rows.column(|row| row.state.as_str()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn images(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &Newest<Uuid, Image>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {schema}.image AS i (image_id, version, accident_id, subject_id, category, state, refusal_reason,
             file_name, content_type, size_bytes, sha256, width, height, has_thumbnail, duplicate_of, received_at)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[],
             $8::text[], $9::text[], $10::bigint[], $11::text[], $12::integer[], $13::integer[], $14::boolean[],
             $15::text[], $16::timestamptz[])
         ON CONFLICT (image_id) DO UPDATE SET
             version = excluded.version, category = excluded.category, state = excluded.state,
             refusal_reason = excluded.refusal_reason
         WHERE i.version < excluded.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys(|id| *id))
        .bind(rows.column(|row| row.version))
        .bind(rows.column(|row| row.accident))
        .bind(rows.column(|row| row.subject))
        .bind(rows.column(|row| row.category))
        .bind(rows.column(|row| row.state))
        .bind(rows.column(|row| row.refusal_reason.as_str()))
        .bind(rows.column(|row| row.file_name.as_deref()))
        .bind(rows.column(|row| row.content_type.as_str()))
        .bind(rows.column(|row| row.size_bytes))
        .bind(rows.column(|row| row.sha256.as_str()))
        .bind(rows.column(|row| row.width))
        .bind(rows.column(|row| row.height))
        .bind(rows.column(|row| row.has_thumbnail))
        .bind(rows.column(|row| row.duplicate_of.as_str()))
        .bind(rows.column(|row| row.received_at))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn submissions(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    rows: &BTreeMap<Uuid, Submission>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO {schema}.submission (submission_id, version, accident_id, subject_id, image_count, note, sent_at)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[],
             $7::timestamptz[])
         ON CONFLICT (submission_id) DO NOTHING"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.keys().copied().collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.version).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.accident).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.subject).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.image_count).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.note.as_deref()).collect::<Vec<_>>())
        .bind(rows.values().map(|row| row.sent_at).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn mark_images(tx: &mut PgTransaction<'_>, schema: &str, marks: &[Mark]) -> Result<(), sqlx::Error> {
    // State, version and, where it was sent just now, the submission; a round has each picture once.
    let mut marked: BTreeMap<Uuid, (&str, i64, Option<Uuid>)> = BTreeMap::new();
    for mark in marks {
        let (images, mark) = match mark {
            Mark::Sent {
                submission,
                version,
                images,
            } => (images, ("SENT", *version, Some(*submission))),
            Mark::Seen { version, images, .. } => (images, ("SEEN", *version, None)),
        };
        marked.extend(images.iter().map(|image| (*image, mark)));
    }
    if marked.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {schema}.image i
            SET state = n.state, version = n.version, submission_id = coalesce(n.submission, i.submission_id)
           FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[]) AS n (id, state, version, submission)
          WHERE i.image_id = n.id AND i.version < n.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(marked.keys().copied().collect::<Vec<_>>())
        .bind(marked.values().map(|(state, ..)| *state).collect::<Vec<_>>())
        .bind(
            marked
                .values()
                .map(|(_, version, _)| *version)
                .collect::<Vec<_>>(),
        )
        .bind(
            marked
                .values()
                .map(|(.., submission)| *submission)
                .collect::<Vec<_>>(),
        )
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn mark_submissions(
    tx: &mut PgTransaction<'_>,
    schema: &str,
    marks: &[Mark],
) -> Result<(), sqlx::Error> {
    let mut seen: BTreeMap<Uuid, (i64, SqlTimestamp, &str)> = BTreeMap::new();
    for mark in marks {
        if let Mark::Seen {
            submission,
            version,
            at,
            by,
            ..
        } = mark
        {
            seen.insert(*submission, (*version, *at, by));
        }
    }
    if seen.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "UPDATE {schema}.submission s SET seen_at = n.at, seen_by = n.by, version = n.version
           FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[]) AS n (id, version, at, by)
          WHERE s.submission_id = n.id AND s.version < n.version"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(seen.keys().copied().collect::<Vec<_>>())
        .bind(seen.values().map(|(version, ..)| *version).collect::<Vec<_>>())
        .bind(seen.values().map(|(_, at, _)| *at).collect::<Vec<_>>())
        .bind(seen.values().map(|(.., by)| *by).collect::<Vec<_>>())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

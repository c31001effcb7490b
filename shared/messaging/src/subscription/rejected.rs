//! What is noted of messages that their source did not send: where they stood and why they were refused, once each and only the
//! latest.

use std::time::Duration;

use sqlx::PgPool;

use super::arrival::Rejected;

/// How many are kept of a consumer and source: enough to see who writes there, and no room that a flood could fill.
const KEPT: i64 = 1_000;
/// Of one batch.
const NOTED_AT_ONCE: usize = 50;

/// Something that its source did not send.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RejectedMessage {
    /// Who was to apply it.
    pub consumer: String,
    /// Whose it pretended to be.
    pub source: String,
    /// Where it was written.
    pub subject: String,
    /// `UNSIGNED`, `MALFORMED` or `ALTERED`.
    pub reason: String,
}

/// The last one that a consumer of this database has met within this time; none if there was none.
///
/// # Errors
/// When the database does not answer.
pub async fn last_rejected(pool: &PgPool, within: Duration) -> Result<Option<RejectedMessage>, sqlx::Error> {
    sqlx::query_as(
        "SELECT consumer, source, subject, reason FROM messaging.rejected
          WHERE rejected_at > clock_timestamp() - make_interval(secs => $1)
          ORDER BY rejected_id DESC LIMIT 1",
    )
    .bind(within.as_secs_f64())
    .fetch_optional(pool)
    .await
}

/// Notes them; whoever meets one again notes nothing new.
pub(super) async fn note(
    pool: &PgPool,
    (consumer, source): (&str, &str),
    rejected: &[Rejected],
) -> Result<(), sqlx::Error> {
    let noted = &rejected[..rejected.len().min(NOTED_AT_ONCE)];
    let sequence = |rejected: &Rejected| rejected.sequence.and_then(|number| i64::try_from(number).ok());
    sqlx::query(
        "INSERT INTO messaging.rejected (consumer, source, stream_sequence, subject, reason)
         SELECT $1, $2, n.* FROM unnest($3::bigint[], $4::text[], $5::text[]) AS n
         ON CONFLICT (consumer, source, stream_sequence, subject, reason) DO NOTHING",
    )
    .bind(consumer)
    .bind(source)
    .bind(noted.iter().map(sequence).collect::<Vec<_>>())
    .bind(
        noted
            .iter()
            .map(|rejected| rejected.subject.replace('\0', "\u{FFFD}"))
            .collect::<Vec<_>>(),
    )
    .bind(
        noted
            .iter()
            .map(|rejected| rejected.forgery.as_str())
            .collect::<Vec<_>>(),
    )
    .execute(pool)
    .await?;
    sqlx::query(
        "DELETE FROM messaging.rejected WHERE consumer = $1 AND source = $2 AND rejected_id <
            (SELECT rejected_id FROM messaging.rejected WHERE consumer = $1 AND source = $2
              ORDER BY rejected_id DESC OFFSET $3 LIMIT 1)",
    )
    .bind(consumer)
    .bind(source)
    .bind(KEPT - 1)
    .execute(pool)
    .await?;
    Ok(())
}

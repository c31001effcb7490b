//! Persons we do not know, by the day of their call: no erasure of a person reaches them, so each day's key is destroyed
//! after the rulebook's period (OP-4), and who called can be read no more.

use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff_sqlx::ToSqlx as _;
use kernel::clock::{jst_date, storable_instant};
use kernel::{Personal, PhoneNumber, SubjectId, Timestamp};
use privacy::Keyring;
use rulebook::Rulebook;
use service::ReactionError;
use sqlx::PgPool;

/// How many days are ended at a time.
const BATCH: i64 = 20;

/// Whose numbers are kept for how long.
#[derive(Clone)]
pub(crate) struct UnknownDays {
    pub(crate) pool: PgPool,
    pub(crate) keyring: Keyring,
    pub(crate) rulebook: Arc<Rulebook>,
    pub(crate) service: &'static str,
}

impl UnknownDays {
    /// The subject of who calls at this instant and is not known.
    pub(crate) fn subject(&self, called_at: Timestamp) -> SubjectId {
        self.subject_of(jst_date(storable_instant(called_at)))
    }

    /// A number is stored: if it is an unknown person's, its day has to be ended.
    pub(crate) async fn note(
        &self,
        number: &Personal<PhoneNumber>,
        called_at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        if number.is_erased() || number.subject() != self.subject(called_at) {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO phone_verification.unknown_day (jst_date) VALUES ($1) ON CONFLICT DO NOTHING",
        )
        .bind(jst_date(storable_instant(called_at)).to_sqlx())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends some days whose period is over, and says how many.
    pub(crate) async fn end(&self, now: Timestamp) -> Result<usize, ReactionError> {
        let days = i64::from(self.rulebook.retention.unknown_callers_days);
        let kept_from = jst_date(now).saturating_sub(SignedDuration::from_hours(24 * days));
        let over: Vec<jiff_sqlx::Date> = sqlx::query_scalar(
            "SELECT jst_date FROM phone_verification.unknown_day WHERE jst_date < $1 ORDER BY jst_date LIMIT $2",
        )
        .bind(kept_from.to_sqlx())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        for day in &over {
            // The row goes last: what a crash leaves half done is done again.
            self.keyring.destroy(self.subject_of(day.to_jiff())).await?;
            sqlx::query("DELETE FROM phone_verification.unknown_day WHERE jst_date = $1")
                .bind(day)
                .execute(&self.pool)
                .await?;
            tracing::info!(day = %day.to_jiff(), "the unknown callers of a day are erased: its key is destroyed");
        }
        Ok(over.len())
    }

    fn subject_of(&self, day: Date) -> SubjectId {
        SubjectId::of_unknown(self.service, day)
    }
}

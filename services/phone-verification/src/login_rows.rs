//! What each login has opened (PV-9): so many challenges in all, with a pause between two, and none once a newer login of the
//! account has opened one. Rows live as long as their login's token; they are read and written under the lock of the lines, in
//! the transaction that takes one, so a refused opening is not counted and no number of calls at once exceeds the limit.

use std::time::Duration;

use jiff::SignedDuration;
use jiff_sqlx::{Timestamp as Stored, ToSqlx as _};
use kernel::clock::whole_seconds;
use kernel::{AccountId, LoginId, Timestamp};
use sqlx::PgTransaction;

use crate::domain::OpeningRejection;

/// A login, and how many challenges it may open.
pub(crate) struct LoginQuota {
    pub(crate) login_id: LoginId,
    pub(crate) account_id: AccountId,
    /// When its token expires; tells which of two logins is the newer one.
    pub(crate) expires_at: Timestamp,
    /// In all.
    pub(crate) max: u32,
    /// Between two.
    pub(crate) pause: SignedDuration,
}

/// Drops what was counted of logins whose time is over.
pub(crate) async fn forget(tx: &mut PgTransaction<'_>, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM phone_verification.login_opening WHERE login_expires_at <= $1")
        .bind(now.to_sqlx())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// An older login does not take the place of a newer one.
pub(crate) async fn check_newest(
    tx: &mut PgTransaction<'_>,
    login: &LoginQuota,
) -> Result<Result<(), OpeningRejection>, sqlx::Error> {
    let newer: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM phone_verification.login_opening WHERE account_id = $1 AND login_expires_at > $2)",
    )
    .bind(login.account_id.as_uuid())
    .bind(login.expires_at.to_sqlx())
    .fetch_one(&mut **tx)
    .await?;
    Ok(if newer {
        Err(OpeningRejection::LoginSuperseded)
    } else {
        Ok(())
    })
}

/// Counts one more challenge of the login, if it may open one: checked and counted in one statement.
pub(crate) async fn count(
    tx: &mut PgTransaction<'_>,
    login: &LoginQuota,
    now: Timestamp,
) -> Result<Result<(), OpeningRejection>, sqlx::Error> {
    let latest = now.checked_sub(login.pause).unwrap_or(Timestamp::MIN);
    let counted: Option<i32> = sqlx::query_scalar(
        "INSERT INTO phone_verification.login_opening AS mine (login_id, account_id, login_expires_at, openings, last_at)
         VALUES ($1, $2, $3, 1, $4)
         ON CONFLICT (login_id) DO UPDATE SET openings = mine.openings + 1, last_at = $4
         WHERE mine.openings < $5 AND mine.last_at <= $6
         RETURNING openings",
    )
    .bind(login.login_id.as_uuid())
    .bind(login.account_id.as_uuid())
    .bind(login.expires_at.to_sqlx())
    .bind(now.to_sqlx())
    .bind(i32::try_from(login.max).unwrap_or(i32::MAX))
    .bind(latest.to_sqlx())
    .fetch_optional(&mut **tx)
    .await?;
    if counted.is_some() {
        return Ok(Ok(()));
    }
    let (openings, last_at): (i32, Stored) =
        sqlx::query_as("SELECT openings, last_at FROM phone_verification.login_opening WHERE login_id = $1")
            .bind(login.login_id.as_uuid())
            .fetch_one(&mut **tx)
            .await?;
    let max = login.max;
    if u32::try_from(openings).is_ok_and(|openings| openings < max) {
        let next = last_at
            .to_jiff()
            .checked_add(login.pause)
            .unwrap_or(Timestamp::MAX);
        let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
        let retry_after = whole_seconds(wait);
        return Ok(Err(OpeningRejection::OpenedJustNow { retry_after }));
    }
    Ok(Err(OpeningRejection::LoginUsedUp { max }))
}

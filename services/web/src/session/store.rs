//! The rows. Each is sealed under a key made of the settings' key and the cookie, bound to its row.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use jiff::SignedDuration;
use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::Clock;
use kernel::clock::Timestamp;
use privacy::{Pepper, SecretSealer};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Semaphore;

use super::content::{Content, Stage};
use super::cookie::{self, CookieSecret};
use crate::problem::Problem;
use crate::settings::SessionSettings;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Separates the keys of customers' sessions from all others.
const PURPOSE: &str = "madoguchi web customer session v1";
/// A use is written down when the last one is this old: one write a minute, not one a picture.
const USE_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// How many renewals may hold a connection to the database at the same time.
const RENEWALS: usize = 8;

/// The sessions of one audience.
#[derive(Clone)]
pub(crate) struct Sessions {
    pool: PgPool,
    keys: Arc<[Pepper]>,
    idle: SignedDuration,
    total: SignedDuration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) renewals: Arc<Semaphore>,
}

/// A session, as it was read.
#[derive(Clone)]
pub(crate) struct Session {
    pub(super) secret: CookieSecret,
    pub(crate) content: Content,
}

/// What a cookie leads to.
pub(crate) enum Found {
    Nothing,
    /// Unused for too long: good for nothing but to know whose it was.
    Over(Box<Session>),
    Live(Box<Session>),
}

#[derive(sqlx::FromRow)]
struct Row {
    created_at: SqlTimestamp,
    used_at: SqlTimestamp,
    sealed: Vec<u8>,
}

impl Sessions {
    pub(crate) fn new(pool: PgPool, settings: SessionSettings, clock: Arc<dyn Clock>) -> Self {
        let long = |duration: Duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        Self {
            pool,
            keys: settings.keys.into(),
            idle: long(settings.idle),
            total: long(settings.total),
            clock,
            renewals: Arc::new(Semaphore::new(RENEWALS)),
        }
    }

    /// Whether the database answers.
    pub(crate) async fn answers(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// What the cookie leads to.
    pub(crate) async fn find(&self, cookie: &str) -> Result<Found, Problem> {
        let Some(secret) = CookieSecret::parse(cookie) else {
            return Ok(Found::Nothing);
        };
        let row: Option<Row> =
            sqlx::query_as("SELECT created_at, used_at, sealed FROM web.session WHERE session_id = $1")
                .bind(secret.row())
                .fetch_optional(&self.pool)
                .await
                .map_err(unavailable)?;
        let Some(row) = row else {
            return Ok(Found::Nothing);
        };
        let now = self.clock.now();
        let (created, used) = (row.created_at.to_jiff(), row.used_at.to_jiff());
        if now.duration_since(created) >= self.total {
            return Ok(Found::Nothing);
        }
        let Some(content) = self.open(&secret, &row.sealed) else {
            return Ok(Found::Nothing);
        };
        let ended = matches!(content.stage, Stage::Ended { .. });
        let session = Box::new(Session { secret, content });
        if ended || now.duration_since(used) >= self.idle {
            return Ok(Found::Over(session));
        }
        if now.duration_since(used) >= USE_AFTER {
            self.used(&session, now).await?;
        }
        Ok(Found::Live(session))
    }

    async fn used(&self, session: &Session, now: Timestamp) -> Result<(), Problem> {
        sqlx::query("UPDATE web.session SET used_at = $2 WHERE session_id = $1")
            .bind(session.secret.row())
            .bind(now.to_sqlx())
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    /// A new session under a new cookie. One that came before is gone with it: nobody who knew the old cookie is logged in
    /// by somebody else's password.
    pub(crate) async fn create(
        &self,
        before: Option<&Session>,
        content: Content,
    ) -> Result<(Session, HeaderValue), Problem> {
        let secret = CookieSecret::random();
        let sealed = self.seal(&secret, &content)?;
        let mut transaction = self.pool.begin().await.map_err(unavailable)?;
        if let Some(before) = before {
            delete(&mut transaction, before).await?;
        }
        sqlx::query(
            "INSERT INTO web.session (session_id, created_at, used_at, sealed) VALUES ($1, $2, $2, $3)",
        )
        .bind(secret.row())
        .bind(self.clock.now().to_sqlx())
        .bind(sealed)
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        let cookie = cookie::set(&secret)?;
        Ok((Session { secret, content }, cookie))
    }

    /// Changes what a session holds, as it stands now and not as it was read; `false` if it has ended meanwhile.
    pub(crate) async fn change(
        &self,
        session: &mut Session,
        change: impl FnOnce(&mut Content),
    ) -> Result<bool, Problem> {
        let mut transaction = self.pool.begin().await.map_err(unavailable)?;
        let Some(mut content) = self.locked(&mut transaction, session).await? else {
            return Ok(false);
        };
        change(&mut content);
        self.write(&mut transaction, session, &content).await?;
        transaction.commit().await.map_err(unavailable)?;
        session.content = content;
        Ok(true)
    }

    /// Takes out what is said once.
    pub(crate) async fn flash(&self, session: &mut Session) -> Result<Vec<super::Flash>, Problem> {
        if session.content.flash.is_empty() {
            return Ok(Vec::new());
        }
        let mut said = Vec::new();
        self.change(session, |content| said = std::mem::take(&mut content.flash))
            .await?;
        Ok(said)
    }

    pub(crate) async fn end(&self, session: &Session) -> Result<(), Problem> {
        let mut connection = self.pool.acquire().await.map_err(unavailable)?;
        delete(&mut connection, session).await
    }

    /// Deletes what is over; how many rows.
    pub(crate) async fn sweep(&self) -> Result<u64, Problem> {
        let begun = self
            .clock
            .now()
            .saturating_sub(self.total)
            .unwrap_or(Timestamp::MIN);
        let swept = sqlx::query("DELETE FROM web.session WHERE created_at <= $1")
            .bind(begun.to_sqlx())
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(swept.rows_affected())
    }

    pub(super) async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, Problem> {
        self.pool.begin().await.map_err(unavailable)
    }

    /// What a session holds, with its row locked until the transaction ends.
    pub(super) async fn locked(
        &self,
        connection: &mut PgConnection,
        session: &Session,
    ) -> Result<Option<Content>, Problem> {
        let sealed: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT sealed FROM web.session WHERE session_id = $1 FOR UPDATE")
                .bind(session.secret.row())
                .fetch_optional(connection)
                .await
                .map_err(unavailable)?;
        Ok(sealed.and_then(|sealed| self.open(&session.secret, &sealed)))
    }

    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        session: &Session,
        content: &Content,
    ) -> Result<(), Problem> {
        sqlx::query("UPDATE web.session SET sealed = $2 WHERE session_id = $1")
            .bind(session.secret.row())
            .bind(self.seal(&session.secret, content)?)
            .execute(connection)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    fn seal(&self, secret: &CookieSecret, content: &Content) -> Result<Vec<u8>, Problem> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(content).map_err(Problem::internal)?);
        let key = self.keys.first();
        let key = key.ok_or_else(|| Problem::internal("there is no key to seal a session with"))?;
        sealer(key, secret)
            .seal(&secret.row(), &plain)
            .map_err(Problem::internal)
    }

    /// With whichever of our keys it was sealed; `None` for what none opens or reads.
    fn open(&self, secret: &CookieSecret, sealed: &[u8]) -> Option<Content> {
        let plain = self
            .keys
            .iter()
            .find_map(|key| sealer(key, secret).open(&secret.row(), sealed).ok())?;
        serde_json::from_slice(&plain).ok()
    }
}

fn sealer(key: &Pepper, secret: &CookieSecret) -> SecretSealer {
    key.sealer_for(PURPOSE, secret.bytes())
}

async fn delete(connection: &mut PgConnection, session: &Session) -> Result<(), Problem> {
    sqlx::query("DELETE FROM web.session WHERE session_id = $1")
        .bind(session.secret.row())
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
pub(super) fn unavailable(error: sqlx::Error) -> Problem {
    tracing::error!(error = %error, "the database of the sessions fails");
    Problem::Unavailable {
        message: None,
        retry_after_s: None,
    }
}

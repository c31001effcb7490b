//! The rows of refresh families (ID-16, docs/adr/0024): one for each session, changed under its lock, so that exchanges of
//! one family follow each other on all replicas. That a session is open, and whose it is, the account's stream says.

use jiff_sqlx::{Timestamp as SqlTimestamp, ToSqlx as _};
use kernel::{AccountId, SessionId, Timestamp};
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row as _};

use crate::domain::refresh_family::{
    Ending, GoodToken, InUse, IssuedToken, PresentedToken, RefreshFamily, TokenRefusal,
};
use crate::domain::{REFRESH_LIFE, TokenHash};

/// Sessions that are ended at a time.
const BATCH: i64 = 100;

const REPLAYED: &str = "REPLAYED";
const EXPIRED: &str = "EXPIRED";

#[derive(Debug, Clone)]
pub struct RefreshFamilies {
    pool: PgPool,
}

/// A family whose session is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndingFamily {
    pub session: SessionId,
    pub account: AccountId,
    pub ending: Ending,
}

/// A row that is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("a row of the refresh families cannot be read: {0}")]
struct UnreadableRow(&'static str);

impl RefreshFamilies {
    /// Over the service's own database.
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// A session was opened. Does nothing where its row is there.
    pub async fn put(
        &self,
        session: SessionId,
        account: AccountId,
        opened_at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        insert(&mut *self.pool.acquire().await?, session, account, opened_at).await
    }

    /// Issues a token for a login whose session is open.
    pub async fn issue_first(
        &self,
        session: SessionId,
        account: AccountId,
        issued: IssuedToken,
        at: Timestamp,
    ) -> Result<Result<u32, InUse>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        insert(&mut transaction, session, account, at).await?;
        // Gone again: its session has ended meanwhile.
        let Some(mut family) = lock(&mut transaction, session).await? else {
            return Ok(Err(InUse));
        };
        let generation = family.issue_first(issued, at);
        if generation.is_ok() {
            update(&mut transaction, session, &family).await?;
            transaction.commit().await?;
        }
        Ok(generation)
    }

    /// Exchanges a token; what became of the family is kept before this answers.
    pub async fn exchange(
        &self,
        session: SessionId,
        presented: PresentedToken,
        issued: IssuedToken,
        at: Timestamp,
    ) -> Result<Result<u32, TokenRefusal>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let Some(mut family) = lock(&mut transaction, session).await? else {
            return Ok(Err(TokenRefusal::Invalid));
        };
        let generation = family.exchange(presented, issued, at);
        if matches!(generation, Ok(_) | Err(TokenRefusal::Replayed)) {
            update(&mut transaction, session, &family).await?;
            transaction.commit().await?;
        }
        Ok(generation)
    }

    /// Families that end by now, some at a time: from here on none of their tokens is exchanged. They come again until
    /// their rows are deleted.
    pub async fn end_due(&self, now: Timestamp) -> Result<Vec<EndingFamily>, sqlx::Error> {
        let rows = sqlx::query(
            "UPDATE identity.refresh_family SET ending = coalesce(ending, $2)
             WHERE session_id IN (SELECT session_id FROM identity.refresh_family WHERE expires_at <= $1
                                  ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)
             RETURNING session_id, account_id, ending",
        )
        .bind(now.to_sqlx())
        .bind(EXPIRED)
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(EndingFamily {
                    session: SessionId::from_uuid(row.try_get("session_id")?),
                    account: AccountId::from_uuid(row.try_get("account_id")?),
                    ending: ending(row.try_get("ending")?)?.ok_or_else(|| unreadable("ending"))?,
                })
            })
            .collect()
    }

    /// A session has ended.
    pub async fn delete(&self, session: SessionId) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM identity.refresh_family WHERE session_id = $1")
            .bind(session.as_uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn insert(
    connection: &mut PgConnection,
    session: SessionId,
    account: AccountId,
    opened_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let expires_at = opened_at.checked_add(REFRESH_LIFE).unwrap_or(Timestamp::MAX);
    let new = RefreshFamily::new(expires_at);
    sqlx::query(
        "INSERT INTO identity.refresh_family (session_id, account_id, generation, successors, expires_at)
         VALUES ($1, $2, $3, '{}', $4) ON CONFLICT (session_id) DO NOTHING",
    )
    .bind(session.as_uuid())
    .bind(account.as_uuid())
    .bind(i64::from(new.generation))
    .bind(new.expires_at.to_sqlx())
    .execute(connection)
    .await?;
    Ok(())
}

/// The row, which nobody else changes before the transaction's end.
async fn lock(
    connection: &mut PgConnection,
    session: SessionId,
) -> Result<Option<RefreshFamily>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT generation, predecessor, successors, tokens, expires_at, ending
         FROM identity.refresh_family WHERE session_id = $1 FOR UPDATE",
    )
    .bind(session.as_uuid())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let generation: i64 = row.try_get("generation")?;
    let predecessor: Option<Vec<u8>> = row.try_get("predecessor")?;
    let successors: Vec<Vec<u8>> = row.try_get("successors")?;
    let tokens: Option<Json<Vec<GoodToken>>> = row.try_get("tokens")?;
    let tokens = tokens.map_or_else(Vec::new, |tokens| tokens.0);
    let expires_at: SqlTimestamp = row.try_get("expires_at")?;
    let expires_at = expires_at.to_jiff();
    // The former release writes `successors` alone: a token that it issued is as all were then.
    let issued_for = predecessor.as_deref().map(hash).transpose()?;
    let former = |hash| GoodToken {
        hash,
        issued_for,
        issued_at: expires_at.checked_sub(REFRESH_LIFE).unwrap_or(Timestamp::MIN),
        good_until: None,
    };
    let good_token = |bytes: &Vec<u8>| {
        let hash = hash(bytes)?;
        let known = tokens.iter().find(|token| token.hash == hash);
        Ok(known.copied().unwrap_or_else(|| former(hash)))
    };
    Ok(Some(RefreshFamily {
        generation: u32::try_from(generation).map_err(|_| unreadable("generation"))?,
        tokens: successors
            .iter()
            .map(good_token)
            .collect::<Result<_, sqlx::Error>>()?,
        expires_at,
        ending: ending(row.try_get("ending")?)?,
    }))
}

async fn update(
    connection: &mut PgConnection,
    session: SessionId,
    family: &RefreshFamily,
) -> Result<(), sqlx::Error> {
    let successors: Vec<&[u8]> = family
        .tokens
        .iter()
        .map(|token| token.hash.as_bytes().as_slice())
        .collect();
    // For the former release: the token used last.
    let predecessor = family.tokens.last().and_then(|token| token.issued_for);
    let ending = family.ending.map(|ending| match ending {
        Ending::Replayed => REPLAYED,
        Ending::Expired => EXPIRED,
    });
    sqlx::query(
        "UPDATE identity.refresh_family
         SET generation = $2, predecessor = $3, successors = $4, tokens = $5, expires_at = $6, ending = $7
         WHERE session_id = $1",
    )
    .bind(session.as_uuid())
    .bind(i64::from(family.generation))
    .bind(predecessor.as_ref().map(|hash| hash.as_bytes().as_slice()))
    .bind(successors)
    .bind(Json(&family.tokens))
    .bind(family.expires_at.to_sqlx())
    .bind(ending)
    .execute(connection)
    .await?;
    Ok(())
}

fn hash(bytes: &[u8]) -> Result<TokenHash, sqlx::Error> {
    let bytes = bytes.try_into().map_err(|_| unreadable("hash"))?;
    Ok(TokenHash::new(bytes))
}

fn ending(text: Option<&str>) -> Result<Option<Ending>, sqlx::Error> {
    match text {
        None => Ok(None),
        Some(REPLAYED) => Ok(Some(Ending::Replayed)),
        Some(EXPIRED) => Ok(Some(Ending::Expired)),
        Some(_) => Err(unreadable("ending")),
    }
}

fn unreadable(column: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(UnreadableRow(column)))
}

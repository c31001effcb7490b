//! The lines that challenges have taken: operational rows that lapse by themselves. They say which challenge a call may be
//! meant for; whether it matches is decided by the challenge's stream alone.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff_sqlx::{Timestamp as Stored, ToSqlx as _};
use kernel::{AccountId, ChallengeId, PhoneNumber, PhoneNumberError, SubjectId, Timestamp};
use messaging::HandlerError;
use service::DropsSubjects;
use sqlx::{PgPool, PgTransaction, Row as _};
use uuid::Uuid;

use crate::domain::{GuidanceReason, LinePool, NumberHash, Occupancy, OpeningRejection, Taken, choose_line};
use crate::login_rows::{self, LoginQuota};

/// One opening at a time: the choice of a line looks at all others. Any number that no other lock of this database has.
const CHOOSING: i64 = 0x6d61_646f_6c69_6e65;

/// The rows, in the service's own database.
#[derive(Clone)]
pub(crate) struct LineRows {
    pool: PgPool,
}

/// What a challenge asks a line for.
pub(crate) struct Ask<'a> {
    /// The challenge to be opened.
    pub(crate) challenge_id: ChallengeId,
    pub(crate) account_id: AccountId,
    /// The caller numbers that verify, and whose they are; not empty.
    pub(crate) numbers: &'a BTreeMap<NumberHash, SubjectId>,
    pub(crate) now: Timestamp,
    /// When it will end; whole microseconds.
    pub(crate) expires_at: Timestamp,
    /// How many challenges may be open for one caller number.
    pub(crate) max_open_per_number: u32,
    /// How many the login may open.
    pub(crate) login: LoginQuota,
}

/// What a challenge got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The line to dial.
    pub(crate) line: PhoneNumber,
    /// When it was taken; of an earlier attempt if there was one.
    pub(crate) opened_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// The account's older challenges.
    pub(crate) supersedes: BTreeSet<ChallengeId>,
}

/// A challenge that expects a caller on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) challenge_id: ChallengeId,
    pub(crate) account_id: AccountId,
    /// Whose number it is.
    pub(crate) subject: SubjectId,
    /// False once it was matched or superseded.
    pub(crate) open: bool,
}

/// The one open challenge of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alone {
    pub(crate) challenge_id: ChallengeId,
    pub(crate) account_id: AccountId,
}

/// No line was taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// The customer has to do something, or wait.
    #[error(transparent)]
    Refused(#[from] OpeningRejection),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl LineRows {
    /// The rows of a database.
    pub(crate) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Takes a line for a challenge and lets go of those of the account's older ones. Repeated for one challenge it gives
    /// what it gave; a challenge that a newer login has replaced meanwhile gets nothing.
    pub(crate) async fn take(&self, pool: &LinePool, ask: &Ask<'_>) -> Result<Given, TakeError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(CHOOSING)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM phone_verification.line_taken WHERE expires_at <= $1")
            .bind(ask.now.to_sqlx())
            .execute(&mut *tx)
            .await?;
        login_rows::forget(&mut tx, ask.now).await?;
        login_rows::check_newest(&mut tx, &ask.login).await??;
        let supersedes = of_the_same_account(&mut tx, ask).await?;
        if let Some((line, opened_at, expires_at)) = already_given(&mut tx, ask).await? {
            return Ok(Given {
                line,
                opened_at,
                expires_at,
                supersedes,
            });
        }
        login_rows::count(&mut tx, &ask.login, ask.now).await??;
        close_of_account(&mut tx, ask).await?;
        let occupancy = occupancy(&mut tx, ask).await?;
        let line = choose_line(pool, &occupancy, ask.max_open_per_number, ask.now)?;
        insert(&mut tx, &line, ask).await?;
        tx.commit().await?;
        Ok(Given {
            line,
            opened_at: ask.now,
            expires_at: ask.expires_at,
            supersedes,
        })
    }

    /// The challenge whose number this is on this line, if its time is not over.
    pub(crate) async fn expected(
        &self,
        line: &PhoneNumber,
        number: NumberHash,
        at: Timestamp,
    ) -> Result<Option<Expected>, sqlx::Error> {
        let row: Option<(Uuid, Uuid, Uuid, bool)> = sqlx::query_as(
            "SELECT challenge_id, account_id, subject_id, open
             FROM phone_verification.expected_number JOIN phone_verification.line_taken USING (challenge_id)
             WHERE expected_number.line = $1 AND number_hash = $2 AND expires_at > $3",
        )
        .bind(line.as_e164())
        .bind(&number.as_bytes()[..])
        .bind(at.to_sqlx())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(challenge, account, subject, open)| Expected {
            challenge_id: ChallengeId::from_uuid(challenge),
            account_id: AccountId::from_uuid(account),
            subject: SubjectId::from_uuid(subject),
            open,
        }))
    }

    /// The challenge that is alone on a line at an instant (PV-9).
    pub(crate) async fn alone_on(
        &self,
        line: &PhoneNumber,
        at: Timestamp,
    ) -> Result<Option<Alone>, sqlx::Error> {
        let found: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT challenge_id, account_id FROM phone_verification.line_taken
             WHERE line = $1 AND open AND opened_at <= $2 AND expires_at > $2 LIMIT 2",
        )
        .bind(line.as_e164())
        .bind(at.to_sqlx())
        .fetch_all(&self.pool)
        .await?;
        match found[..] {
            [(challenge, account)] => Ok(Some(Alone {
                challenge_id: ChallengeId::from_uuid(challenge),
                account_id: AccountId::from_uuid(account),
            })),
            _ => Ok(None),
        }
    }

    /// Puts guidance beside an open challenge, unless a later call has left its own.
    pub(crate) async fn guide(
        &self,
        challenge: ChallengeId,
        reason: GuidanceReason,
        at: Timestamp,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE phone_verification.line_taken SET guidance = $2, guidance_at = $3
             WHERE challenge_id = $1 AND open AND (guidance_at IS NULL OR guidance_at <= $3)",
        )
        .bind(challenge.as_uuid())
        .bind(reason.as_str())
        .bind(at.to_sqlx())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What the last call on its line left for a challenge.
    pub(crate) async fn guidance(
        &self,
        challenge: ChallengeId,
    ) -> Result<Option<(GuidanceReason, Timestamp)>, sqlx::Error> {
        let row: Option<(String, Stored)> = sqlx::query_as(
            "SELECT guidance, guidance_at FROM phone_verification.line_taken
             WHERE challenge_id = $1 AND guidance IS NOT NULL AND guidance_at IS NOT NULL",
        )
        .bind(challenge.as_uuid())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.and_then(|(code, at)| Some((GuidanceReason::from_code(&code)?, at.to_jiff()))))
    }

    /// A challenge waits no longer; its row stays until its time is over.
    pub(crate) async fn close(&self, challenge: ChallengeId) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE phone_verification.line_taken SET open = false WHERE challenge_id = $1 AND open")
            .bind(challenge.as_uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn of_the_same_account(
    tx: &mut PgTransaction<'_>,
    ask: &Ask<'_>,
) -> Result<BTreeSet<ChallengeId>, TakeError> {
    let others: Vec<Uuid> = sqlx::query_scalar(
        "SELECT challenge_id FROM phone_verification.line_taken WHERE account_id = $1 AND challenge_id <> $2",
    )
    .bind(ask.account_id.as_uuid())
    .bind(ask.challenge_id.as_uuid())
    .fetch_all(&mut **tx)
    .await?;
    Ok(others.into_iter().map(ChallengeId::from_uuid).collect())
}

/// What an earlier attempt of the same request got.
async fn already_given(
    tx: &mut PgTransaction<'_>,
    ask: &Ask<'_>,
) -> Result<Option<(PhoneNumber, Timestamp, Timestamp)>, TakeError> {
    let row: Option<(String, Stored, Stored, bool)> = sqlx::query_as(
        "SELECT line, opened_at, expires_at, open FROM phone_verification.line_taken WHERE challenge_id = $1",
    )
    .bind(ask.challenge_id.as_uuid())
    .fetch_optional(&mut **tx)
    .await?;
    match row {
        None => Ok(None),
        Some((.., false)) => Err(OpeningRejection::LoginSuperseded.into()),
        Some((line, opened_at, expires_at, true)) => {
            Ok(Some((read(&line)?, opened_at.to_jiff(), expires_at.to_jiff())))
        }
    }
}

async fn close_of_account(tx: &mut PgTransaction<'_>, ask: &Ask<'_>) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE phone_verification.line_taken SET open = false WHERE account_id = $1 AND open")
        .bind(ask.account_id.as_uuid())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn occupancy(tx: &mut PgTransaction<'_>, ask: &Ask<'_>) -> Result<Occupancy, sqlx::Error> {
    let open: Vec<(String, i64)> =
        sqlx::query_as("SELECT line, count(*) FROM phone_verification.line_taken WHERE open GROUP BY line")
            .fetch_all(&mut **tx)
            .await?;
    let mine = sqlx::query(
        "SELECT expected_number.line, number_hash, expires_at, open
         FROM phone_verification.expected_number JOIN phone_verification.line_taken USING (challenge_id)
         WHERE number_hash = ANY($1)",
    )
    .bind(hashes(ask))
    .fetch_all(&mut **tx)
    .await?;
    let mut occupancy = Occupancy::default();
    for (line, count) in open {
        occupancy
            .open_per_line
            .insert(read(&line)?, u64::try_from(count).unwrap_or(0));
    }
    for row in mine {
        let number: [u8; 32] = row
            .try_get::<Vec<u8>, _>(1)?
            .try_into()
            .map_err(|_| undecodable("number_hash"))?;
        occupancy.taken.push(Taken {
            line: read(row.try_get(0)?)?,
            number: NumberHash::from_bytes(number),
            expires_at: row.try_get::<Stored, _>(2)?.to_jiff(),
            open: row.try_get(3)?,
        });
    }
    Ok(occupancy)
}

async fn insert(tx: &mut PgTransaction<'_>, line: &PhoneNumber, ask: &Ask<'_>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO phone_verification.line_taken
             (challenge_id, account_id, line, opened_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(ask.challenge_id.as_uuid())
    .bind(ask.account_id.as_uuid())
    .bind(line.as_e164())
    .bind(ask.now.to_sqlx())
    .bind(ask.expires_at.to_sqlx())
    .execute(&mut **tx)
    .await?;
    // Displaces numbers of ended challenges only: the choice excluded lines with open ones.
    sqlx::query(
        "INSERT INTO phone_verification.expected_number (line, number_hash, challenge_id, subject_id)
         SELECT $1, number_hash, $2, subject_id FROM unnest($3::bytea[], $4::uuid[]) AS asked (number_hash, subject_id)
         ON CONFLICT (line, number_hash) DO UPDATE
         SET challenge_id = EXCLUDED.challenge_id, subject_id = EXCLUDED.subject_id",
    )
    .bind(line.as_e164())
    .bind(ask.challenge_id.as_uuid())
    .bind(hashes(ask))
    .bind(ask.numbers.values().map(SubjectId::as_uuid).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn hashes(ask: &Ask<'_>) -> Vec<Vec<u8>> {
    ask.numbers.keys().map(|hash| hash.as_bytes().to_vec()).collect()
}

fn read(line: &str) -> Result<PhoneNumber, sqlx::Error> {
    PhoneNumber::parse(line).map_err(|error: PhoneNumberError| sqlx::Error::Decode(error.into()))
}

fn undecodable(column: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{column} is malformed").into())
}

#[async_trait]
impl DropsSubjects for LineRows {
    /// The hashes of an erased subject's numbers (OP-4): nobody can call from them any more. Lines lapse as ever.
    async fn drop_subject(&self, tx: &mut PgTransaction<'_>, subject: SubjectId) -> Result<(), HandlerError> {
        sqlx::query("DELETE FROM phone_verification.expected_number WHERE subject_id = $1")
            .bind(subject.as_uuid())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

//! Opens a challenge: the numbers that count now, a line, the event, and the end of the account's older challenges. The
//! opening names what it supersedes, so that a reaction finishes it after a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use decider::{Class, Classify};
use eventsourcing::{ExecuteError, LoadError, Repository, Request};
use futures::future::try_join_all;
use kernel::{ChallengeId, EventId, SubjectId, Timestamp};
use privacy::Pepper;
use rulebook::Contact;
use rulebook::{ContactTopic, Rulebook};
use service::tokens::LoginToken;

use crate::domain::{
    Challenge, ChallengeCommand, ChallengeRejection, LinePool, NumberHash, Numbers, Opened, OpeningRejection,
};
use crate::hashing::number_hash;
use crate::line_rows::{Ask, LineRows, TakeError};
use crate::login_rows::LoginQuota;

#[derive(Clone)]
pub(crate) struct Openings {
    pub(crate) challenges: Repository<Challenge>,
    pub(crate) numbers: Repository<Numbers>,
    pub(crate) rows: LineRows,
    pub(crate) pool: Arc<LinePool>,
    pub(crate) rulebook: Arc<Rulebook>,
    pub(crate) pepper: Pepper,
}

/// Why no challenge was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenFailed {
    #[error(transparent)]
    Refused(#[from] OpeningRejection),
    #[error(transparent)]
    Challenge(#[from] ExecuteError<ChallengeRejection>),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<TakeError> for OpenFailed {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Refused(refused) => Self::Refused(refused),
            TakeError::Database(error) => Self::Database(error),
        }
    }
}

impl Classify for OpenFailed {
    fn classify(&self) -> Class {
        match self {
            Self::Refused(refused) => refused.classify(),
            Self::Challenge(error) => error.classify(),
            Self::Load(error) => error.classify(),
            Self::Database(error) => error.classify(),
        }
    }
}

impl Openings {
    /// Opens the challenge of a login, or gives what an earlier attempt of the request opened.
    pub(crate) async fn open(
        &self,
        request: &Request,
        login: &LoginToken,
    ) -> Result<(ChallengeId, Challenge), OpenFailed> {
        let id = ChallengeId::from_uuid(request.key.derive_id("challenge"));
        let opened = match self.challenges.load(id).await?.state.opened() {
            Some(earlier) => earlier.clone(),
            None => self.prepare(id, request.at, login).await?,
        };
        let executed = self
            .challenges
            .execute(id, request, ChallengeCommand::Open(opened))
            .await?;
        if let Some(intent) = executed.events.first() {
            let olds = executed.state.opened().map(|opened| &opened.supersedes);
            let superseding = Superseding {
                by: id,
                intent: intent.recorded.id,
                request,
            };
            for old in olds.into_iter().flatten() {
                // The reaction to the opening does it again: a failure here delays it and loses nothing.
                if let Err(error) = superseding.end(&self.challenges, *old, login.account).await {
                    tracing::warn!(challenge.id = %old, %error, "an older challenge is left for the reaction to supersede");
                }
            }
        }
        Ok((id, executed.state))
    }

    async fn prepare(
        &self,
        id: ChallengeId,
        now: Timestamp,
        login: &LoginToken,
    ) -> Result<Opened, OpenFailed> {
        let now = whole_microseconds(now);
        let numbers = self.numbers_in_force(&login.subjects, now).await?;
        if numbers.is_empty() {
            let contact = Box::new(Contact::at(&self.rulebook, ContactTopic::Login, now));
            return Err(OpeningRejection::NoUsableNumber { contact }.into());
        }
        let rules = &self.rulebook.challenge;
        let ask = Ask {
            challenge_id: id,
            account_id: login.account,
            numbers: &numbers,
            now,
            expires_at: now.checked_add(rules.ttl()).unwrap_or(Timestamp::MAX),
            max_open_per_number: rules.max_open_per_number,
            login: LoginQuota {
                login_id: login.login,
                account_id: login.account,
                expires_at: login.expires_at,
                max: rules.max_per_login,
                pause: rules.pause_per_login(),
            },
        };
        let given = self.rows.take(&self.pool, &ask).await?;
        Ok(Opened {
            account_id: login.account,
            login_id: login.login,
            line: given.line,
            numbers: numbers.into_keys().collect(),
            opened_at: given.opened_at,
            expires_at: given.expires_at,
            supersedes: given.supersedes,
        })
    }

    /// PV-7: the numbers of all the account's subjects that count at this instant, and whose they are.
    async fn numbers_in_force(
        &self,
        subjects: &BTreeSet<SubjectId>,
        now: Timestamp,
    ) -> Result<BTreeMap<NumberHash, SubjectId>, LoadError> {
        let loaded = try_join_all(subjects.iter().map(async |subject| {
            self.numbers
                .load(*subject)
                .await
                .map(|numbers| (*subject, numbers.state.usable_at(&self.rulebook, now)))
        }));
        let hashes = |(subject, numbers): (SubjectId, BTreeSet<_>)| {
            numbers
                .into_iter()
                .map(move |number| (number_hash(&self.pepper, &number), subject))
        };
        Ok(loaded.await?.into_iter().flat_map(hashes).collect())
    }
}

/// The end of older challenges by a newer one; the same step inline and in the reaction.
pub(crate) struct Superseding<'a> {
    pub(crate) by: ChallengeId,
    /// The event that opened it.
    pub(crate) intent: EventId,
    /// What the step belongs to.
    pub(crate) request: &'a Request,
}

impl Superseding<'_> {
    /// Ends one older challenge, if it is still open.
    pub(crate) async fn end(
        &self,
        challenges: &Repository<Challenge>,
        old: ChallengeId,
        account_id: kernel::AccountId,
    ) -> Result<(), ExecuteError<ChallengeRejection>> {
        let step = self.request.step(self.intent, "supersede");
        let command = ChallengeCommand::Supersede {
            by: self.by,
            account_id,
            at: self.request.at,
        };
        challenges.execute(old, &step, command).await.map(|_| ())
    }
}

/// As the database keeps instants, so that row and event say the same.
pub(crate) fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

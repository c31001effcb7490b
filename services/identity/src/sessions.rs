//! Ends of sessions that come from their refresh families: a replayed token, a token that expired unused. The family's
//! row is marked first, the account's stream is told after it, so whatever dies in between is told later (docs/adr/0024).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use eventsourcing::{Actor, ExecuteError, Executed, Repository, Request, RequestKey};
use kernel::{AccountId, SessionId, Timestamp};
use service::ReactionError;

use crate::domain::account::SessionEnd;
use crate::domain::refresh_family::Ending;
use crate::domain::{Account, AccountCommand, AccountRejection};
use crate::refresh_families::{EndingFamily, RefreshFamilies};

/// Pause between two looks for families that end; nobody waits for it.
const LOOK_EVERY_US: i64 = 10_000_000;

#[derive(Clone)]
pub struct Sessions {
    accounts: Repository<Account>,
    families: RefreshFamilies,
    /// When the last look found nothing, in microseconds since the epoch.
    looked_at_us: Arc<AtomicI64>,
}

impl Sessions {
    pub fn new(accounts: Repository<Account>, families: RefreshFamilies) -> Self {
        Self {
            accounts,
            families,
            looked_at_us: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// A used-up token was given: the account's stream is told.
    pub async fn end_replayed(
        &self,
        account: AccountId,
        session: SessionId,
        request: &Request,
    ) -> Result<Executed<Account>, ExecuteError<AccountRejection>> {
        let command = AccountCommand::EndSession {
            session,
            reason: SessionEnd::ReplayedRefreshToken,
            at: request.at,
        };
        self.accounts.execute(account, request, command).await
    }

    /// Ends what is due and deletes its rows; says how many.
    pub async fn end_due(&self, now: Timestamp) -> Result<usize, ReactionError> {
        let now_us = now.as_microsecond();
        let since_us = now_us.saturating_sub(self.looked_at_us.load(Ordering::Relaxed));
        if (0..LOOK_EVERY_US).contains(&since_us) {
            return Ok(0);
        }
        let due = self.families.end_due(now).await?;
        for family in &due {
            self.end(*family, now).await?;
            self.families.delete(family.session).await?;
        }
        if due.is_empty() {
            self.looked_at_us.store(now_us, Ordering::Relaxed);
        }
        Ok(due.len())
    }

    async fn end(&self, family: EndingFamily, now: Timestamp) -> Result<(), ReactionError> {
        let reason = match family.ending {
            Ending::Replayed => SessionEnd::ReplayedRefreshToken,
            Ending::Expired => SessionEnd::Expired,
        };
        let command = AccountCommand::EndSession {
            session: family.session,
            reason,
            at: now,
        };
        // One key for each session: two instances that end it at the same moment do so once.
        let key = RequestKey::derive("sessions", "EndSession", family.session.as_uuid());
        let request = Request {
            key,
            payload_hash: String::new(),
            actor: Actor::System("sessions".to_owned()),
            correlation_id: key.derive_id("correlation"),
            causation_id: None,
            traceparent: None,
            at: now,
        };
        match self.accounts.execute(family.account, &request, command).await {
            // Closed, or of a store that was restored from before it: there is no session to end.
            Ok(_) | Err(ExecuteError::Rejected(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

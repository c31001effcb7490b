//! The access token of a session, renewed where it is about to end. The row stays locked meanwhile, in every replica: of
//! many requests at once one renews, the others find its tokens (ID-16 would forgive two, the log would not).

use client::Refusal;
use contracts::identity::v1::RefreshRequest;
use tonic::Code;

use super::content::Stage;
use super::store::{Session, Sessions, unavailable};
use crate::backend::{Backend, Behalf};
use crate::problem::Problem;

/// A token this close to its end is renewed first, in microseconds.
const MARGIN_US: i64 = 30_000_000;

impl Sessions {
    /// An access token that is good for the next half minute.
    pub(crate) async fn access_token(
        &self,
        session: &mut Session,
        backend: &Backend,
        behalf: Behalf,
    ) -> Result<String, Problem> {
        if let Some(token) = self.good(&session.content.stage) {
            return Ok(token);
        }
        // Never closed; a renewal that cannot begin is one that failed.
        let _permit = self.renewals.acquire().await.map_err(Problem::internal)?;
        let mut transaction = self.begin().await?;
        let Some(mut content) = self.locked(&mut transaction, session).await? else {
            return Err(Problem::LoggedOut);
        };
        if let Some(token) = self.good(&content.stage) {
            session.content = content;
            return Ok(token);
        }
        let Stage::Open(open) = &mut content.stage else {
            return Err(Problem::LoggedOut);
        };
        let request = RefreshRequest {
            refresh_token: open.refresh_token.clone(),
        };
        let bearer = backend.visitor(behalf);
        let renewed = backend.client().identity(&bearer).refresh(request).await;
        match renewed.map_err(Refusal::from) {
            Ok(renewed) => open.take(renewed.into_inner().tokens.unwrap_or_default()),
            Err(refusal) if refusal.code == Code::Unauthenticated => {
                // Not deleted: what is being typed can be kept for the next login.
                let account_id = open.account_id.clone();
                content.stage = Stage::Ended { account_id };
                self.write(&mut transaction, session, &content).await?;
                transaction.commit().await.map_err(unavailable)?;
                session.content = content;
                return Err(Problem::LoggedOut);
            }
            Err(refusal) => return Err(refusal.into()),
        }
        let token = open.access_token.clone();
        self.write(&mut transaction, session, &content).await?;
        transaction.commit().await.map_err(unavailable)?;
        session.content = content;
        Ok(token)
    }

    fn good(&self, stage: &Stage) -> Option<String> {
        let Stage::Open(open) = stage else { return None };
        let good = self.clock.now().as_microsecond() + MARGIN_US < open.access_expires_at_us;
        good.then(|| open.access_token.clone())
    }
}

//! Step 4, its end: the login after the change answers to the new number only, which phone verification learnt over NATS
//! (PV-7).

use std::time::Duration;

use contracts::phone_verification::v1::ChallengeState;
use contracts::phone_verification::v1::report_call_request::Caller;

use super::checks::{Checks, Halt};
use super::{Journey, until};
use crate::client::request_id;

/// A call that verifies does so at once; one that does not may leave nothing to be seen.
const JUDGED_WITHIN: Duration = Duration::from_secs(3);

impl Journey<'_> {
    /// PV-7: the old number leaves guidance only, the new one verifies. Phone verification hears of it a moment later,
    /// so a login that still obeys the old number is tried again.
    pub(super) async fn next_login(&mut self, new: &str, checks: &mut Checks) -> Result<(), Halt> {
        let old = std::mem::replace(&mut self.customer.phone, new.to_owned());
        let started = std::time::Instant::now();
        let (token, challenge) = loop {
            let token = self.login_token(checks).await?;
            let challenge = self.challenge(&token, checks).await?;
            let call = self
                .report(
                    &challenge.line_to_dial,
                    Caller::Number(old.clone()),
                    &request_id(),
                )
                .await;
            checks.answer("the call from the old number is taken", call)?;
            let seen = testkit::poll(JUDGED_WITHIN, async || {
                let seen = self.look(&token, &challenge).await.map_err(Err)?;
                let judged = seen.guidance.is_some() || seen.state() != ChallengeState::Pending;
                if judged { Ok(seen) } else { Err(Ok(seen)) }
            })
            .await;
            let seen = match seen {
                Ok(seen) | Err(Some(Ok(seen))) => seen,
                Err(Some(Err(refusal))) => return checks.done("the challenge is shown", Err(refusal)),
                Err(None) => return checks.done("the challenge is shown", Err("no answer")),
            };
            if seen.state() == ChallengeState::Pending {
                // On the line of a login before it, a call from the old number is a redial of that one, which leaves
                // nothing (PV-9).
                let reason = seen.guidance.unwrap_or_default().reason;
                checks.check(
                    "PV-7: the old number verifies no longer, learnt over NATS",
                    reason.is_empty() || reason == "NUMBER_NOT_REGISTERED",
                    format_args!("guidance: {reason:?}"),
                );
                break (token, challenge);
            }
            if started.elapsed() > super::SEEN_WITHIN {
                checks.check(
                    "PV-7: the old number verifies no longer, learnt over NATS",
                    false,
                    "it still does",
                );
                return Err(Halt);
            }
        };
        let call = self
            .report(
                &challenge.line_to_dial,
                Caller::Number(new.to_owned()),
                &request_id(),
            )
            .await;
        checks.answer("the call from the new number is taken", call)?;
        let state = until(checks, "PV-7: the new number verifies", async || {
            let state = self
                .look(&token, &challenge)
                .await
                .map_err(|refusal| refusal.to_string())?
                .state();
            if state == ChallengeState::Pending {
                Err("still pending".to_owned())
            } else {
                Ok(state)
            }
        })
        .await?;
        checks.equal("PV-7: the new number verifies", &state, &ChallengeState::Matched);
        self.exchange(&token, checks).await
    }
}

//! Step 4, its end: the login after the change answers to the new number only, which phone verification learnt over NATS
//! (PV-7); the old one's calls say what is wrong (PV-9).

use contracts::phone_verification::v1::ChallengeState;
use contracts::phone_verification::v1::report_call_request::Caller;

use super::checks::{Checks, Halt};
use super::{Journey, until};
use client::request_id;

const NO_LONGER: &str = "PV-7: the old number verifies no longer, learnt over NATS";
const GUIDANCE: &str = "PV-9: a call from the old number says that it is not registered";

impl Journey<'_> {
    /// PV-7, PV-9: the old number leaves guidance only, the new one verifies. Phone verification hears of it a moment
    /// later, so a login that still obeys the old number is tried again.
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
            let seen = until(checks, GUIDANCE, async || {
                let seen = self
                    .look(&token, &challenge)
                    .await
                    .map_err(|refusal| refusal.to_string())?;
                if seen.guidance.is_some() || seen.state() != ChallengeState::Pending {
                    Ok(seen)
                } else {
                    Err("pending, no guidance".to_owned())
                }
            })
            .await?;
            if seen.state() == ChallengeState::Pending {
                checks.equal(NO_LONGER, &seen.state(), &ChallengeState::Pending);
                let reason = seen.guidance.unwrap_or_default().reason;
                checks.check(
                    GUIDANCE,
                    reason == "NUMBER_NOT_REGISTERED",
                    format_args!("guidance: {reason:?}"),
                );
                break (token, challenge);
            }
            if started.elapsed() > super::SEEN_WITHIN {
                checks.check(NO_LONGER, false, "it still does");
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

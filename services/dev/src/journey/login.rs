//! Step 3: the password, the challenge, calls that end nothing, and the call that verifies (PV-1, PV-6, PV-8, PV-9).

use std::time::Duration;

use client::login::{self, Credentials, IncomingCall};
use client::{Bearer, Refusal, answered, request_id};
use contracts::identity::v1::{GetAccountRequest, LoginResponse, RefreshRequest, Tokens};
use contracts::phone_verification::v1::report_call_request::Caller;
use contracts::phone_verification::v1::{Challenge, ChallengeState, MissingCallerId, ReportCallResponse};
use contracts::views::v1::ListContractsRequest;
use kernel::{Clock as _, PhoneNumber, SystemClock};
use tonic::{Response, Status};

use super::checks::{Checks, Halt};
use super::{Journey, until};
use crate::session::LoggedIn;
use crate::stack::LINES;

/// Most a challenge may wait, whatever the rulebook says (PV-9).
const MAX_TTL_US: i64 = 600_000_000;
const TRUNK: &str = "journey";
/// How long one question after the tokens waits.
const ONE_WAIT: Duration = Duration::from_secs(5);

impl Journey<'_> {
    pub(super) async fn log_in(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let call = self.password("a wrong password").await;
        checks.refused("a wrong password is refused", call, "LOGIN_FAILED");
        let token = self.login_token(checks).await?;
        let challenge = self.challenge(&token, checks).await?;
        tells_what_to_do(&challenge, checks);
        let waiting = self.complete(&token, Duration::ZERO).await;
        let waiting = checks.answer("the login can be asked for", waiting)?;
        checks.check(
            "PV-1: no tokens before the call",
            waiting.is_none(),
            "tokens were issued",
        );

        let stranger = Caller::Number(neighbour(&self.customer.phone, 1));
        self.ends_nothing(
            &token,
            &challenge,
            stranger,
            "a call from another number",
            "NUMBER_NOT_REGISTERED",
            checks,
        )
        .await?;
        let withheld = Caller::Missing(MissingCallerId::Withheld.into());
        self.ends_nothing(
            &token,
            &challenge,
            withheld,
            "a withheld call",
            "CALLER_ID_WITHHELD",
            checks,
        )
        .await?;

        let call_id = request_id();
        let own = Caller::Number(self.customer.phone.clone());
        let call = self.report(&challenge.line_to_dial, own.clone(), &call_id).await;
        checks.answer("the carrier's report is taken", call)?;
        let state = self.settled(&token, &challenge, checks).await?;
        checks.equal(
            "PV-1: the call from the registered number verifies",
            &state,
            &ChallengeState::Matched,
        );
        let call = self.report(&challenge.line_to_dial, own, &call_id).await;
        checks.answer("the carrier's repeated report is taken", call)?;
        self.exchange(&token, checks).await?;
        self.account(checks).await
    }

    /// After a call that verifies nobody the challenge is still open and says what was wrong.
    async fn ends_nothing(
        &self,
        token: &str,
        challenge: &Challenge,
        caller: Caller,
        what: &str,
        reason: &str,
        checks: &mut Checks,
    ) -> Result<(), Halt> {
        let call = self.report(&challenge.line_to_dial, caller, &request_id()).await;
        checks.answer(&format!("{what} is taken"), call)?;
        let what = format!("PV-9: {what} ends nothing and leaves its guidance");
        let seen = until(checks, &what, async || {
            let seen = self
                .look(token, challenge)
                .await
                .map_err(|refusal| refusal.to_string())?;
            let guidance = seen.guidance.clone().unwrap_or_default();
            if guidance.reason == reason || seen.state() != ChallengeState::Pending {
                Ok(seen)
            } else {
                Err(format!("{:?} {:?}", seen.state(), guidance.reason))
            }
        })
        .await?;
        let guidance = seen.guidance.clone().unwrap_or_default();
        checks.check(
            &what,
            seen.state() == ChallengeState::Pending
                && guidance.reason == reason
                && !guidance.message.is_empty(),
            format_args!("{:?}, {}: {}", seen.state(), guidance.reason, guidance.message),
        );
        Ok(())
    }

    /// Exchanges the verified login for tokens, and those for their successors.
    pub(super) async fn exchange(&mut self, token: &str, checks: &mut Checks) -> Result<(), Halt> {
        let tokens = until(checks, "tokens arrive", async || {
            match self.complete(token, ONE_WAIT).await {
                Ok(answer) => answer
                    .into_inner()
                    .ok_or_else(|| "still waiting for the call".to_owned()),
                Err(status) => Err(Refusal::from(status).to_string()),
            }
        })
        .await?;
        checks.check(
            "PV-1: tokens arrive",
            !tokens.access_token.is_empty() && !tokens.refresh_token.is_empty(),
            "empty tokens",
        );
        let mut login = LoggedIn {
            email: self.customer.email.clone(),
            password: self.customer.password.clone(),
            phone: self.customer.phone.clone(),
            access_token: String::new(),
            access_expires_at_us: 0,
            refresh_token: String::new(),
        };
        login.take(tokens);
        self.login = Some(login);
        Ok(())
    }

    async fn account(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let bearer = self.bearer(checks).await?;
        let call = self
            .setting
            .client
            .identity(&bearer)
            .get_account(GetAccountRequest {})
            .await;
        let account = checks.answer("the account can be read", call)?;
        checks.equal(
            "ID-3: the account's user ID is the e-mail address",
            &account.email,
            &self.customer.email,
        );
        let call = self
            .setting
            .client
            .customer_view(&Bearer::nobody())
            .list_contracts(ListContractsRequest::default())
            .await;
        checks.refused(
            "ID-1: nothing is shown to somebody without tokens",
            call,
            "UNAUTHENTICATED",
        );
        let Some(login) = &mut self.login else {
            return Err(Halt);
        };
        let request = RefreshRequest {
            refresh_token: login.refresh_token.clone(),
        };
        let call = self
            .setting
            .client
            .identity(&Bearer::nobody())
            .refresh(request)
            .await;
        let renewed = checks
            .answer("the tokens can be renewed", call)?
            .tokens
            .unwrap_or_default();
        checks.check(
            "ID-16: a refresh token is exchanged for new tokens",
            !renewed.access_token.is_empty() && renewed.refresh_token != login.refresh_token,
            "the same or no tokens",
        );
        login.take(renewed);
        Ok(())
    }

    async fn password(&self, password: &str) -> Result<Response<LoginResponse>, Status> {
        let credentials = Credentials {
            user_id: &self.customer.email,
            password,
            device: "journey",
            device_token: "",
        };
        login::password(self.setting.client, &credentials).await
    }

    pub(super) async fn login_token(&self, checks: &mut Checks) -> Result<String, Halt> {
        let call = self.password(&self.customer.password).await;
        let login = checks.answer("the password is accepted", call)?;
        checks.check(
            "PV-2: the phone call is required",
            login.phone_call_required,
            "no call is required",
        );
        Ok(login.login_token)
    }

    /// Opens the challenge of a login, as soon as phone verification has heard of the customer's number.
    pub(super) async fn challenge(&self, token: &str, checks: &mut Checks) -> Result<Challenge, Halt> {
        let opened = until(checks, "a challenge is opened", async || {
            // Another request id each time: a refusal is no effect to be repeated.
            let call = login::open_challenge(self.setting.client, token, &request_id()).await;
            answered(call)
        })
        .await?;
        checks.done(
            "the answer names the challenge",
            opened.challenge.ok_or("no challenge"),
        )
    }

    pub(super) async fn report(
        &self,
        line: &str,
        caller: Caller,
        call_id: &str,
    ) -> Result<Response<ReportCallResponse>, Status> {
        let call = IncomingCall {
            trunk: TRUNK.to_owned(),
            call_id: call_id.to_owned(),
            line: line.to_owned(),
            caller,
        };
        let carrier = Bearer::new(self.setting.secrets.carrier());
        login::report_call(self.setting.client, &carrier, &call, &request_id()).await
    }

    /// The challenge as it stands.
    pub(super) async fn look(&self, token: &str, challenge: &Challenge) -> Result<Challenge, Refusal> {
        login::challenge(self.setting.client, token, &challenge.challenge_id).await
    }

    /// How the challenge ended.
    async fn settled(
        &self,
        token: &str,
        challenge: &Challenge,
        checks: &mut Checks,
    ) -> Result<ChallengeState, Halt> {
        until(checks, "the challenge ends", async || {
            let state = self
                .look(token, challenge)
                .await
                .map_err(|refusal| refusal.to_string())?
                .state();
            if state == ChallengeState::Pending {
                Err("still pending".to_owned())
            } else {
                Ok(state)
            }
        })
        .await
    }

    async fn complete(&self, token: &str, wait: Duration) -> Result<Response<Option<Tokens>>, Status> {
        let answer = login::complete(self.setting.client, token, wait).await?;
        Ok(answer.map(|answer| answer.tokens))
    }
}

/// PV-1, PV-9, PV-13: which line, until when, and what a busy tone means.
fn tells_what_to_do(challenge: &Challenge, checks: &mut Checks) {
    let now = SystemClock.now().as_microsecond();
    let line = PhoneNumber::parse(&challenge.line_to_dial);
    let known = line.is_ok_and(|line| {
        LINES
            .iter()
            .any(|own| PhoneNumber::parse(own) == Ok(line.clone()))
    });
    checks.check(
        "PV-1: the challenge names a line to dial",
        known,
        &challenge.line_to_dial,
    );
    let left_us = challenge.expires_at_us - now;
    checks.check(
        "PV-9: it expires, within ten minutes",
        left_us > 0 && left_us <= MAX_TTL_US,
        format_args!("{left_us} µs"),
    );
    checks.check(
        "PV-13: it says what a busy tone means",
        !challenge.instruction.is_empty(),
        &challenge.instruction,
    );
}

/// A mobile number that differs from this one in its last digit; another one for each `by` from 1 to 9.
pub(super) fn neighbour(national: &str, by: u8) -> String {
    let (head, last) = national.split_at(national.len().saturating_sub(1));
    let other = last.parse::<u8>().map_or(0, |digit| (digit + by) % 10);
    format!("{head}{other}")
}

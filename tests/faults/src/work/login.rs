//! A login: password, challenge, the carrier's report, tokens. Three services and NATS take part in each.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::Bearer;
use client::login::{self, Credentials, IncomingCall};
use contracts::access::path_of;
use contracts::identity::v1::Tokens;
use contracts::names::{IDENTITY, PHONE_VERIFICATION};
use serde::Deserialize;
use tonic::Status;

use super::Work;
use super::customer::Customer;
use crate::calls::{Command, NoAnswer, keyed};
use crate::ledger::Effect;
use crate::recovery::Proof;

const OPEN_CHALLENGE: &str = path_of("OpenChallenge");
const REPORT_CALL: &str = path_of("ReportCall");
/// How long one try waits for the call to arrive.
const ONE_WAIT: Duration = Duration::from_secs(1);
/// Answers without tokens after which the customer starts over.
const LOOKS: usize = 20;
/// Tries to open a challenge: phone verification may not have heard of the number yet.
const OPENINGS: usize = 40;

/// What a login token says.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    login: String,
}

fn claims(token: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

impl Work<'_> {
    pub(super) async fn log_in(&self, customer: &mut Customer) -> Result<(), NoAnswer> {
        let token = self.password(customer).await?;
        let Some(claims) = claims(&token) else {
            return Err(NoAnswer::Suite("a login token cannot be read".into()));
        };
        let line = self.challenge(&token, &claims).await?;
        // Which of them the challenge expects depends on what had been heard when it was opened; the others end nothing.
        for phone in &customer.phones {
            self.report(&line, phone).await?;
        }
        let tokens = self.complete(&token, &claims).await?;
        customer.access_token = tokens.access_token;
        Ok(())
    }

    /// Each answered try opens one login; what an unanswered one opened is superseded.
    async fn password(&self, customer: &Customer) -> Result<String, NoAnswer> {
        let command = Command {
            service: IDENTITY,
            what: "log in",
            effects: Vec::new(),
        };
        let credentials = Credentials {
            user_id: &customer.email,
            password: customer.password,
            device: "faults",
            device_token: "",
        };
        let attempt = async || login::password(&self.client, &credentials).await;
        let answer = self
            .calls
            .send(command, attempt, |answer| {
                let opened =
                    claims(&answer.login_token).map(|claims| of_login(&claims, "account.login_opened.v1"));
                (opened.into_iter().collect(), None)
            })
            .await?;
        Ok(answer.login_token)
    }

    /// The line to dial.
    async fn challenge(&self, token: &str, claims: &Claims) -> Result<String, NoAnswer> {
        let scope = format!("scope:login:{}", claims.login);
        let mut tried = 0;
        loop {
            let (request_id, key) = keyed(&scope, OPEN_CHALLENGE);
            let opened = Effect {
                service: PHONE_VERIFICATION.to_owned(),
                event_type: "challenge.opened.v1".to_owned(),
                stream: None,
                key: Some(key),
                login: None,
            };
            let command = Command {
                service: PHONE_VERIFICATION,
                what: "open challenge",
                effects: vec![opened],
            };
            let attempt = async || login::open_challenge(&self.client, token, &request_id).await;
            let told = |_: &_| (Vec::new(), Some(Proof::Key(PHONE_VERIFICATION, key)));
            match self.calls.send(command, attempt, told).await {
                Ok(answer) => return Ok(answer.challenge.unwrap_or_default().line_to_dial),
                Err(NoAnswer::Refused(refusal))
                    if refusal.reason == "NO_USABLE_NUMBER" && tried < OPENINGS =>
                {
                    tried += 1;
                    crate::pace::pass(Duration::from_millis(250)).await;
                }
                Err(other) => return Err(other),
            }
        }
    }

    /// The customer calls, and the carrier says so (PV-14).
    async fn report(&self, line: &str, phone: &str) -> Result<(), NoAnswer> {
        let (report_id, key) = keyed("peer:carrier", REPORT_CALL);
        let reported = Effect {
            service: PHONE_VERIFICATION.to_owned(),
            event_type: "call.reported.v1".to_owned(),
            stream: None,
            key: Some(key),
            login: None,
        };
        let command = Command {
            service: PHONE_VERIFICATION,
            what: "report call",
            effects: vec![reported],
        };
        let call = IncomingCall::new("faults", line, Some(phone));
        let carrier = Bearer::new(self.secrets.carrier());
        let attempt = async || login::report_call(&self.client, &carrier, &call, &report_id).await;
        let told = |_: &_| (Vec::new(), None);
        self.calls.send(command, attempt, told).await.map(|_| ())
    }

    /// Tokens, once the match has come to identity over NATS or the feed.
    async fn complete(&self, token: &str, claims: &Claims) -> Result<Tokens, NoAnswer> {
        let command = Command {
            service: IDENTITY,
            what: "complete login",
            effects: vec![of_login(claims, "account.session_opened.v1")],
        };
        let mut looks = 0;
        let attempt = async || {
            let answer = login::complete(&self.client, token, ONE_WAIT).await?;
            looks += usize::from(answer.get_ref().tokens.is_none());
            match answer.get_ref().tokens {
                // The call proved nothing, as where a clock was set between challenge and call: the customer starts over.
                None if looks >= LOOKS => Err(Status::failed_precondition("the call proved nothing"))?,
                None => Err(Status::unavailable("the call has not been heard of"))?,
                Some(_) => {}
            }
            Ok(answer)
        };
        let told = |answer: &contracts::identity::v1::CompleteLoginResponse| {
            let proof = answer.consistency_token.parse().ok().map(Proof::Token);
            (vec![of_login(claims, "account.login_verified.v1")], proof)
        };
        let answer = self.calls.send(command, attempt, told).await?;
        Ok(answer.tokens.unwrap_or_default())
    }
}

fn of_login(claims: &Claims, event_type: &str) -> Effect {
    Effect {
        service: IDENTITY.to_owned(),
        event_type: event_type.to_owned(),
        stream: Some(format!("{IDENTITY}.account-{}", claims.sub)),
        key: None,
        login: Some(claims.login.clone()),
    }
}

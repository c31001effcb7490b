//! One test's world: a clock that stands still, identity and its two sources, and words to speak to them with.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use contracts::common::v1::ImportOutcome;
use contracts::endorsement::v1::{ContractImported, EndorsementEvent, PublishedParty, endorsement_event};
use contracts::identity::v1::identity_service_client::IdentityServiceClient;
use contracts::identity::v1::{
    CompleteLoginRequest, CompleteLoginResponse, ImportInitialCredentialsRequest, InitialCredential,
    LoginRequest, LoginResponse, RefreshRequest, RegisterWithInitialCredentialsRequest, Tokens,
};
use contracts::names::{ENDORSEMENT, PHONE_VERIFICATION};
use contracts::phone_verification::v1::{ChallengeMatched, PhoneVerificationEvent, phone_verification_event};
pub(crate) use harness::bearing;
use identity::Identity;
use identity::domain::signing_key::Purpose;
use identity::signing_keys::{RotationSettings, SigningKeys};
use kernel::{BranchNumber, ContractId, CustomerNumber, EventId, PolicyNumber, SubjectId};
use privacy::Pepper;
use service::Service;
use service::tokens::{AccessClaims, issue_access};
use testkit::wait_for;
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "a quiet place by the sea";
/// A policyholder's code strong enough for a keyed hash.
pub(crate) const CODE: &str = "K7QM-2XPD-9WTR";
/// A weak one: Argon2id.
pub(crate) const WEAK_CODE: &str = "482913";

pub(crate) type Client = IdentityServiceClient<Channel>;

/// Settings of a service that has no room for more than one login at a time.
pub(crate) const BUSY: [(&str, i64); 2] = [("service.hash_workers", 1), ("service.hash_queue", 1)];

/// Identity, or another service in its place.
pub(crate) struct World<S = Identity> {
    service: harness::World<S>,
    pub(crate) client: Client,
}

impl<S> Deref for World<S> {
    type Target = harness::World<S>;

    fn deref(&self) -> &Self::Target {
        &self.service
    }
}

impl<S> DerefMut for World<S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.service
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::of(&[]).await
    }

    pub(crate) async fn with<V: Into<toml::Value> + Clone>(settings: &[(&str, V)]) -> Self {
        let settings: Vec<_> = settings
            .iter()
            .map(|(key, value)| (*key, value.clone().into()))
            .collect();
        Self::of(&settings).await
    }
}

impl<S: Service> World<S> {
    /// A Wednesday at noon in Japan: no maintenance.
    pub(crate) async fn of(settings: &[(&str, toml::Value)]) -> Self {
        let mut service = harness::World::<S>::prepare("2026-11-18T03:00:00Z").await;
        for (key, value) in settings {
            service.settings.set(key, value.clone());
        }
        service.settings.accept("web");
        service.stand_in_for(&[ENDORSEMENT, PHONE_VERIFICATION]).await;
        service.start().await;
        let client = Client::new(service.channel());
        Self { service, client }
    }

    /// A fresh process on the same databases.
    pub(crate) async fn start_again(&mut self) {
        self.service.start().await;
        self.client = Client::new(self.channel());
    }

    pub(crate) fn as_administrator<T>(&self, message: T) -> Request<T> {
        self.as_staff("staff-1", "administrator", message)
    }

    pub(crate) async fn import(
        &self,
        rows: Vec<InitialCredential>,
    ) -> Vec<contracts::common::v1::ImportRowResult> {
        let request = ImportInitialCredentialsRequest {
            request_id: random().to_string(),
            rows,
            as_of_us: self.as_of_us(),
            dry_run: false,
        };
        let request = self.as_administrator(request);
        self.client
            .clone()
            .import_initial_credentials(request)
            .await
            .unwrap()
            .into_inner()
            .results
    }

    /// A contract whose code was imported and which endorsement told of.
    pub(crate) async fn contract(&self, number: u32, code: &str) -> Contract {
        self.contract_of(number, code, "INDIVIDUAL", "INDIVIDUAL").await
    }

    pub(crate) async fn contract_of(
        &self,
        number: u32,
        code: &str,
        kind: &str,
        policyholder: &str,
    ) -> Contract {
        let contract = Contract::new(number);
        let results = self.import(vec![contract.row(code)]).await;
        assert_eq!(results[0].outcome(), ImportOutcome::Recorded, "{results:?}");
        self.tell_contract(&contract, kind, policyholder).await;
        self.until_event("entitlement.contract_recorded.v1", contract.id.as_uuid())
            .await;
        contract
    }

    pub(crate) async fn tell_contract(&self, contract: &Contract, kind: &str, policyholder: &str) {
        self.tell_version(contract, kind, policyholder, 0).await;
    }

    /// Endorsement tells of a contract as it stands in this version.
    pub(crate) async fn tell_version(
        &self,
        contract: &Contract,
        kind: &str,
        policyholder: &str,
        version: u64,
    ) {
        let imported = ContractImported {
            policy_number: contract.policy.clone(),
            kind: kind.to_owned(),
            policyholder: Some(PublishedParty {
                subject_id: contract.subject.to_string(),
                kind: policyholder.to_owned(),
                ..PublishedParty::default()
            }),
            ..ContractImported::default()
        };
        let id = EventId::from_uuid(random());
        let event = EndorsementEvent {
            event_id: id.to_string(),
            entity_id: contract.id.to_string(),
            version,
            occurred_at_us: 0,
            event: Some(endorsement_event::Event::ContractImported(imported)),
        };
        self.stand_in(ENDORSEMENT).tell(id, &event).await;
    }

    /// Phone verification matched this login's call.
    pub(crate) async fn tell_call(&self, login_token: &str) {
        let claims = claims(login_token);
        let matched = ChallengeMatched {
            account_id: claims["sub"].as_str().unwrap().to_owned(),
            login_id: claims["login"].as_str().unwrap().to_owned(),
            matched_at_us: self.now().as_microsecond(),
        };
        let id = EventId::from_uuid(random());
        let event = PhoneVerificationEvent {
            event_id: id.to_string(),
            entity_id: random().to_string(),
            version: 1,
            occurred_at_us: 0,
            event: Some(phone_verification_event::Event::ChallengeMatched(matched)),
        };
        self.stand_in(PHONE_VERIFICATION).tell(id, &event).await;
    }

    /// A token that identity signed for an account it has never had.
    pub(crate) async fn stranger(&self, of: &Tokens) -> String {
        let signer = self.signing_keys().await.signer(Purpose::Tokens).unwrap();
        let mut claims: AccessClaims =
            jsonwebtoken::dangerous::insecure_decode_claims(&of.access_token).unwrap();
        claims.sub = kernel::AccountId::from_uuid(random());
        issue_access(signer.id(), signer.key(), &claims).unwrap()
    }

    /// The keys as another instance has them.
    pub(crate) async fn signing_keys(&self) -> SigningKeys {
        let pepper = Pepper::from_hex(harness::PEPPER).unwrap();
        let settings = RotationSettings {
            every: jiff::SignedDuration::from_hours(24 * 30),
            notice: jiff::SignedDuration::from_hours(1),
        };
        let clock = Arc::new(self.clock.clone());
        SigningKeys::open(self.database.pool.clone(), &pepper, clock, settings)
            .await
            .unwrap()
    }

    /// How many events of this type there are, of one stream or of all.
    pub(crate) async fn events(&self, event_type: &str, stream: Option<Uuid>) -> i64 {
        let like = stream.map_or("%".to_owned(), |id| format!("%-{id}"));
        sqlx::query_scalar("SELECT count(*) FROM store.event WHERE type = $1 AND stream LIKE $2")
            .bind(event_type)
            .bind(like)
            .fetch_one(&self.database.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn until_event(&self, event_type: &str, stream: Uuid) {
        wait_for(event_type, DEADLINE, async || {
            let found = self.events(event_type, Some(stream)).await;
            (found > 0).then_some(())
        })
        .await;
    }

    pub(crate) async fn register(
        &self,
        contract: &Contract,
        code: &str,
        email: &str,
    ) -> Result<String, Status> {
        self.register_as(random(), contract, code, email, PASSWORD).await
    }

    pub(crate) async fn register_as(
        &self,
        request_id: Uuid,
        contract: &Contract,
        code: &str,
        email: &str,
        password: &str,
    ) -> Result<String, Status> {
        let request = RegisterWithInitialCredentialsRequest {
            request_id: request_id.to_string(),
            initial_user_id: contract.policy.clone(),
            initial_password: code.to_owned(),
            email: email.to_owned(),
            password: password.to_owned(),
        };
        let answer = self
            .client
            .clone()
            .register_with_initial_credentials(request)
            .await?
            .into_inner();
        assert!(
            answer.consistency_token.starts_with("identity:"),
            "{}",
            answer.consistency_token
        );
        Ok(answer.account_id)
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<LoginResponse, Status> {
        log_in(&self.client, email, password).await
    }

    pub(crate) async fn complete(
        &self,
        login_token: &str,
        wait_ms: i32,
    ) -> Result<CompleteLoginResponse, Status> {
        let request = CompleteLoginRequest {
            login_token: login_token.to_owned(),
            wait_ms,
        };
        Ok(self.client.clone().complete_login(request).await?.into_inner())
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Status> {
        let request = RefreshRequest {
            refresh_token: refresh_token.to_owned(),
        };
        Ok(self
            .client
            .clone()
            .refresh(request)
            .await?
            .into_inner()
            .tokens
            .unwrap())
    }

    pub(crate) async fn customer(&self, number: u32) -> String {
        let email = format!("customer{number}@example.jp");
        let contract = self.contract(number, CODE).await;
        self.register(&contract, CODE, &email).await.unwrap();
        email
    }

    /// A customer's session, verified by a call.
    pub(crate) async fn session(&self, email: &str) -> Tokens {
        let login = self.login(email, PASSWORD).await.unwrap();
        self.tell_call(&login.login_token).await;
        self.complete(&login.login_token, 30_000)
            .await
            .unwrap()
            .tokens
            .unwrap()
    }
}

pub(crate) struct Contract {
    pub(crate) policy: String,
    pub(crate) id: ContractId,
    pub(crate) subject: SubjectId,
    customer: String,
}

impl Contract {
    pub(crate) fn new(number: u32) -> Self {
        let (policy, customer) = (format!("ZT{number:08}"), format!("C{number:07}"));
        let parsed = PolicyNumber::parse(&policy).unwrap();
        Self {
            id: ContractId::of_policy(&parsed, &BranchNumber::new(0)),
            subject: SubjectId::of_customer(&CustomerNumber::parse(&customer).unwrap()),
            policy,
            customer,
        }
    }

    pub(crate) fn row(&self, code: &str) -> InitialCredential {
        InitialCredential {
            line: 1,
            policy_number: self.policy.clone(),
            customer_number: self.customer.clone(),
            code: code.to_owned(),
            ..InitialCredential::default()
        }
    }
}

/// What a token says, unverified.
pub(crate) fn claims(token: &str) -> serde_json::Value {
    jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap()
}

/// The reason of a refusal.
#[track_caller]
pub(crate) fn reason<T: std::fmt::Debug>(refused: Result<T, Status>) -> String {
    harness::reason(&refused.unwrap_err())
}

/// How long a refusal asks to wait, in seconds.
pub(crate) fn retry_after_s(status: &Status) -> u64 {
    tonic_types::StatusExt::get_details_retry_info(status)
        .and_then(|info| info.retry_delay)
        .map_or(0, |delay| delay.as_secs())
}

/// With one of several instances.
pub(crate) async fn log_in(client: &Client, email: &str, password: &str) -> Result<LoginResponse, Status> {
    let request = LoginRequest {
        user_id: email.to_owned(),
        password: password.to_owned(),
        device: "iPhone".to_owned(),
        device_token: String::new(),
    };
    Ok(client.clone().login(request).await?.into_inner())
}

/// An id for test data.
pub(crate) fn random() -> Uuid {
    identity::random::id()
}

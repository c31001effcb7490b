//! One test's world: databases of its own, a clock that stands still, identity and its two sources.

use std::sync::Arc;
use std::time::Duration;

use contracts::common::v1::ImportOutcome;
use contracts::endorsement::v1::{ContractImported, EndorsementEvent, PublishedParty, endorsement_event};
use contracts::identity::v1::identity_service_client::IdentityServiceClient;
use contracts::identity::v1::{
    CompleteLoginRequest, CompleteLoginResponse, ImportInitialCredentialsRequest, InitialCredential,
    LoginRequest, LoginResponse, RefreshRequest, RegisterWithInitialCredentialsRequest, Tokens,
};
use contracts::names;
use contracts::phone_verification::v1::{ChallengeMatched, PhoneVerificationEvent, phone_verification_event};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use identity::Identity;
use kernel::clock::{Clock as _, ManualClock};
use kernel::{BranchNumber, ContractId, CustomerNumber, PolicyNumber, SubjectId};
use prost::Message as _;
use service::tokens::{AccessClaims, issue_access};
use service::{Overrides, Running, Service, start_in_process};
use sha2::{Digest as _, Sha256};
use testkit::staff_issuer::{STAFF_ISSUER, StaffIssuer};
use testkit::{TestDatabase, TestNats, wait_for};
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::source::{self, Endorsement, PhoneVerification, random};

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "a quiet place by the sea";
/// A policyholder's code strong enough for a keyed hash.
pub(crate) const CODE: &str = "K7QM-2XPD-9WTR";
/// A weak one: Argon2id.
pub(crate) const WEAK_CODE: &str = "482913";

pub(crate) type Client = IdentityServiceClient<Channel>;

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) staff: StaffIssuer,
    pub(crate) database: TestDatabase,
    pub(crate) client: Client,
    pub(crate) running: Option<Running>,
    endorsement: TestDatabase,
    phone: TestDatabase,
    toml: String,
    // Dropped last: the others use them.
    _sources: Vec<Running>,
    pub(crate) keyrings: Vec<TestDatabase>,
    folder: tempfile::TempDir,
}

fn toml_of(database: &TestDatabase, keyring: &TestDatabase, nats: &TestNats) -> String {
    format!(
        "[grpc]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{}\"\n[keyring]\nurl = \"{}\"\nmaster_key = \"{}\"\n\
         [secrets]\npepper = \"{}\"\n[nats]\nurl = \"{}\"\nprefix = \"{}\"\n",
        database.url,
        keyring.url,
        "11".repeat(32),
        "22".repeat(32),
        nats.url,
        nats.prefix
    )
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// With more settings in TOML.
    pub(crate) async fn with(settings: &str) -> Self {
        Self::of::<Identity>(settings, "").await
    }

    /// Another service in identity's place, with more settings in TOML, and more in section `[service]`.
    pub(crate) async fn of<S: Service>(settings: &str, service: &str) -> Self {
        let (database, keyring) = (
            testkit::database().await.unwrap(),
            testkit::database().await.unwrap(),
        );
        let (endorsement, phone) = (
            testkit::database().await.unwrap(),
            testkit::database().await.unwrap(),
        );
        let other_keyring = testkit::database().await.unwrap();
        let nats = testkit::nats().await.unwrap();
        let accept = format!(
            "[peers.accept]\nidentity = \"{}\"\n",
            hex::encode(Sha256::digest("identity-secret"))
        );
        let mut sources = Vec::new();
        let settings_of = |database| toml_of(database, &other_keyring, &nats) + &accept;
        sources.push(
            start_in_process::<Endorsement>(&settings_of(&endorsement), Overrides::default())
                .await
                .unwrap(),
        );
        sources.push(
            start_in_process::<PhoneVerification>(&settings_of(&phone), Overrides::default())
                .await
                .unwrap(),
        );

        let folder = tempfile::tempdir().unwrap();
        let staff = StaffIssuer::generate();
        let jwks = folder.path().join("staff.json");
        std::fs::write(&jwks, staff.jwks()).unwrap();
        let signing_key = folder.path().join("signing.pem");
        std::fs::write(&signing_key, StaffIssuer::generate().to_pem().unwrap()).unwrap();
        let toml = toml_of(&database, &keyring, &nats)
            + &format!(
                "[feeds]\nendorsement = \"{}\"\nphone-verification = \"{}\"\n[peers]\nown_secret = \"identity-secret\"\n\
                 [tokens]\nstaff_issuer = \"{STAFF_ISSUER}\"\nstaff_jwks_file = \"{}\"\n\
                 {settings}\n[service]\n{service}\nsigning_key_file = \"{}\"\n",
                sources[0].url(),
                sources[1].url(),
                jwks.display(),
                signing_key.display()
            );
        // A Wednesday at noon in Japan: no maintenance.
        let clock = Arc::new(ManualClock::new("2026-11-18T03:00:00Z".parse().unwrap()));
        let running = start_in_process::<S>(
            &toml,
            Overrides {
                clock: Some(clock.clone()),
            },
        )
        .await
        .unwrap();
        let client = Client::connect(running.url()).await.unwrap();
        Self {
            clock,
            staff,
            database,
            client,
            running: Some(running),
            endorsement,
            phone,
            toml,
            _sources: sources,
            keyrings: vec![keyring, other_keyring],
            folder,
        }
    }

    /// Ends the process as a kill would.
    pub(crate) fn kill(&mut self) {
        self.running.take().unwrap().abandon();
    }

    /// A fresh process on the same databases, with other settings.
    pub(crate) async fn start_with(&mut self, change: impl FnOnce(&str) -> String) {
        self.toml = change(&self.toml);
        self.start_again().await;
    }

    /// The keyring as another process has it.
    pub(crate) fn keyring(&self) -> privacy::Keyring {
        let master = privacy::MasterKey::from_hex(&"11".repeat(32)).unwrap();
        privacy::Keyring::new(self.keyrings[0].pool.clone(), master)
    }

    /// A fresh process on the same databases.
    pub(crate) async fn start_again(&mut self) {
        let overrides = Overrides {
            clock: Some(self.clock.clone()),
        };
        let running = start_in_process::<Identity>(&self.toml, overrides).await.unwrap();
        self.client = Client::connect(running.url()).await.unwrap();
        self.running = Some(running);
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(jiff::SignedDuration::from_secs(seconds));
    }

    pub(crate) fn as_administrator<T>(&self, message: T) -> Request<T> {
        self.as_staff("staff-1", "administrator", message)
    }

    pub(crate) fn as_staff<T>(&self, id: &str, role: &str, message: T) -> Request<T> {
        let token = self
            .staff
            .token(id, &[role], self.clock.now().as_second(), 600)
            .unwrap();
        bearing(message, &token)
    }

    pub(crate) async fn import(
        &self,
        rows: Vec<InitialCredential>,
    ) -> Vec<contracts::common::v1::ImportRowResult> {
        let request = ImportInitialCredentialsRequest {
            request_id: random().to_string(),
            rows,
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
        self.until_event("entitlement.contract_heard.v1", contract.id.as_uuid())
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
        let event = EndorsementEvent {
            event_id: random().to_string(),
            entity_id: contract.id.to_string(),
            version,
            occurred_at_us: 0,
            event: Some(endorsement_event::Event::ContractImported(imported)),
        };
        source::tell(&self.endorsement.url, names::ENDORSEMENT, event.encode_to_vec()).await;
    }

    /// Phone verification matched this login's call.
    pub(crate) async fn tell_call(&self, login_token: &str) {
        let claims = claims(login_token);
        let matched = ChallengeMatched {
            account_id: claims["sub"].as_str().unwrap().to_owned(),
            login_id: claims["login"].as_str().unwrap().to_owned(),
            matched_at_us: self.clock.now().as_microsecond(),
        };
        let event = PhoneVerificationEvent {
            event_id: random().to_string(),
            entity_id: random().to_string(),
            version: 1,
            occurred_at_us: 0,
            event: Some(phone_verification_event::Event::ChallengeMatched(matched)),
        };
        source::tell(&self.phone.url, names::PHONE_VERIFICATION, event.encode_to_vec()).await;
    }

    /// A token that identity signed for an account it has never had.
    pub(crate) fn stranger(&self, of: &Tokens) -> String {
        let pem = std::fs::read_to_string(self.folder.path().join("signing.pem")).unwrap();
        let key = SigningKey::from_pkcs8_pem(&pem).unwrap().to_pkcs8_der().unwrap();
        let key = jsonwebtoken::EncodingKey::from_ed_der(key.as_bytes());
        let kid = jsonwebtoken::decode_header(&of.access_token)
            .unwrap()
            .kid
            .unwrap();
        let mut claims: AccessClaims =
            jsonwebtoken::dangerous::insecure_decode_claims(&of.access_token).unwrap();
        claims.sub = kernel::AccountId::from_uuid(random());
        issue_access(&kid, &key, &claims).unwrap()
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

    /// A registered customer.
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

pub(crate) fn bearing<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// What a token says, unverified.
pub(crate) fn claims(token: &str) -> serde_json::Value {
    jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap()
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(refused: Result<T, Status>) -> String {
    let status = refused.unwrap_err();
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no reason in {status:?}"));
    assert_eq!(info.domain, "madoguchi.identity");
    assert!(
        details.localized_message().is_some(),
        "{} has no text",
        info.reason
    );
    info.reason.clone()
}

/// The wrong fields of a refusal, each with its reason.
pub(crate) fn fields(status: &Status) -> Vec<(String, String)> {
    let violations = status
        .get_details_bad_request()
        .map(|bad| bad.field_violations)
        .unwrap_or_default();
    violations
        .into_iter()
        .map(|wrong| (wrong.field, wrong.reason))
        .collect()
}

/// How long a refusal asks to wait, in seconds.
pub(crate) fn retry_after_s(status: &Status) -> u64 {
    status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay)
        .map_or(0, |delay| delay.as_secs())
}

/// With one of several instances.
pub(crate) async fn log_in(client: &Client, email: &str, password: &str) -> Result<LoginResponse, Status> {
    let request = LoginRequest {
        user_id: email.to_owned(),
        password: password.to_owned(),
        device: "iPhone".to_owned(),
    };
    Ok(client.clone().login(request).await?.into_inner())
}

/// A second instance on the same databases.
pub(crate) struct Another {
    pub(crate) client: Client,
    _running: Running,
}

impl World {
    /// With more settings of its own section.
    pub(crate) async fn another(&self, service: &str) -> Another {
        let toml = format!("{}{service}\n", self.toml);
        let overrides = Overrides {
            clock: Some(self.clock.clone()),
        };
        let running = start_in_process::<Identity>(&toml, overrides).await.unwrap();
        Another {
            client: Client::connect(running.url()).await.unwrap(),
            _running: running,
        }
    }
}

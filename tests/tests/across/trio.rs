//! Endorsement and the two that hear it, phone verification and the views, with what a customer, an administrator and the
//! carrier ask of them.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use contracts::endorsement::v1 as endorsement;
use contracts::endorsement::v1::endorsement_service_client::EndorsementServiceClient;
use contracts::phone_verification::v1 as verification;
use contracts::phone_verification::v1::phone_verification_service_client::PhoneVerificationServiceClient;
use contracts::views::v1 as views;
use contracts::views::v1::customer_view_service_client::CustomerViewServiceClient;
use jsonwebtoken::jwk::JwkSet;
use kernel::clock::{Clock as _, ManualClock};
use kernel::{CustomerNumber, SubjectId};
use service::tokens::{KeySource, KeySourceError};
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use sha2::{Digest as _, Sha256};
use testkit::customer_issuer::CustomerIssuer;
use testkit::staff_issuer::{STAFF_AUDIENCE, STAFF_ISSUER, StaffIssuer};
use testkit::{TestDatabase, TestNats};
use tonic::transport::Channel;
use tonic::{Request, Status};
use uuid::Uuid;

pub(crate) const SECRET: &str = "a-secret-of-those-who-listen";
const CARRIER: &str = "a-secret-of-the-carrier";
/// Where feeds are that nobody needs here.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

/// A service to which identity's public key is handed instead of being fetched.
struct Tested<S>(PhantomData<S>);

impl<S: Service> Service for Tested<S> {
    const NAME: &'static str = S::NAME;
    const MESSAGES: &'static str = S::MESSAGES;
    const LISTENS_TO: &'static [&'static str] = S::LISTENS_TO;
    type Config = S::Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        S::migrations()
    }

    fn publish() -> Option<messaging::Publish> {
        S::publish()
    }

    async fn start(config: S::Config, context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        context.tokens.use_local_keys(Arc::new(IdentityKey));
        S::start(config, context, wiring).await
    }
}

struct IdentityKey;

fn identity() -> CustomerIssuer {
    CustomerIssuer::from_seed(3)
}

#[async_trait]
impl KeySource for IdentityKey {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        Ok(serde_json::from_str(&identity().jwks()).unwrap())
    }
}

pub(crate) struct Trio {
    pub(crate) clock: ManualClock,
    staff: StaffIssuer,
    counter: AtomicU64,
    endorsement: Channel,
    verification: Channel,
    views: Channel,
    _running: [Running; 3],
    _databases: [TestDatabase; 4],
    _nats: TestNats,
    _folder: tempfile::TempDir,
}

/// Starts one service and calls it.
async fn start<S: Service>(toml: &str, clock: &ManualClock) -> (Running, Channel) {
    let overrides = Overrides {
        clock: Some(Arc::new(clock.clone())),
    };
    let running = Box::pin(start_in_process::<Tested<S>>(toml, overrides))
        .await
        .unwrap();
    let channel = Channel::from_shared(running.url()).unwrap();
    (running, channel.connect().await.unwrap())
}

/// What all services have alike.
pub(crate) fn sections(database: &TestDatabase, keyring: &TestDatabase, nats: &TestNats) -> String {
    format!(
        "[grpc]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{database}\"\nmax_connections = 6\n\
         [keyring]\nurl = \"{keyring}\"\nmaster_key = \"{key}\"\n[secrets]\npepper = \"{key}\"\n\
         [nats]\nurl = \"{url}\"\nprefix = \"{prefix}\"\n",
        database = database.url,
        keyring = keyring.url,
        key = "0f".repeat(32),
        url = nats.url,
        prefix = nats.prefix,
    )
}

pub(crate) fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

pub(crate) fn subject(customer: &str) -> SubjectId {
    SubjectId::of_customer(&CustomerNumber::parse(customer).unwrap())
}

impl Trio {
    pub(crate) async fn start(now: &str) -> Self {
        let clock = ManualClock::new(now.parse().unwrap());
        let (own, numbers, rows, keyring) = tokio::join!(
            testkit::database(),
            testkit::database(),
            testkit::database(),
            testkit::database()
        );
        let (own, numbers, rows, keyring) = (own.unwrap(), numbers.unwrap(), rows.unwrap(), keyring.unwrap());
        let nats = testkit::nats().await.unwrap();
        let staff = StaffIssuer::generate();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("staff.json"), staff.jwks()).unwrap();
        let tokens = format!(
            "[tokens]\nstaff_issuer = \"{STAFF_ISSUER}\"\nstaff_audience = \"{STAFF_AUDIENCE}\"\nstaff_jwks_file = \"{}/staff.json\"\n",
            folder.path().display()
        );
        let listener = hash_of(SECRET);
        let toml = format!(
            "{}[peers.accept]\nviews = \"{listener}\"\nphone-verification = \"{listener}\"\n[feeds]\nidentity = \"{NOWHERE}\"\n\
             [peers]\nown_secret = \"{SECRET}\"\n{tokens}",
            sections(&own, &keyring, &nats)
        );
        let (endorser, endorsement) = start::<::endorsement::Endorsement>(&toml, &clock).await;
        let source = endorser.url();
        let lines: Vec<String> = (0..8).map(|line| format!("\"03-5000-000{line}\"")).collect();
        let toml = format!(
            "{}[peers]\nown_secret = \"{SECRET}\"\n[peers.accept]\ncarrier = \"{}\"\n[feeds]\nendorsement = \"{source}\"\n\
             identity = \"{NOWHERE}\"\n{tokens}[service]\nlines = [{}]\n",
            sections(&numbers, &keyring, &nats),
            hash_of(CARRIER),
            lines.join(", "),
        );
        let (verifier, verification) = start::<phone_verification::PhoneVerification>(&toml, &clock).await;
        let toml = format!(
            "{}[peers]\nown_secret = \"{SECRET}\"\n[feeds]\nendorsement = \"{source}\"\nidentity = \"{NOWHERE}\"\n\
             claim-images = \"{NOWHERE}\"\nphone-verification = \"{NOWHERE}\"\n{tokens}",
            sections(&rows, &keyring, &nats),
        );
        let (viewer, views) = start::<::views::Views>(&toml, &clock).await;
        Self {
            clock,
            staff,
            counter: AtomicU64::new(1),
            endorsement,
            verification,
            views,
            _running: [endorser, verifier, viewer],
            _databases: [own, numbers, rows, keyring],
            _nats: nats,
            _folder: folder,
        }
    }

    /// A number nobody has used before.
    fn fresh(&self) -> u128 {
        self.counter.fetch_add(1, Ordering::Relaxed).into()
    }

    fn request_id(&self) -> String {
        Uuid::from_u128(self.fresh()).to_string()
    }

    fn as_customer<T>(&self, customer: &str, message: T) -> Request<T> {
        let account = Uuid::new_v5(&Uuid::NAMESPACE_OID, customer.as_bytes());
        let now = self.clock.now().as_second();
        let token = identity().access_token(account, &[subject(customer)], &["pwd", "tel"], now);
        bearing(&token.unwrap(), message)
    }

    pub(crate) async fn import(&self, rows: Vec<endorsement::ContractRow>) {
        let count = rows.len();
        let request_id = self.request_id();
        let now = self.clock.now().as_second();
        let token = self.staff.token("S001", &["administrator"], now, 600).unwrap();
        let request = bearing(
            &token,
            endorsement::ImportContractsRequest {
                request_id,
                rows,
                as_of_us: self.clock.now().as_microsecond() + i64::try_from(self.fresh()).unwrap(),
                dry_run: false,
            },
        );
        let answer = self.endorser().import_contracts(request).await.unwrap();
        let recorded = contracts::common::v1::ImportOutcome::Recorded;
        let results = answer.into_inner().results;
        let all = results.iter().filter(|result| result.outcome() == recorded);
        assert_eq!(all.count(), count, "{results:?}");
    }

    fn endorser(&self) -> EndorsementServiceClient<Channel> {
        EndorsementServiceClient::new(self.endorsement.clone())
    }

    /// Prepares and submits a change of the insured's section.
    pub(crate) async fn change(
        &self,
        customer: &str,
        contract_id: &str,
        change: endorsement::endorsement_item::Change,
        effective_date: &str,
    ) -> endorsement::SubmitEndorsementResponse {
        let items = vec![endorsement::EndorsementItem {
            section: endorsement::Section::Insured.into(),
            change: Some(change),
        }];
        let prepare = endorsement::PrepareEndorsementRequest {
            contract_id: contract_id.to_owned(),
            items: items.clone(),
            effective_date: effective_date.to_owned(),
        };
        let prepared = self
            .endorser()
            .prepare_endorsement(self.as_customer(customer, prepare))
            .await;
        let submit = endorsement::SubmitEndorsementRequest {
            request_id: self.request_id(),
            contract_id: contract_id.to_owned(),
            items,
            effective_date: effective_date.to_owned(),
            confirm_token: prepared.unwrap().into_inner().confirm_token,
            acknowledged_warnings: Vec::new(),
        };
        let submitted = self
            .endorser()
            .submit_endorsement(self.as_customer(customer, submit))
            .await;
        submitted.unwrap().into_inner()
    }

    pub(crate) async fn contract(&self, customer: &str, contract_id: &str) -> endorsement::Contract {
        let request = endorsement::GetContractRequest {
            contract_id: contract_id.to_owned(),
        };
        let answer = self
            .endorser()
            .get_contract(self.as_customer(customer, request))
            .await;
        answer.unwrap().into_inner().contract.unwrap()
    }

    /// The customer's contracts as the views list them.
    pub(crate) async fn listed(&self, customer: &str) -> Vec<views::ContractSummary> {
        let request = self.as_customer(customer, views::ListContractsRequest::default());
        let mut client = CustomerViewServiceClient::new(self.views.clone());
        client
            .list_contracts(request)
            .await
            .unwrap()
            .into_inner()
            .contracts
    }

    /// Reasons of what the customer is reminded of.
    pub(crate) async fn reminders(&self, customer: &str) -> Vec<views::ReminderReason> {
        let request = self.as_customer(customer, views::ListRemindersRequest::default());
        let mut client = CustomerViewServiceClient::new(self.views.clone());
        let reminders = client
            .list_reminders(request)
            .await
            .unwrap()
            .into_inner()
            .reminders;
        reminders.into_iter().map(|reminder| reminder.reason()).collect()
    }

    /// Whether a call from this number verifies a login of the customer.
    pub(crate) async fn verifies(&self, customer: &str, number: &str) -> bool {
        // A newer login is one that ends later.
        self.clock.advance(jiff::SignedDuration::from_secs(1));
        let account = Uuid::new_v5(&Uuid::NAMESPACE_OID, customer.as_bytes());
        let login = Uuid::from_u128(self.fresh());
        let now = self.clock.now().as_second();
        let login_token = identity()
            .login_token(account, login, &[subject(customer)], now)
            .unwrap();
        let mut client = PhoneVerificationServiceClient::new(self.verification.clone());
        let open = verification::OpenChallengeRequest {
            request_id: self.request_id(),
            login_token: login_token.clone(),
        };
        let challenge = match client.open_challenge(open).await {
            Ok(opened) => opened.into_inner().challenge.unwrap(),
            Err(refused) => {
                assert_eq!(reason(&refused), "NO_USABLE_NUMBER", "{refused:?}");
                return false;
            }
        };
        let report = verification::ReportCallRequest {
            request_id: self.request_id(),
            trunk: "trunk-1".to_owned(),
            call_id: self.request_id(),
            dialled_line: challenge.line_to_dial.clone(),
            caller: Some(verification::report_call_request::Caller::Number(
                number.to_owned(),
            )),
            received_at_us: 0,
        };
        client.report_call(bearing(CARRIER, report)).await.unwrap();
        let get = verification::GetChallengeRequest {
            login_token,
            challenge_id: challenge.challenge_id,
            wait_ms: 0,
        };
        let seen = client.get_challenge(get).await.unwrap().into_inner();
        seen.challenge.unwrap().state() == verification::ChallengeState::Matched
    }
}

pub(crate) fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// The machine-readable part of a refusal.
pub(crate) fn reason(refused: &Status) -> String {
    use tonic_types::StatusExt as _;
    refused
        .get_details_error_info()
        .map_or_else(|| format!("no reason: {refused:?}"), |info| info.reason)
}

//! One service with its databases, its NATS prefix, its clock and its callers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::endorsement::v1 as proto;
use contracts::endorsement::v1::endorsement_service_client::EndorsementServiceClient;
use endorsement::Endorsement;
use jsonwebtoken::jwk::JwkSet;
use kernel::clock::{Clock as _, ManualClock};
use service::tokens::{KeySource, KeySourceError};
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use sha2::{Digest as _, Sha256};
use testkit::customer_issuer::CustomerIssuer;
use testkit::staff_issuer::{STAFF_ISSUER, StaffIssuer};
use testkit::{TestDatabase, TestNats};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::book::{Change, new_request_id, subject};
use crate::standin::{SECRET, StandIn};

/// For waits that must end.
pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const VIEWS_SECRET: &str = "a-secret-of-the-views";
pub(crate) const MASTER_KEY: &str = "0f0e0d0c0b0a09080706050403020100000102030405060708090a0b0c0d0e0f";
/// Where identity is until it can be heard.
const NOWHERE: &str = "http://127.0.0.1:1";
const PEPPER: &str = "101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f";

/// The service under test; identity's public key is handed to it instead of being fetched.
struct Tested;

impl Service for Tested {
    const NAME: &'static str = Endorsement::NAME;
    const MESSAGES: &'static str = Endorsement::MESSAGES;
    const LISTENS_TO: &'static [&'static str] = Endorsement::LISTENS_TO;
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Endorsement::migrations()
    }

    fn publish() -> Option<messaging::Publish> {
        Endorsement::publish()
    }

    async fn start(config: (), context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        context.tokens.use_local_keys(Arc::new(IdentityKey));
        Endorsement::start(config, context, wiring).await
    }
}

struct IdentityKey;

fn identity() -> CustomerIssuer {
    CustomerIssuer::from_seed(1)
}

#[async_trait]
impl KeySource for IdentityKey {
    async fn keys(&self) -> Result<JwkSet, KeySourceError> {
        Ok(serde_json::from_str(&identity().jwks()).unwrap())
    }
}

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) database: TestDatabase,
    pub(crate) keyring: TestDatabase,
    pub(crate) nats: TestNats,
    pub(crate) staff: StaffIssuer,
    /// What callers read.
    pub(crate) language: &'static str,
    folder: tempfile::TempDir,
    running: Option<Running>,
    channel: Channel,
    identity: Option<StandIn>,
}

/// Who calls.
#[derive(Clone)]
pub(crate) enum As {
    /// The policyholder with this customer number, by a session verified by call.
    Holder(&'static str),
    /// The same by password alone.
    Unverified(&'static str),
    Administrator,
    CallCentre,
}

impl World {
    /// A Monday morning in Japan.
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::new("2026-11-16T10:00:00+09:00".parse().unwrap());
        let database = testkit::database().await.unwrap();
        let keyring = testkit::database().await.unwrap();
        let nats = testkit::nats().await.unwrap();
        let staff = StaffIssuer::generate();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("staff.json"), staff.jwks()).unwrap();
        let channel = Channel::from_static("http://127.0.0.1:1").connect_lazy();
        let mut world = Self {
            clock,
            database,
            keyring,
            nats,
            staff,
            language: "en",
            folder,
            running: None,
            channel,
            identity: None,
        };
        world.start().await;
        world
    }

    async fn start(&mut self) {
        let clock = Arc::new(self.clock.clone());
        let running = start_in_process::<Tested>(&self.toml(), Overrides { clock: Some(clock) })
            .await
            .unwrap();
        self.channel = Channel::from_shared(running.url())
            .unwrap()
            .connect()
            .await
            .unwrap();
        self.running = Some(running);
    }

    /// Identity can be heard from now on.
    pub(crate) async fn with_identity(&mut self) {
        self.identity = Some(StandIn::start(&self.nats, Endorsement::NAME).await);
        self.kill_and_restart().await;
    }

    /// Identity tells that the subject's key was destroyed, and it is.
    pub(crate) async fn erase(&self, subject: kernel::SubjectId) {
        let master = privacy::MasterKey::from_hex(MASTER_KEY).unwrap();
        let elsewhere = privacy::Keyring::new(self.keyring.pool.clone(), master);
        elsewhere.destroy(subject).await.unwrap();
        self.identity.as_ref().unwrap().tell_erased(subject).await;
    }

    /// Drops every task where it stands, then starts again on the same databases.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.running.take().unwrap().abandon();
        self.start().await;
    }

    fn toml(&self) -> String {
        format!(
            r#"[grpc]
listen = "127.0.0.1:0"
[database]
url = "{}"
[keyring]
url = "{}"
master_key = "{MASTER_KEY}"
[secrets]
pepper = "{PEPPER}"
[nats]
url = "{}"
prefix = "{}"
[feeds]
identity = "{}"
[peers]
own_secret = "{SECRET}"
[peers.accept]
views = "{}"
[tokens]
staff_issuer = "{STAFF_ISSUER}"
staff_jwks_file = "{}/staff.json"
"#,
            self.database.url,
            self.keyring.url,
            self.nats.url,
            self.nats.prefix,
            self.identity.as_ref().map_or(NOWHERE.to_owned(), StandIn::url),
            hex::encode(Sha256::digest(VIEWS_SECRET)),
            self.folder.path().display(),
        )
    }

    pub(crate) fn client(&self) -> EndorsementServiceClient<Channel> {
        EndorsementServiceClient::new(self.channel.clone())
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A call of `caller`, in the world's language.
    pub(crate) fn call<T>(&self, caller: &As, message: T) -> Request<T> {
        let bearer = match caller {
            As::Holder(customer) => self.access_token(customer, &["pwd", "tel"]),
            As::Unverified(customer) => self.access_token(customer, &["pwd"]),
            As::Administrator => self.staff_token("administrator"),
            As::CallCentre => self.staff_token("call_centre"),
        };
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        request
            .metadata_mut()
            .insert("accept-language", self.language.parse().unwrap());
        request
    }

    fn staff_token(&self, role: &str) -> String {
        self.staff
            .token("S001", &[role], self.clock.now().as_second(), 600)
            .unwrap()
    }

    fn access_token(&self, customer: &str, amr: &[&str]) -> String {
        let account = Uuid::new_v5(&Uuid::NAMESPACE_OID, customer.as_bytes());
        let now = self.clock.now().as_second();
        identity()
            .access_token(account, &[subject(customer)], amr, now)
            .unwrap()
    }

    pub(crate) async fn import(&self, rows: Vec<proto::ContractRow>) -> Vec<Outcome> {
        let request = proto::ImportContractsRequest {
            request_id: new_request_id(),
            rows,
        };
        self.import_as(&As::Administrator, request).await.unwrap()
    }

    pub(crate) async fn import_as(
        &self,
        caller: &As,
        request: proto::ImportContractsRequest,
    ) -> Result<Vec<Outcome>, Status> {
        let answer = self.client().import_contracts(self.call(caller, request)).await?;
        Ok(answer.into_inner().results.into_iter().map(outcome).collect())
    }

    pub(crate) async fn contract(&self, caller: &As, id: &str) -> Result<proto::Contract, Status> {
        let request = self.call(
            caller,
            proto::GetContractRequest {
                contract_id: id.to_owned(),
            },
        );
        Ok(self
            .client()
            .get_contract(request)
            .await?
            .into_inner()
            .contract
            .unwrap())
    }

    pub(crate) async fn prepare(
        &self,
        caller: &As,
        change: &Change,
    ) -> Result<proto::PrepareEndorsementResponse, Status> {
        let request = proto::PrepareEndorsementRequest {
            contract_id: change.contract_id.clone(),
            items: change.items.clone(),
            effective_date: change.effective_date.clone(),
        };
        Ok(self
            .client()
            .prepare_endorsement(self.call(caller, request))
            .await?
            .into_inner())
    }

    /// Submits under `request_id` with a token.
    pub(crate) async fn submit(
        &self,
        caller: &As,
        change: &Change,
        request_id: &str,
        confirm_token: &str,
    ) -> Result<proto::SubmitEndorsementResponse, Status> {
        let request = proto::SubmitEndorsementRequest {
            request_id: request_id.to_owned(),
            contract_id: change.contract_id.clone(),
            items: change.items.clone(),
            effective_date: change.effective_date.clone(),
            confirm_token: confirm_token.to_owned(),
            acknowledged_warnings: change.acknowledged.clone(),
        };
        Ok(self
            .client()
            .submit_endorsement(self.call(caller, request))
            .await?
            .into_inner())
    }

    /// Prepares and submits.
    pub(crate) async fn change(&self, caller: &As, change: &Change) -> proto::SubmitEndorsementResponse {
        let prepared = self.prepare(caller, change).await.unwrap();
        self.submit(caller, change, &new_request_id(), &prepared.confirm_token)
            .await
            .unwrap()
    }

    pub(crate) async fn endorsement(
        &self,
        caller: &As,
        of: &proto::Endorsement,
    ) -> Result<proto::Endorsement, Status> {
        let request = proto::GetEndorsementRequest {
            contract_id: of.contract_id.clone(),
            endorsement_id: of.endorsement_id.clone(),
        };
        let answer = self.client().get_endorsement(self.call(caller, request)).await?;
        Ok(answer.into_inner().endorsement.unwrap())
    }

    pub(crate) async fn withdraw(
        &self,
        caller: &As,
        of: &proto::Endorsement,
        request_id: &str,
    ) -> Result<proto::WithdrawEndorsementResponse, Status> {
        let request = proto::WithdrawEndorsementRequest {
            request_id: request_id.to_owned(),
            contract_id: of.contract_id.clone(),
            endorsement_id: of.endorsement_id.clone(),
        };
        Ok(self
            .client()
            .withdraw_endorsement(self.call(caller, request))
            .await?
            .into_inner())
    }
}

/// What became of a row: RECORDED, UNCHANGED, or its problems.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Recorded,
    Unchanged,
    Refused(Vec<(String, String)>),
}

fn outcome(result: contracts::common::v1::ImportRowResult) -> Outcome {
    use contracts::common::v1::ImportOutcome;
    match result.outcome() {
        ImportOutcome::Recorded => Outcome::Recorded,
        ImportOutcome::Unchanged => Outcome::Unchanged,
        _ => {
            assert!(
                result.problems.iter().all(|problem| !problem.message.is_empty()),
                "{result:?}"
            );
            Outcome::Refused(
                result
                    .problems
                    .into_iter()
                    .map(|problem| (problem.field, problem.reason))
                    .collect(),
            )
        }
    }
}

/// The refusal's reason, with the checks every refusal must pass: a localized text without holes.
#[track_caller]
pub(crate) fn reason(refused: &Status) -> String {
    let details = refused.get_error_details();
    let info = details.error_info().expect("a refusal has ErrorInfo");
    let text = &details.localized_message().expect("a refusal has a text").message;
    assert_eq!(info.domain, "madoguchi.endorsement");
    assert!(!text.is_empty() && !text.contains('{'), "{}: {text}", info.reason);
    info.reason.clone()
}

#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    expected: &str,
) -> Status {
    let refused = answer.expect_err(expected);
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (code, expected),
        "{refused:?}"
    );
    refused
}

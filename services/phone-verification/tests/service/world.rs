//! One phone verification with its surroundings: databases, NATS, neighbour, clock, and words to speak to it with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contracts::phone_verification::v1::phone_verification_service_client::PhoneVerificationServiceClient;
use contracts::phone_verification::v1::report_call_request::Caller;
use contracts::phone_verification::v1::{
    Challenge, ChallengeState, GetChallengeRequest, MissingCallerId, OpenChallengeRequest, ReportCallRequest,
};
use eventsourcing::{PostgresStore, Repository, Request as Envelope, RequestKey};
use kernel::clock::ManualClock;
use kernel::{ContractId, PhoneNumber, SubjectId, Timestamp};
use phone_verification::PhoneVerification;
use phone_verification::domain::Numbers;
use privacy::{Keyring, MasterKey};
use rulebook::Rulebook;
use service::{Overrides, Running, Service as _, start_in_process};
use sha2::{Digest as _, Sha256};
use testkit::wait_for;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::neighbour::{Contract, ContractEvent, Neighbour, Phone, login_token};

/// A Monday noon in Japan, far from the maintenance window.
pub const NOON: &str = "2026-11-16T12:00:00+09:00";
/// For waits that must end.
pub const SOON: Duration = Duration::from_secs(30);
/// Long before and long after.
pub const LONG_AGO: &str = "2020-01-01T00:00:00+09:00";
pub const FAR_AHEAD: &str = "2030-01-01T00:00:00+09:00";

const CARRIER: &str = "a-secret-of-the-carrier";
use crate::standin::{SECRET as OWN, StandIn};

/// Where identity's feed is until it can be heard.
const NOWHERE: &str = "http://127.0.0.1:1";

pub struct World {
    pub clock: Arc<ManualClock>,
    pub database: testkit::TestDatabase,
    pub numbers: Repository<Numbers>,
    running: Option<Running>,
    toml: String,
    neighbour: Option<Running>,
    contracts: Repository<Contract>,
    counter: AtomicU64,
    nats: testkit::TestNats,
    identity: Option<StandIn>,
    databases: [testkit::TestDatabase; 2],
}

pub fn subject(number: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(0x5000 + number))
}

pub fn contract(number: u128) -> ContractId {
    ContractId::from_uuid(Uuid::from_u128(0xc000 + number))
}

pub fn number(text: &str) -> Caller {
    Caller::Number(text.to_owned())
}

pub fn missing(missing: MissingCallerId) -> Caller {
    Caller::Missing(missing.into())
}

/// The machine-readable part of a refusal.
pub fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .map_or_else(|| format!("no reason: {status:?}"), |info| info.reason)
}

fn sections(database: &str, keyring: &str, pepper: &str, nats: &testkit::TestNats) -> String {
    format!(
        "[grpc]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{database}\"\n\
         [keyring]\nurl = \"{keyring}\"\nmaster_key = \"{master}\"\n[secrets]\npepper = \"{pepper}\"\n\
         [nats]\nurl = \"{url}\"\nprefix = \"{prefix}\"\n",
        master = "0f".repeat(32),
        url = nats.url,
        prefix = nats.prefix,
    )
}

fn sha256(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

impl World {
    pub async fn new() -> Self {
        let nats = testkit::nats().await.unwrap();
        let (database, theirs, keys) = (
            testkit::database().await.unwrap(),
            testkit::database().await.unwrap(),
            testkit::database().await.unwrap(),
        );
        let clock = Arc::new(ManualClock::new(NOON.parse().unwrap()));
        let toml = format!(
            "{}[peers.accept]\nphone-verification = \"{}\"\n",
            sections(&theirs.url, &keys.url, &"aa".repeat(32), &nats),
            sha256(OWN)
        );
        let overrides = Overrides {
            clock: Some(clock.clone()),
        };
        let neighbour = start_in_process::<Neighbour>(&toml, overrides).await.unwrap();
        let lines: Vec<String> = (0..8).map(|line| format!("\"03-5000-000{line}\"")).collect();
        let toml = format!(
            "{sections}[peers]\nown_secret = \"{OWN}\"\n[peers.accept]\ncarrier = \"{carrier}\"\nidentity = \"{own}\"\n\
             [feeds]\nendorsement = \"{url}\"\nidentity = \"{NOWHERE}\"\n[tokens]\nidentity_url = \"{url}\"\n[service]\nlines = [{lines}]\n",
            sections = sections(&database.url, &keys.url, &"bb".repeat(32), &nats),
            carrier = sha256(CARRIER),
            own = sha256(OWN),
            url = neighbour.url(),
            lines = lines.join(", "),
        );
        let keyring = Keyring::new(keys.pool.clone(), MasterKey::from_hex(&"0f".repeat(32)).unwrap());
        let their_store = Arc::new(PostgresStore::connect(&theirs.url, "endorsement").await.unwrap());
        let mut world = Self {
            numbers: Repository::new(
                "phone-verification",
                Arc::new(
                    PostgresStore::connect(&database.url, "phone-verification")
                        .await
                        .unwrap(),
                ),
                keyring.clone(),
            ),
            contracts: Repository::new("endorsement", their_store, keyring),
            clock,
            database,
            running: None,
            toml,
            neighbour: Some(neighbour),
            counter: AtomicU64::new(1),
            nats,
            identity: None,
            databases: [theirs, keys],
        };
        world.start().await;
        world
    }

    pub async fn start(&mut self) {
        let overrides = Overrides {
            clock: Some(self.clock.clone()),
        };
        self.running = Some(
            start_in_process::<PhoneVerification>(&self.toml, overrides)
                .await
                .unwrap(),
        );
    }

    /// Identity can be heard from now on.
    pub async fn with_identity(&mut self) {
        let identity = StandIn::start(&self.nats, PhoneVerification::NAME).await;
        self.toml = self.toml.replace(NOWHERE, &identity.url());
        self.identity = Some(identity);
        self.kill();
        self.start().await;
    }

    /// The subject's key is destroyed, and identity tells of it.
    pub async fn erase(&self, subject: SubjectId) {
        self.destroy(subject).await;
        self.identity.as_ref().unwrap().tell_erased(subject).await;
    }

    /// The subject's key is destroyed; who has it at hand still has it.
    pub async fn destroy(&self, subject: SubjectId) {
        let master = MasterKey::from_hex(&"0f".repeat(32)).unwrap();
        let elsewhere = Keyring::new(self.databases[1].pool.clone(), master);
        elsewhere.destroy(subject).await.unwrap();
    }

    /// Whether the subject's key is destroyed.
    pub async fn is_destroyed(&self, subject: SubjectId) -> bool {
        sqlx::query_scalar("SELECT destroyed_at IS NOT NULL FROM keyring.subject_key WHERE subject_id = $1")
            .bind(subject.as_uuid())
            .fetch_one(&self.databases[1].pool)
            .await
            .unwrap()
    }

    /// Drops every task where it stands, as a kill would.
    pub fn kill(&mut self) {
        self.running.take().unwrap().abandon();
    }

    pub async fn stop(mut self) {
        self.running.take().unwrap().stop().await.unwrap();
        self.neighbour.take().unwrap().stop().await.unwrap();
    }

    pub fn now(&self) -> Timestamp {
        kernel::Clock::now(&*self.clock)
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.advance(jiff::SignedDuration::from_secs(seconds));
    }

    /// A number nobody has used before, as a text.
    pub fn fresh(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    pub async fn channel(&self) -> Channel {
        Channel::from_shared(self.running.as_ref().unwrap().url())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    pub async fn client(&self) -> PhoneVerificationServiceClient<Channel> {
        PhoneVerificationServiceClient::new(self.channel().await)
    }

    // What endorsement tells.

    pub async fn tell(&self, contract: ContractId, event: ContractEvent) {
        let key = RequestKey::derive("test", "tell", Uuid::from_u128(self.fresh().into()));
        let request = Envelope {
            key,
            payload_hash: String::new(),
            actor: eventsourcing::Actor::Anonymous,
            correlation_id: key.as_uuid(),
            causation_id: None,
            traceparent: None,
            at: self.now(),
        };
        self.contracts.execute(contract, &request, event).await.unwrap();
    }

    /// A contract whose policyholder has these numbers, heard and ready.
    pub async fn policyholder(&self, who: u128, numbers: &[&str]) -> SubjectId {
        let phones = numbers
            .iter()
            .map(|text| Phone::new(subject(who), text, LONG_AGO, None))
            .collect();
        let period_end = FAR_AHEAD.parse().unwrap();
        self.tell(
            contract(who),
            ContractEvent::Imported {
                policyholder: subject(who),
                phones,
                period_end,
            },
        )
        .await;
        self.wait_until_heard(subject(who), 1).await;
        subject(who)
    }

    /// The policyholder of [`Self::policyholder`] has this number instead, from now on and heard.
    pub async fn change_number(&self, who: u128, number: &str) {
        let event = ContractEvent::PhonesChanged {
            subject: subject(who),
            policyholder: true,
            phones: vec![Phone::new(subject(who), number, LONG_AGO, None)],
            period_end: FAR_AHEAD.parse().unwrap(),
        };
        self.tell(contract(who), event).await;
        self.wait_until_heard(subject(who), 2).await;
    }

    /// Until a policyholder's stream has so many events.
    pub async fn wait_until_heard(&self, subject: SubjectId, events: u64) {
        wait_for("the numbers to be heard", SOON, async || {
            let revision = self.numbers.load(subject).await.unwrap().revision;
            if revision.is_some_and(|revision| revision + 1 >= events) {
                Ok(())
            } else {
                Err(revision)
            }
        })
        .await;
    }

    pub async fn usable(&self, subject: SubjectId) -> Vec<String> {
        let numbers = self.numbers.load(subject).await.unwrap().state;
        numbers
            .usable_at(&Rulebook::default_rulebook(), self.now())
            .iter()
            .map(PhoneNumber::national)
            .collect()
    }

    // What the customer does.

    pub fn login(&self, account: u128, login: u128, subjects: &[SubjectId]) -> String {
        login_token(account, login, subjects, self.now())
    }

    pub async fn open(&self, login_token: &str) -> Result<Challenge, Status> {
        let request_id = Uuid::from_u128(self.fresh().into()).to_string();
        self.open_as(login_token, request_id).await
    }

    pub async fn open_as(&self, login_token: &str, request_id: String) -> Result<Challenge, Status> {
        let request = OpenChallengeRequest {
            request_id,
            login_token: login_token.to_owned(),
        };
        let answer = self.client().await.open_challenge(request).await?;
        Ok(answer.into_inner().challenge.unwrap())
    }

    pub async fn get(
        &self,
        login_token: &str,
        challenge: &Challenge,
        wait_ms: i32,
    ) -> Result<Challenge, Status> {
        let request = GetChallengeRequest {
            login_token: login_token.to_owned(),
            challenge_id: challenge.challenge_id.clone(),
            wait_ms,
        };
        Ok(self
            .client()
            .await
            .get_challenge(request)
            .await?
            .into_inner()
            .challenge
            .unwrap())
    }

    pub async fn state(&self, login_token: &str, challenge: &Challenge) -> ChallengeState {
        self.get(login_token, challenge, 0).await.unwrap().state()
    }

    // What the carrier reports.

    pub async fn call(&self, line: &str, caller: impl Into<Option<Caller>>) {
        let report = self.report(line, caller);
        self.send(report).await.unwrap();
    }

    pub fn report(&self, line: &str, caller: impl Into<Option<Caller>>) -> ReportCallRequest {
        let fresh = self.fresh();
        ReportCallRequest {
            request_id: Uuid::from_u128(fresh.into()).to_string(),
            trunk: "trunk-1".to_owned(),
            call_id: format!("call-{fresh}@192.0.2.1"),
            dialled_line: line.to_owned(),
            caller: caller.into(),
            received_at_us: 0,
        }
    }

    pub async fn send(&self, report: ReportCallRequest) -> Result<(), Status> {
        let mut request = Request::new(report);
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {CARRIER}").parse().unwrap());
        self.client().await.report_call(request).await.map(|_| ())
    }

    // What is recorded.

    /// The data of all events of a type. Read past the store, whose order shows an event only once every older
    /// transaction of the whole server is over.
    pub async fn events(&self, event_type: &str) -> Vec<serde_json::Value> {
        let data =
            sqlx::query_scalar("SELECT data::jsonb FROM store.event WHERE type = $1 ORDER BY position");
        data.bind(event_type)
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }

    pub async fn wait_for_events(&self, event_type: &str, count: usize) {
        wait_for(event_type, SOON, async || {
            let found = self.events(event_type).await.len();
            if found == count { Ok(()) } else { Err(found) }
        })
        .await;
    }

    /// The tables of the service's database in which a text can be read.
    pub async fn tables_with(&self, text: &str) -> Vec<String> {
        let tables: Vec<(String,)> = sqlx::query_as(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
        )
        .fetch_all(&self.database.pool)
        .await
        .unwrap();
        let mut found = vec![];
        for (table,) in tables {
            let search =
                format!("SELECT count(*) FROM {table} AS whole WHERE whole::text LIKE '%' || $1 || '%'");
            let search = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(search)).bind(text);
            if search.fetch_one(&self.database.pool).await.unwrap() > 0 {
                found.push(table);
            }
        }
        found
    }

    pub fn own_secret() -> &'static str {
        OWN
    }
}

pub fn refused(result: Result<Challenge, Status>, code: Code, expected: &str) -> Status {
    let status = result.expect_err("it was not refused");
    assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
    status
}

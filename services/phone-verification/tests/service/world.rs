//! One phone verification with its surroundings, and words to speak to it with.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::endorsement::v1::{
    ContractImported, EndorsementEvent, PartyField, PartyFieldChanged, PublishedParty,
    endorsement_event::Event,
};
use contracts::names::{ENDORSEMENT, IDENTITY};
use contracts::phone_verification::v1::phone_verification_service_client::PhoneVerificationServiceClient;
use contracts::phone_verification::v1::report_call_request::Caller;
use contracts::phone_verification::v1::{
    CallerReading, Challenge, ChallengeState, GetChallengeRequest, MissingCallerId, OpenChallengeRequest,
    ReportCallRequest,
};
use eventsourcing::{PostgresStore, Repository};
use harness::{Seal, Tested, bearing, secret_of};
use kernel::{ContractId, EventId, PhoneNumber, SubjectId, Timestamp};
use phone_verification::PhoneVerification;
use phone_verification::domain::Numbers;
use privacy::Keyring;
use rulebook::Rulebook;
use service::Service as _;
use testkit::wait_for;
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

/// A Monday noon in Japan, far from the maintenance window.
pub const NOON: &str = "2026-11-16T12:00:00+09:00";
/// For waits that must end.
pub const SOON: Duration = Duration::from_secs(30);
/// Long before and long after.
pub const LONG_AGO: &str = "2020-01-01T00:00:00+09:00";
pub const FAR_AHEAD: &str = "2030-01-01T00:00:00+09:00";

const CARRIER: &str = "carrier";

pub struct World {
    pub numbers: Repository<Numbers>,
    service: harness::World<Tested<PhoneVerification>>,
    /// Endorsement's, with the keys it has at hand.
    keyring: Keyring,
    /// What endorsement told last of each contract.
    versions: Mutex<BTreeMap<ContractId, u64>>,
    counter: AtomicU64,
}

impl Deref for World {
    type Target = harness::World<Tested<PhoneVerification>>;

    fn deref(&self) -> &Self::Target {
        &self.service
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.service
    }
}

/// A number as endorsement tells of it: from when, until when.
#[derive(Clone, Copy)]
pub struct Phone<'a>(pub &'a str, pub &'a str, pub Option<&'a str>);

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

impl World {
    /// Listening to a stand-in for endorsement.
    pub async fn new() -> Self {
        Self::beside(&[ENDORSEMENT]).await
    }

    /// Listening to a stand-in for identity, too.
    pub async fn beside_identity() -> Self {
        Self::beside(&[ENDORSEMENT, IDENTITY]).await
    }

    async fn beside(neighbours: &[&'static str]) -> Self {
        let mut service = harness::World::prepare(NOON).await;
        service.stand_in_for(neighbours).await;
        for peer in [CARRIER, IDENTITY] {
            service.settings.accept(peer);
        }
        let lines: Vec<String> = (0..8).map(|line| format!("03-5000-000{line}")).collect();
        service.settings.set("service.lines", lines);
        service.start().await;
        let keyring = service.keyring();
        let store = Arc::new(PostgresStore::new(service.database.pool.clone()));
        Self {
            numbers: Repository::new(PhoneVerification::NAME, store, keyring.clone()),
            service,
            keyring,
            versions: Mutex::default(),
            counter: AtomicU64::new(1),
        }
    }

    pub async fn stop(mut self) {
        self.service.stop().await;
    }

    pub fn pass(&self, seconds: i64) {
        self.advance(seconds);
    }

    /// A number nobody has used before, as a text.
    pub fn fresh(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    pub fn client(&self) -> PhoneVerificationServiceClient<Channel> {
        PhoneVerificationServiceClient::new(self.channel())
    }

    // What endorsement tells.

    /// A contract was imported whose policyholder has these numbers.
    pub async fn imported(&self, contract: ContractId, policyholder: SubjectId, phones: &[Phone<'_>]) {
        self.tell(contract, policyholder, phones, |phones| {
            let party = PublishedParty {
                subject_id: policyholder.to_string(),
                fields: vec![phones],
                ..PublishedParty::default()
            };
            Event::ContractImported(ContractImported {
                policyholder: Some(party),
                period_end_us: Some(instant(FAR_AHEAD).as_microsecond()),
                ..ContractImported::default()
            })
        })
        .await;
    }

    /// A policyholder's, or else an insured's, numbers became these.
    pub async fn phones_changed(
        &self,
        contract: ContractId,
        subject: SubjectId,
        policyholder: bool,
        phones: &[Phone<'_>],
    ) {
        self.tell(contract, subject, phones, |phones| {
            Event::PartyFieldChanged(PartyFieldChanged {
                subject_id: subject.to_string(),
                policyholder,
                insured: !policyholder,
                field: Some(phones),
                period_end_us: Some(instant(FAR_AHEAD).as_microsecond()),
            })
        })
        .await;
    }

    async fn tell(
        &self,
        contract: ContractId,
        subject: SubjectId,
        phones: &[Phone<'_>],
        event: impl FnOnce(PartyField) -> Event,
    ) {
        let keys = self.keyring.seal_keys(&[subject].into()).await.unwrap();
        let seal = Seal {
            keys: &keys,
            event: EventId::from_uuid(Uuid::from_u128(0xe_0000 + u128::from(self.fresh()))),
        };
        let phones = phones.iter().map(|Phone(number, from, until)| {
            let number = PhoneNumber::parse(number).unwrap();
            seal.phone(subject, number.as_e164(), instant(from), until.map(instant))
        });
        let version = {
            let mut versions = self.versions.lock().unwrap();
            let next = versions.entry(contract).or_default();
            *next += 1;
            *next - 1
        };
        let message = EndorsementEvent {
            event_id: seal.event.to_string(),
            entity_id: contract.to_string(),
            version,
            occurred_at_us: 0,
            event: Some(event(harness::phones(phones.collect()))),
        };
        self.stand_in(ENDORSEMENT).tell(seal.event, &message).await;
    }

    /// A contract whose policyholder has these numbers, heard and ready.
    pub async fn policyholder(&self, who: u128, numbers: &[&str]) -> SubjectId {
        let phones: Vec<_> = numbers
            .iter()
            .map(|number| Phone(number, LONG_AGO, None))
            .collect();
        self.imported(contract(who), subject(who), &phones).await;
        self.wait_until_heard(subject(who), 1).await;
        subject(who)
    }

    /// The policyholder of [`Self::policyholder`] has this number instead, from now on and heard.
    pub async fn change_number(&self, who: u128, number: &str) {
        let phones = [Phone(number, LONG_AGO, None)];
        self.phones_changed(contract(who), subject(who), true, &phones)
            .await;
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
        let (account, login) = (Uuid::from_u128(account), Uuid::from_u128(login));
        harness::login_token(account, login, subjects, self.now())
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
        let answer = self.client().open_challenge(request).await?;
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

    pub async fn send(&self, report: ReportCallRequest) -> Result<CallerReading, Status> {
        let request = bearing(report, &secret_of(CARRIER));
        let answer = self.client().report_call(request).await?;
        Ok(answer.into_inner().caller())
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
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn refused(result: Result<Challenge, Status>, code: Code, expected: &str) -> Status {
    harness::assert_refused(result, code, expected)
}

//! The views with their surroundings: databases, NATS, the four stand-ins, a clock, and words to speak to them with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::admin::v1::parking_admin_service_client::ParkingAdminServiceClient;
use contracts::claim_images::v1::{ClaimImagesEvent, claim_images_event};
use contracts::endorsement::v1::{EndorsementEvent, endorsement_event};
use contracts::identity::v1::{IdentityEvent, identity_event};
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, PHONE_VERIFICATION, SERVICES};
use contracts::phone_verification::v1::{PhoneVerificationEvent, phone_verification_event};
use contracts::views::v1::adjuster_view_service_client::AdjusterViewServiceClient;
use contracts::views::v1::customer_view_service_client::CustomerViewServiceClient;
use contracts::views::v1::views_admin_service_client::ViewsAdminServiceClient;
use kernel::EventId;
use kernel::clock::{Clock as _, ManualClock};
use messaging::position_of;
use privacy::{KeySet, Keyring, MasterKey};
use prost::Message as _;
use service::{ConsistencyToken, Overrides, Running, start_in_process};
use sha2::{Digest as _, Sha256};
use testkit::staff_issuer::{STAFF_ISSUER, StaffIssuer};
use testkit::{TestDatabase, TestNats, wait_for};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::book::{PEOPLE, Seal, micros, subject};
use crate::callers::{As, Tested, access_token};
use crate::source::Source;

/// A Monday noon in Japan, far from the maintenance window.
pub(crate) const NOON: &str = "2026-11-16T12:00:00+09:00";
/// For waits that must end.
pub(crate) const SOON: Duration = Duration::from_mins(1);
const OWN_SECRET: &str = "a-secret-of-the-views";

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) database: TestDatabase,
    pub(crate) keyring: Keyring,
    keys: KeySet,
    staff: StaffIssuer,
    sources: Vec<Source>,
    running: Option<Running>,
    channel: Channel,
    /// What the service is started with.
    toml: String,
    /// The last token of each source.
    told: Mutex<BTreeMap<&'static str, ConsistencyToken>>,
    counter: AtomicU64,
    _keyring_database: TestDatabase,
    _nats: TestNats,
    _folder: tempfile::TempDir,
}

/// What all services have alike.
fn sections(database: &str, keyring: &TestDatabase, nats: &TestNats) -> String {
    format!(
        "[grpc]\nlisten = \"127.0.0.1:0\"\n[database]\nurl = \"{database}\"\nmax_connections = 6\n\
         [keyring]\nurl = \"{keyring}\"\nmaster_key = \"{key}\"\n[secrets]\npepper = \"{key}\"\n\
         [nats]\nurl = \"{url}\"\nprefix = \"{prefix}\"\n",
        keyring = keyring.url,
        key = "0f".repeat(32),
        url = nats.url,
        prefix = nats.prefix,
    )
}

/// Customers' questions.
pub(crate) type Customers = CustomerViewServiceClient<Channel>;

/// A second instance of the service.
pub(crate) struct Replica {
    channel: Channel,
    _running: Running,
}

impl Replica {
    pub(crate) fn customers(&self) -> Customers {
        CustomerViewServiceClient::new(self.channel.clone())
    }
}

async fn start(toml: &str, clock: &ManualClock) -> (Running, Channel) {
    let overrides = Overrides {
        clock: Some(Arc::new(clock.clone())),
    };
    let running = start_in_process::<Tested>(toml, overrides).await.unwrap();
    let channel = Channel::from_shared(running.url())
        .unwrap()
        .connect()
        .await
        .unwrap();
    (running, channel)
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::new(NOON.parse().unwrap());
        let (database, keyring_database, nats) =
            tokio::join!(testkit::database(), testkit::database(), testkit::nats());
        let (database, keyring_database, nats) =
            (database.unwrap(), keyring_database.unwrap(), nats.unwrap());
        let staff = StaffIssuer::generate();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("staff.json"), staff.jwks()).unwrap();
        let overrides = Overrides {
            clock: Some(Arc::new(clock.clone())),
        };
        let mut sources = Vec::new();
        for name in SERVICES {
            let toml = |url: &str| {
                let sections = sections(url, &keyring_database, &nats);
                let secret = hex::encode(Sha256::digest(OWN_SECRET));
                format!("{sections}[peers.accept]\nviews = \"{secret}\"\n")
            };
            sources.push(Source::start(name, overrides.clone(), toml).await);
        }
        let feeds: Vec<_> = sources
            .iter()
            .map(|source| format!("{} = \"{}\"\n", source.name, source.url()))
            .collect();
        let feeds = feeds.concat();
        let toml = format!(
            "{}[peers]\nown_secret = \"{OWN_SECRET}\"\n[feeds]\n{feeds}[tokens]\nstaff_issuer = \"{STAFF_ISSUER}\"\n\
             staff_jwks_file = \"{}/staff.json\"\n",
            sections(&database.url, &keyring_database, &nats),
            folder.path().display(),
        );
        let (running, channel) = start(&toml, &clock).await;
        let keyring = Keyring::new(
            keyring_database.pool.clone(),
            MasterKey::from_hex(&"0f".repeat(32)).unwrap(),
        );
        let people: BTreeSet<_> = (1..=PEOPLE).map(subject).collect();
        Self {
            keys: keyring.seal_keys(&people).await.unwrap(),
            clock,
            database,
            keyring,
            staff,
            sources,
            running: Some(running),
            channel,
            toml,
            told: Mutex::default(),
            counter: AtomicU64::new(1),
            _keyring_database: keyring_database,
            _nats: nats,
            _folder: folder,
        }
    }

    /// Drops every task of the service where it stands, as a kill would.
    pub(crate) fn tear_down(&mut self) {
        self.running.take().unwrap().abandon();
    }

    /// After [`World::tear_down`].
    pub(crate) async fn start_again(&mut self) {
        let (running, channel) = start(&self.toml, &self.clock).await;
        self.running = Some(running);
        self.channel = channel;
    }

    /// Another instance over the same database.
    pub(crate) async fn replica(&self) -> Replica {
        let (running, channel) = start(&self.toml, &self.clock).await;
        Replica {
            channel,
            _running: running,
        }
    }

    // What the sources tell.

    /// Seals for a new event.
    pub(crate) fn seal(&self) -> Seal<'_> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        Seal {
            keys: &self.keys,
            event: EventId::from_uuid(Uuid::from_u128(0xe_0000 + u128::from(number))),
        }
    }

    /// The stand-in for a service.
    pub(crate) fn source(&self, name: &str) -> &Source {
        self.sources.iter().find(|found| found.name == name).unwrap()
    }

    /// Publishes a payload as it is; answers the consistency token.
    pub(crate) async fn tell(&self, source: &'static str, event: EventId, payload: &[u8]) -> String {
        let found = self.source(source);
        let token = found.tell(event, payload).await;
        let last = token.parse().unwrap();
        self.told.lock().unwrap().insert(source, last);
        token
    }

    pub(crate) async fn endorsement(
        &self,
        contract: Uuid,
        version: u64,
        event: impl FnOnce(&Seal<'_>) -> endorsement_event::Event,
    ) -> String {
        let seal = self.seal();
        let message = EndorsementEvent {
            event_id: seal.event.to_string(),
            entity_id: contract.to_string(),
            version,
            occurred_at_us: micros(NOON),
            event: Some(event(&seal)),
        };
        self.tell(ENDORSEMENT, seal.event, &message.encode_to_vec()).await
    }

    /// A version is also the second at which it happened.
    pub(crate) async fn claim_images(
        &self,
        accident: Uuid,
        version: u64,
        event: impl FnOnce(&Seal<'_>) -> claim_images_event::Event,
    ) -> String {
        let seal = self.seal();
        let message = ClaimImagesEvent {
            event_id: seal.event.to_string(),
            entity_id: accident.to_string(),
            version,
            occurred_at_us: after_noon(version),
            event: Some(event(&seal)),
        };
        self.tell(CLAIM_IMAGES, seal.event, &message.encode_to_vec())
            .await
    }

    /// A version is also the second at which it happened.
    pub(crate) async fn identity(&self, account: Uuid, version: u64, event: identity_event::Event) -> String {
        let seal = self.seal();
        let message = IdentityEvent {
            event_id: seal.event.to_string(),
            entity_id: account.to_string(),
            version,
            occurred_at_us: after_noon(version),
            event: Some(event),
        };
        self.tell(IDENTITY, seal.event, &message.encode_to_vec()).await
    }

    /// `second` is when it happened.
    pub(crate) async fn phone_verification(
        &self,
        challenge: u128,
        second: u64,
        event: phone_verification_event::Event,
    ) -> String {
        let seal = self.seal();
        let message = PhoneVerificationEvent {
            event_id: seal.event.to_string(),
            entity_id: Uuid::from_u128(challenge).to_string(),
            version: 0,
            occurred_at_us: after_noon(second),
            event: Some(event),
        };
        self.tell(PHONE_VERIFICATION, seal.event, &message.encode_to_vec())
            .await
    }

    /// Waits until the views hold everything that was told.
    pub(crate) async fn caught_up(&self) {
        let told: Vec<_> = self.told.lock().unwrap().clone().into_iter().collect();
        for (source, token) in told {
            wait_for(source, SOON, async || {
                let position = position_of(&self.database.pool, "views", source).await.unwrap();
                match position {
                    Some(position) if position.cursor >= token.cursor => Ok(()),
                    other => Err(other),
                }
            })
            .await;
        }
    }

    // Asking the views.

    pub(crate) fn customers(&self) -> Customers {
        CustomerViewServiceClient::new(self.channel.clone())
    }

    pub(crate) fn adjusters(&self) -> AdjusterViewServiceClient<Channel> {
        AdjusterViewServiceClient::new(self.channel.clone())
    }

    pub(crate) fn administrators(&self) -> ViewsAdminServiceClient<Channel> {
        ViewsAdminServiceClient::new(self.channel.clone())
    }

    pub(crate) fn parking(&self) -> ParkingAdminServiceClient<Channel> {
        ParkingAdminServiceClient::new(self.channel.clone())
    }

    /// A call in English.
    pub(crate) fn call<T>(&self, caller: As, message: T) -> Request<T> {
        self.call_in("en", caller, message)
    }

    pub(crate) fn call_in<T>(&self, language: &str, caller: As, message: T) -> Request<T> {
        let now = self.clock.now();
        let staff = |id: &str, role: &str| self.staff.token(id, &[role], now.as_second(), 600).unwrap();
        let bearer = match caller {
            As::Customer(person) => access_token(person, now),
            As::Adjuster(id) => staff(id, "adjuster"),
            As::Supervisor => staff("S001", "supervisor"),
            As::CallCentre => staff("C001", "call_centre"),
            As::Administrator => staff("O001", "administrator"),
        };
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("authorization", format!("Bearer {bearer}").parse().unwrap());
        metadata.insert("accept-language", language.parse().unwrap());
        request
    }
}

fn after_noon(seconds: u64) -> i64 {
    micros(NOON) + i64::try_from(seconds).unwrap() * 1_000_000
}

/// Checks code and reason of a refusal, and that it has a text without holes.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    expected: &str,
) -> Status {
    let refused = answer.expect_err(expected);
    let details = refused.get_error_details();
    let info = details.error_info().expect("a refusal has ErrorInfo");
    let text = &details.localized_message().expect("a refusal has a text").message;
    assert!(!text.is_empty() && !text.contains('{'), "{}: {text}", info.reason);
    assert_eq!(
        (refused.code(), info.reason.as_str()),
        (code, expected),
        "{refused:?}"
    );
    refused
}

/// Checks that one field was refused, for this reason, with a text of its own.
#[track_caller]
pub(crate) fn assert_invalid<T: std::fmt::Debug>(answer: Result<T, Status>, field: &str, reason: &str) {
    let refused = assert_refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT");
    let details = refused.get_error_details();
    let violations = &details.bad_request().expect("a field is named").field_violations;
    let seen: Vec<_> = violations
        .iter()
        .map(|violation| {
            (
                violation.field.as_str(),
                violation.reason.as_str(),
                violation.description.contains('{'),
            )
        })
        .collect();
    assert_eq!(seen, [(field, reason, false)], "{violations:?}");
}

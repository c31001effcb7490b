//! What operators ask of a service that listens: which messages it could not apply, and to replay or discard them.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::admin::v1::parking_admin_service_client::ParkingAdminServiceClient;
use contracts::admin::v1::{
    DiscardParkedRequest, DiscardParkedResponse, GetParkedRequest, ListParkedRequest, ListParkedResponse,
    ParkedMessage, ParkedState, ReplayParkedRequest, ReplayParkedResponse,
};
use contracts::common::v1::EventHeading;
use eventsourcing::{CodecError, RecordedEvent};
use kernel::clock::ManualClock;
use messaging::{Delivery, Handler, HandlerError, Outgoing, Publish};
use prost::Message as _;
use service::{Context, Overrides, Running, Service, StartError, Wiring, start_in_process};
use sha2::{Digest, Sha256};
use testkit::wait_for;
use testkit::walk::{LANGUAGES, Refusal, Walk};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::counter::count_on;
use crate::probe::{Home, NOON, SOON, STAFF_ISSUER, Shared, bearer, connect, instant, shared, staff_token};

const SECRET: &str = "a-secret-of-views";
const CONSUMER: &str = "probe-counts";
const SOURCE: &str = "endorsement";

service::configuration! {
    /// Which test it belongs to.
    pub(crate) struct Config {
        pub(crate) test: String,
    }
}

/// Publishes every event with its heading.
struct Counting;

#[allow(clippy::unnecessary_wraps, reason = "the form of a Publish")]
fn publish(event: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let heading = EventHeading {
        event_id: event.id.to_string(),
        entity_id: event.stream.id().to_string(),
        version: event.revision,
        occurred_at_us: 0,
    };
    Ok(Some(Outgoing {
        entity_kind: "counter",
        event_name: "counted",
        entity_id: event.stream.id(),
        payload: heading.encode_to_vec(),
    }))
}

impl Service for Counting {
    const NAME: &'static str = SOURCE;
    const MESSAGES: &'static str = "";
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    fn publish() -> Option<Publish> {
        Some(publish)
    }

    async fn start(_: Config, _: Context, _: &mut Wiring) -> Result<(), StartError> {
        Ok(())
    }
}

/// Listens, and cannot read what the test poisons (a counter's id).
struct Listening;

struct Reader(Arc<Shared>);

#[async_trait]
impl Handler for Reader {
    async fn handle(&self, _: &mut sqlx::PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        for delivery in batch {
            let heading = EventHeading::decode(delivery.payload.clone()).unwrap();
            if self.0.poison.lock().unwrap().as_ref() == Some(&heading.entity_id) {
                return Err(HandlerError::content(
                    delivery.event_id,
                    "its kind is not known here",
                ));
            }
            let seen = format!("{}@{}", heading.entity_id, heading.version);
            self.0.seen.lock().unwrap().push(seen);
        }
        Ok(())
    }
}

impl Service for Listening {
    const NAME: &'static str = "probe";
    const MESSAGES: &'static str = "";
    const LISTENS_TO: &'static [&'static str] = &[SOURCE];
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    async fn start(config: Config, _: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        wiring.subscribe(CONSUMER, SOURCE, Arc::new(Reader(shared(&config.test))))?;
        Ok(())
    }
}

/// A source with three events of one counter and one of another, and a service that cannot read the first counter's.
struct Stage {
    here: Home,
    clock: Arc<ManualClock>,
    channel: Channel,
    running: Running,
    publisher: Running,
    _there: Home,
}

impl Stage {
    async fn new() -> Self {
        let (there, here) = (Home::new().await, Home::new().await);
        let nats = testkit::nats().await.unwrap();
        let nats = format!("[nats]\nurl = \"{}\"\nprefix = \"{}\"\n", nats.url, nats.prefix);
        let clock = Arc::new(ManualClock::new(instant(NOON)));
        let overrides = Overrides {
            clock: Some(clock.clone()),
        };
        let accept = format!(
            "[peers.accept]\nviews = \"{}\"",
            hex::encode(Sha256::digest(SECRET))
        );
        let toml = format!("{}{nats}", there.toml("").replace("[peers.accept]", &accept));
        let publisher = start_in_process::<Counting>(&toml, overrides.clone())
            .await
            .unwrap();
        let own = format!("[peers]\nown_secret = \"{SECRET}\"\n[peers.accept]");
        let toml = here.toml("").replace("[peers.accept]", &own);
        let toml = format!("{toml}{nats}[feeds]\n{SOURCE} = \"{}\"\n", publisher.url());
        *here.shared().poison.lock().unwrap() = Some(Uuid::from_u128(1).to_string());
        for (request, counter) in [(1, 1), (2, 2), (3, 1), (4, 1)] {
            count_on(&there, SOURCE, request, counter).await;
        }
        let running = start_in_process::<Listening>(&toml, overrides).await.unwrap();
        let channel = connect(running.address).await;
        let stage = Self {
            here,
            clock,
            channel,
            running,
            publisher,
            _there: there,
        };
        wait_for("three messages to be set aside", SOON, async || {
            let found = stage.list(ListParkedRequest::default()).await.unwrap().messages;
            (found.len() == 3).then_some(()).ok_or(found)
        })
        .await;
        stage
    }

    fn request<T>(&self, language: &str, message: T) -> Request<T> {
        let token = staff_token(
            kernel::clock::Clock::now(&*self.clock),
            STAFF_ISSUER,
            &["administrator"],
        );
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata.insert("authorization", bearer(&token).parse().unwrap());
        metadata.insert("accept-language", language.parse().unwrap());
        request
    }

    fn client(&self) -> ParkingAdminServiceClient<Channel> {
        ParkingAdminServiceClient::new(self.channel.clone())
    }

    async fn list(&self, request: ListParkedRequest) -> Result<ListParkedResponse, Status> {
        let request = self.request("en", request);
        Ok(self.client().list_parked(request).await?.into_inner())
    }

    async fn replay(
        &self,
        language: &str,
        request: &ReplayParkedRequest,
    ) -> Result<ReplayParkedResponse, Status> {
        let request = self.request(language, request.clone());
        Ok(self.client().replay_parked(request).await?.into_inner())
    }

    async fn discard(
        &self,
        language: &str,
        request: &DiscardParkedRequest,
    ) -> Result<DiscardParkedResponse, Status> {
        let request = self.request(language, request.clone());
        Ok(self.client().discard_parked(request).await?.into_inner())
    }

    async fn parked_page_by_page(&self) -> Vec<ParkedMessage> {
        let mut paged = Vec::new();
        let mut request = ListParkedRequest {
            consumer: CONSUMER.to_owned(),
            page_size: 2,
            ..ListParkedRequest::default()
        };
        loop {
            let page = self.list(request.clone()).await.unwrap();
            paged.extend(page.messages);
            if page.next_page_token.is_empty() {
                return paged;
            }
            request.page_token = page.next_page_token;
        }
    }

    async fn parked(&self) -> Vec<ParkedMessage> {
        self.list(ListParkedRequest::default()).await.unwrap().messages
    }

    async fn stop(self) {
        self.running.stop().await.unwrap();
        self.publisher.stop().await.unwrap();
    }
}

fn replaying(request: u128, event_id: &str) -> ReplayParkedRequest {
    ReplayParkedRequest {
        request_id: Uuid::from_u128(request).to_string(),
        consumer: CONSUMER.to_owned(),
        source: SOURCE.to_owned(),
        event_id: event_id.to_owned(),
        reason: "the release that knows the kind is here".to_owned(),
    }
}

fn discarding(request: u128, event_id: &str) -> DiscardParkedRequest {
    DiscardParkedRequest {
        request_id: Uuid::from_u128(request).to_string(),
        consumer: CONSUMER.to_owned(),
        source: SOURCE.to_owned(),
        event_id: event_id.to_owned(),
        reason: "INC-17".to_owned(),
    }
}

#[tokio::test]
async fn operators_see_what_is_parked_and_have_it_replayed_or_discarded() {
    let stage = Stage::new().await;
    let parked = stage.parked().await;
    let states: Vec<_> = parked.iter().map(ParkedMessage::state).collect();
    assert_eq!(
        states,
        [ParkedState::Parked, ParkedState::Waiting, ParkedState::Waiting]
    );
    assert_eq!(parked[0].error, "its kind is not known here");
    assert_eq!(parked[0].subject, "madoguchi.endorsement.counter.counted");
    assert_eq!(
        *stage.here.shared().seen.lock().unwrap(),
        [format!("{}@0", Uuid::from_u128(2))]
    );

    assert_eq!(stage.parked_page_by_page().await, parked);

    // Still poisoned: it fails again, and says so.
    let outcome = stage.replay("en", &replaying(1, "")).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (0, 1, 3));
    // The first is dropped; the second fails in its turn, the third waits.
    let first = parked[0].event_id.clone();
    let outcome = stage.discard("en", &discarding(2, &first)).await.unwrap();
    assert_eq!((outcome.applied, outcome.failed, outcome.left), (0, 1, 2));
    let request = GetParkedRequest {
        consumer: CONSUMER.to_owned(),
        source: SOURCE.to_owned(),
        event_id: parked[1].event_id.clone(),
    };
    let details = stage
        .client()
        .get_parked(stage.request("en", request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((details.waiting, details.message.unwrap().attempts), (1, 1));
    let decided: Vec<_> = details
        .decisions
        .iter()
        .map(|decision| (&*decision.action, &*decision.decided_by))
        .collect();
    assert_eq!(
        decided,
        [("DISCARD", "staff:staff-17"), ("REPLAY", "staff:staff-17")]
    );

    *stage.here.shared().poison.lock().unwrap() = None;
    let request = replaying(3, &parked[2].event_id);
    for _ in 0..2 {
        let outcome = stage.replay("en", &request).await.unwrap();
        assert_eq!((outcome.applied, outcome.failed, outcome.left), (2, 0, 0));
    }
    let one = Uuid::from_u128(1);
    assert_eq!(
        stage.here.shared().seen.lock().unwrap()[1..],
        [format!("{one}@1"), format!("{one}@2")],
        "in order, each once"
    );
    stage.stop().await;
}

/// Everything the admin service refuses, for the walk.
pub(crate) async fn refusals(walk: &mut Walk) {
    let stage = Stage::new().await;
    let parked = stage.parked().await;
    let (first, second) = (parked[0].event_id.as_str(), parked[1].event_id.as_str());
    let stranger = Uuid::from_u128(99).to_string();
    let missing = Refusal::new(Code::NotFound, "PARKED_NOT_FOUND");
    let elsewhere = ReplayParkedRequest {
        consumer: "nobody".to_owned(),
        ..replaying(1, "")
    };
    let personal = ReplayParkedRequest {
        reason: "ask 090-1234-5678".to_owned(),
        ..replaying(1, "")
    };
    for (request, expected) in [
        (replaying(1, &stranger), missing.clone()),
        (elsewhere, missing.clone()),
        (
            replaying(1, "17"),
            Refusal::invalid("event_id", "EVENT_ID_INVALID"),
        ),
        (personal, Refusal::invalid("reason", "DECISION_REASON_INVALID")),
    ] {
        let [ja, en] = LANGUAGES;
        let ja = stage.replay(ja, &request).await.unwrap_err();
        let en = stage.replay(en, &request).await.unwrap_err();
        walk.refused(&expected, [&ja, &en]);
    }
    let waits = Refusal::new(Code::FailedPrecondition, "PARKED_ONLY_WAITS");
    let reused = Refusal::new(Code::FailedPrecondition, "REQUEST_ID_REUSED");
    stage.discard("en", &discarding(5, first)).await.unwrap();
    // The second failed when the first was dropped; the third still waits.
    let third = parked[2].event_id.as_str();
    for (request, expected) in [
        (discarding(6, &stranger), missing),
        (discarding(6, third), waits),
        (discarding(5, second), reused),
    ] {
        let [ja, en] = LANGUAGES;
        let ja = stage.discard(ja, &request).await.unwrap_err();
        let en = stage.discard(en, &request).await.unwrap_err();
        walk.refused(&expected, [&ja, &en]);
    }
    stage.stop().await;
}

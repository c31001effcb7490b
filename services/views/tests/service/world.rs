//! The views with four stand-ins to listen to, and words to speak to them with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
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
use harness::{Tested, assert_refused, bearing, in_language};
use kernel::EventId;
use messaging::position_of;
use privacy::{KeySet, Keyring};
use prost::Message as _;
use service::ConsistencyToken;
use testkit::wait_for;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;
use views::Views;

use crate::book::{PEOPLE, Seal, account_id, micros, subject};

/// A Monday noon in Japan, far from the maintenance window.
pub(crate) const NOON: &str = "2026-11-16T12:00:00+09:00";
/// For waits that must end.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) struct World {
    service: harness::World<Tested<Views>>,
    /// The sources' own, with the keys they have at hand.
    pub(crate) keyring: Keyring,
    keys: KeySet,
    /// The last token of each source.
    told: Mutex<BTreeMap<&'static str, ConsistencyToken>>,
    counter: AtomicU64,
}

impl Deref for World {
    type Target = harness::World<Tested<Views>>;

    fn deref(&self) -> &Self::Target {
        &self.service
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.service
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum As {
    /// The policyholder of this number.
    Customer(u128),
    /// The adjuster of this id.
    Adjuster(&'static str),
    Supervisor,
    CallCentre,
    Administrator,
}

pub(crate) type Customers = CustomerViewServiceClient<Channel>;

impl World {
    pub(crate) async fn new() -> Self {
        let mut service = harness::World::prepare(NOON).await;
        service.settings.set("database.max_connections", 6);
        service.stand_in_for(&SERVICES).await;
        service.start().await;
        let keyring = service.keyring();
        let people: BTreeSet<_> = (1..=PEOPLE).map(subject).collect();
        Self {
            keys: keyring.seal_keys(&people).await.unwrap(),
            service,
            keyring,
            told: Mutex::default(),
            counter: AtomicU64::new(1),
        }
    }

    // What the sources tell.

    /// Seals for a new event.
    pub(crate) fn seal(&self) -> Seal<'_> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        Seal(harness::Seal {
            keys: &self.keys,
            event: EventId::from_uuid(Uuid::from_u128(0xe_0000 + u128::from(number))),
        })
    }

    /// Publishes a payload as it is; answers the consistency token.
    pub(crate) async fn tell(&self, source: &'static str, event: EventId, payload: &[u8]) -> String {
        let token = self.stand_in(source).tell_bytes(event, payload).await;
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
            event_id: seal.event().to_string(),
            entity_id: contract.to_string(),
            version,
            occurred_at_us: micros(NOON),
            event: Some(event(&seal)),
        };
        self.tell(ENDORSEMENT, seal.event(), &message.encode_to_vec())
            .await
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
            event_id: seal.event().to_string(),
            entity_id: accident.to_string(),
            version,
            occurred_at_us: after_noon(version),
            event: Some(event(&seal)),
        };
        self.tell(CLAIM_IMAGES, seal.event(), &message.encode_to_vec())
            .await
    }

    /// A version is also the second at which it happened.
    pub(crate) async fn identity(&self, account: Uuid, version: u64, event: identity_event::Event) -> String {
        let seal = self.seal();
        let message = IdentityEvent {
            event_id: seal.event().to_string(),
            entity_id: account.to_string(),
            version,
            occurred_at_us: after_noon(version),
            event: Some(event),
        };
        self.tell(IDENTITY, seal.event(), &message.encode_to_vec()).await
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
            event_id: seal.event().to_string(),
            entity_id: Uuid::from_u128(challenge).to_string(),
            version: 0,
            occurred_at_us: after_noon(second),
            event: Some(event),
        };
        self.tell(PHONE_VERIFICATION, seal.event(), &message.encode_to_vec())
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
        CustomerViewServiceClient::new(self.channel())
    }

    pub(crate) fn adjusters(&self) -> AdjusterViewServiceClient<Channel> {
        AdjusterViewServiceClient::new(self.channel())
    }

    pub(crate) fn administrators(&self) -> ViewsAdminServiceClient<Channel> {
        ViewsAdminServiceClient::new(self.channel())
    }

    pub(crate) fn parking(&self) -> ParkingAdminServiceClient<Channel> {
        ParkingAdminServiceClient::new(self.channel())
    }

    /// A call in English.
    pub(crate) fn call<T>(&self, caller: As, message: T) -> Request<T> {
        self.call_in("en", caller, message)
    }

    pub(crate) fn call_in<T>(&self, language: &str, caller: As, message: T) -> Request<T> {
        let request = match caller {
            As::Customer(person) => {
                let (account, subjects) = (account_id(person), [subject(person)]);
                let token = harness::access_token(account, &subjects, &["pwd", "tel"], self.now());
                bearing(message, &token)
            }
            As::Adjuster(id) => self.as_staff(id, "adjuster", message),
            As::Supervisor => self.as_staff("S001", "supervisor", message),
            As::CallCentre => self.as_staff("C001", "call_centre", message),
            As::Administrator => self.as_staff("O001", "administrator", message),
        };
        in_language(request, language)
    }
}

fn after_noon(seconds: u64) -> i64 {
    micros(NOON) + i64::try_from(seconds).unwrap() * 1_000_000
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

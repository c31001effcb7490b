//! The services around phone verification, in one: it publishes what endorsement publishes of phones, from a store of its
//! own and with its own sealed fields, and serves the keys that identity signs login tokens with.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use contracts::common::v1::{SealedField, SealedPhone};
use contracts::endorsement::v1::{
    ContractImported, EndorsementEvent, PhonesChanged, PublishedParty, endorsement_event::Event,
};
use contracts::identity::v1::{GetKeysRequest, GetKeysResponse};
use decider::{Decider, Explain, Problem};
use eventsourcing::{CodecError, RecordedEvent, decode_sealed};
use kernel::{ContractId, Personal, PhoneNumber, SubjectId, Timestamp};
use messaging::Outgoing;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use service::{Context, Service, StartError, Wiring};
use testkit::customer_issuer::CustomerIssuer;
use tonic::{Request, Response, Status, body::Body, server::NamedService};
use tonic_prost::ProstCodec;
use uuid::Uuid;

/// A phone as endorsement keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Phone {
    number: Personal<PhoneNumber>,
    counts_from: Timestamp,
    counts_until: Option<Timestamp>,
}

impl Phone {
    pub fn new(subject: SubjectId, number: &str, from: &str, until: Option<&str>) -> Self {
        Self {
            number: Personal::new(subject, PhoneNumber::parse(number).unwrap()),
            counts_from: from.parse().unwrap(),
            counts_until: until.map(|until| until.parse().unwrap()),
        }
    }
}

/// What happens to a contract, as far as phones go; the event is its own command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ContractEvent {
    #[serde(rename = "contract.imported.v1")]
    Imported {
        policyholder: SubjectId,
        phones: Vec<Phone>,
        period_end: Timestamp,
    },
    #[serde(rename = "contract.phones_changed.v1")]
    PhonesChanged {
        subject: SubjectId,
        policyholder: bool,
        phones: Vec<Phone>,
        period_end: Timestamp,
    },
}

#[derive(Debug, Clone, Default)]
pub struct Contract;

#[derive(Debug, thiserror::Error)]
#[error("never")]
pub struct Never;

impl Explain for Never {
    fn explain(&self) -> Problem {
        unreachable!()
    }
}

impl Decider for Contract {
    const CATEGORY: &'static str = "contract";
    type Id = ContractId;
    type Command = ContractEvent;
    type Event = ContractEvent;
    type Rejection = Never;

    fn decide(&self, command: ContractEvent) -> Result<Vec<ContractEvent>, Never> {
        Ok(vec![command])
    }

    fn evolve(self, _: &ContractEvent) -> Self {
        self
    }
}

fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let (event_name, event) = match decode_sealed(recorded)? {
        ContractEvent::Imported {
            policyholder,
            phones,
            period_end,
        } => {
            let party = PublishedParty {
                subject_id: policyholder.to_string(),
                phones: phones.into_iter().map(phone).collect(),
                ..PublishedParty::default()
            };
            let imported = ContractImported {
                policyholder: Some(party),
                period_end_us: period_end.as_microsecond(),
                ..ContractImported::default()
            };
            ("contract_imported", Event::ContractImported(imported))
        }
        ContractEvent::PhonesChanged {
            subject,
            policyholder,
            phones,
            period_end,
        } => {
            let changed = PhonesChanged {
                subject_id: subject.to_string(),
                policyholder,
                insured: !policyholder,
                phones: phones.into_iter().map(phone).collect(),
                period_end_us: period_end.as_microsecond(),
            };
            ("phones_changed", Event::PhonesChanged(changed))
        }
    };
    let message = EndorsementEvent {
        event_id: recorded.id.to_string(),
        entity_id: recorded.stream.id().to_string(),
        version: recorded.revision,
        occurred_at_us: 0,
        event: Some(event),
    };
    let (entity_id, payload) = (recorded.stream.id(), message.encode_to_vec());
    Ok(Some(Outgoing {
        entity_kind: "contract",
        event_name,
        entity_id,
        payload,
    }))
}

fn phone(phone: Phone) -> SealedPhone {
    let Personal::Sealed(field) = phone.number else {
        panic!("publishing opens nothing")
    };
    SealedPhone {
        number: Some(SealedField {
            path: field.path,
            subject_id: field.subject.to_string(),
            key_id: field.key_id.to_string(),
            algorithm: field.algorithm,
            nonce: field.nonce,
            ciphertext: field.ciphertext,
        }),
        counts_from_us: phone.counts_from.as_microsecond(),
        counts_until_us: phone.counts_until.map(Timestamp::as_microsecond),
    }
}

/// The neighbour, run by the same runtime.
pub struct Neighbour;

impl Service for Neighbour {
    const NAME: &'static str = "endorsement";
    const MESSAGES: &'static str = "";
    type Config = ();

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Vec::new()
    }

    fn publish() -> Option<messaging::Publish> {
        Some(publish)
    }

    async fn start((): (), _: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        wiring.grpc(Identity);
        Ok(())
    }
}

/// Answers `GetKeys`, whatever is asked.
#[derive(Clone)]
struct Identity;

impl NamedService for Identity {
    const NAME: &'static str = "madoguchi.identity.v1.IdentityService";
}

impl tower::Service<http::Request<Body>> for Identity {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<GetKeysResponse, GetKeysRequest>::default();
            Ok(tonic::server::Grpc::new(codec)
                .unary(tower::service_fn(keys), request)
                .await)
        })
    }
}

async fn keys(_: Request<GetKeysRequest>) -> Result<Response<GetKeysResponse>, Status> {
    let jwks_json = identity().jwks();
    Ok(Response::new(GetKeysResponse { jwks_json }))
}

fn identity() -> CustomerIssuer {
    CustomerIssuer::from_seed(7)
}

/// A login token as identity signs it after the password.
pub fn login_token(account: u128, login: u128, subjects: &[SubjectId], issued: Timestamp) -> String {
    let (account, login) = (Uuid::from_u128(account), Uuid::from_u128(login));
    identity()
        .login_token(account, login, subjects, issued.as_second())
        .unwrap()
}

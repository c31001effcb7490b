//! Listening: to our own events (finishing registrations, keeping the credential index), to endorsement (what contracts
//! there are) and to phone verification (whose call came).

use std::collections::HashMap;

use async_trait::async_trait;
use contracts::endorsement::v1::EndorsementEvent;
use contracts::phone_verification::v1::PhoneVerificationEvent;
use decider::Decider as _;
use eventsourcing::{Cause, ExecuteError, RecordedEvent, Repository, Request, decode_sealed};
use futures::{TryStreamExt as _, stream};
use kernel::clock::Clock as _;
use kernel::{AccountId, EventId};
use messaging::{Delivery, Handler, HandlerError, Malformed};
use prost::Message;
use service::{Context, ReactionError};

use crate::credentials::Credentials;
use crate::domain::{
    Account, AccountEvent, AccountRejection, Entitlement, EntitlementEvent, Reservation, ReservationEvent,
    Subject,
};
use crate::known_addresses::KnownAddresses;
use crate::react;
use crate::refresh_families::RefreshFamilies;
use crate::registrar::{Registrar, RegistrarError};
use crate::waiting::Waiting;

/// Contracts of one batch that are recorded at the same time.
const AT_ONCE: usize = 8;

/// The rows that secrets are checked against: the credential index, that every open session has a refresh family and no
/// other has one, and that a closed account knows no address.
#[derive(Clone)]
pub struct Rows {
    pub credentials: Credentials,
    pub families: RefreshFamilies,
    pub addresses: KnownAddresses,
}

impl Rows {
    /// Keeps them as this event says.
    pub async fn index(&self, event: &RecordedEvent) -> Result<(), ReactionError> {
        match event.stream.category() {
            Entitlement::CATEGORY => {
                if let EntitlementEvent::CodeIssued {
                    contract_id,
                    initial_user,
                    verifier,
                    ..
                } = decode_sealed(event)?
                {
                    self.credentials
                        .put_code(contract_id, initial_user, &verifier, event.revision)
                        .await?;
                }
            }
            Account::CATEGORY => self.index_account(event).await?,
            _ => {}
        }
        Ok(())
    }

    async fn index_account(&self, event: &RecordedEvent) -> Result<(), ReactionError> {
        let account = AccountId::from_uuid(event.stream.id());
        match decode_sealed(event)? {
            AccountEvent::Registered {
                reservation,
                password,
                ..
            }
            | AccountEvent::PasswordRehashed {
                reservation,
                password,
            } => {
                self.credentials
                    .put_password(account, reservation, &password, event.revision)
                    .await?;
            }
            AccountEvent::SubjectLost { subjects, .. } if subjects.is_empty() => {
                self.credentials.close(account, event.revision).await?;
                self.addresses.drop_all(account).await?;
            }
            // So that a session whose first token was never issued ends like any other.
            AccountEvent::SessionOpened {
                session_id,
                opened_at,
                ..
            } => self.families.put(session_id, account, opened_at).await?,
            AccountEvent::SessionEnded { session_id, .. } => self.families.delete(session_id).await?,
            AccountEvent::SubjectLost { .. }
            | AccountEvent::RegistrationStarted { .. }
            | AccountEvent::RegistrationRefused { .. }
            | AccountEvent::LoginOpened { .. }
            | AccountEvent::LoginVerified { .. } => {}
        }
        Ok(())
    }
}

/// Finishes registrations that a crash cut in half: each of their events leads on to the end.
pub async fn roll_forward(
    registrar: &Registrar,
    context: &Context,
    event: &RecordedEvent,
) -> Result<(), ReactionError> {
    let Some(account) = registering(event)? else {
        return Ok(());
    };
    // Later steps name the intent as their cause.
    let intent = event.metadata.causation_id.map_or(event.id, EventId::from_uuid);
    let request = Request::reaction(event, 0, context.clock.now());
    match registrar.finish(account, intent, &request).await {
        // A refusal is an outcome, and recorded.
        Ok(_)
        | Err(RegistrarError::Account(ExecuteError::Rejected(
            AccountRejection::RegistrationRefused(_) | AccountRejection::Closed,
        ))) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The account of a registration's event that is not the last one.
fn registering(event: &RecordedEvent) -> Result<Option<AccountId>, ReactionError> {
    Ok(match event.stream.category() {
        Account::CATEGORY => match decode_sealed(event)? {
            AccountEvent::RegistrationStarted { account_id, .. } => Some(account_id),
            AccountEvent::RegistrationRefused { .. } => Some(AccountId::from_uuid(event.stream.id())),
            _ => None,
        },
        Reservation::CATEGORY => match decode_sealed(event)? {
            ReservationEvent::Taken { account_id } => Some(account_id),
            ReservationEvent::Released { .. } => None,
        },
        Entitlement::CATEGORY => match decode_sealed(event)? {
            EntitlementEvent::Registered { account_id } => Some(account_id),
            EntitlementEvent::CodeIssued { .. }
            | EntitlementEvent::ContractRecorded { .. }
            | EntitlementEvent::Released { .. } => None,
        },
        Subject::CATEGORY => None,
        other => {
            return Err(ReactionError::content(format!(
                "no aggregate of ours is called {other}"
            )));
        }
    })
}

/// Hears of contracts from endorsement.
pub struct Contracts {
    entitlements: Repository<Entitlement>,
    context: Context,
}

impl Contracts {
    /// Records into the entitlements.
    pub fn new(context: &Context) -> Self {
        Self {
            entitlements: context.repository(),
            context: context.clone(),
        }
    }

    async fn hear(&self, delivery: &Delivery) -> Result<(), HandlerError> {
        let message = EndorsementEvent::decode(delivery.payload.clone());
        let message = message.map_err(|error| HandlerError::of(delivery.event_id, Malformed::from(error)))?;
        let heard =
            react::contract_facts(message).map_err(|error| HandlerError::of(delivery.event_id, error))?;
        let Some((contract, command)) = heard else {
            return Ok(());
        };
        let request = Request::reaction(&cause(delivery), 0, self.context.clock.now());
        let executed = self.entitlements.execute(contract, &request, command).await;
        executed
            .map(drop)
            .map_err(|error| HandlerError::of(delivery.event_id, error))
    }
}

#[async_trait]
impl Handler for Contracts {
    /// Writes streams, not the transaction: repeating a batch is harmless, and an older version changes nothing.
    async fn handle(&self, _: &mut sqlx::PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        // One contract's versions in their order, different contracts side by side.
        let mut by_subject: HashMap<uuid::Uuid, Vec<&Delivery>> = HashMap::new();
        for delivery in batch {
            let entity = EndorsementEvent::decode(delivery.payload.clone()).ok();
            let entity = entity
                .and_then(|event| event.entity_id.parse().ok())
                .unwrap_or(delivery.event_id.as_uuid());
            by_subject.entry(entity).or_default().push(delivery);
        }
        stream::iter(by_subject.into_values().map(Ok))
            .try_for_each_concurrent(AT_ONCE, async |deliveries: Vec<&Delivery>| {
                for delivery in deliveries {
                    self.hear(delivery).await?;
                }
                Ok(())
            })
            .await
    }
}

/// Hears of calls from phone verification.
pub struct Calls {
    accounts: Repository<Account>,
    waiting: Waiting,
    context: Context,
}

impl Calls {
    /// Records into the accounts and wakes who waits.
    pub fn new(context: &Context, waiting: Waiting) -> Self {
        Self {
            accounts: context.repository(),
            waiting,
            context: context.clone(),
        }
    }

    async fn hear(&self, delivery: &Delivery) -> Result<(), HandlerError> {
        let message = PhoneVerificationEvent::decode(delivery.payload.clone());
        let message = message.map_err(|error| HandlerError::of(delivery.event_id, Malformed::from(error)))?;
        let matched =
            react::call_matched(message).map_err(|error| HandlerError::of(delivery.event_id, error))?;
        let Some((account, login, command)) = matched else {
            return Ok(());
        };
        let request = Request::reaction(&cause(delivery), 0, self.context.clock.now());
        match self.accounts.execute(account, &request, command).await {
            Ok(_) => self.waiting.wake(login),
            // A challenge names an account that was there when its login token was signed; here it is not.
            Err(ExecuteError::Rejected(rejection)) => {
                tracing::warn!(event_id = %delivery.event_id, %rejection, "a matched call belongs to no account");
            }
            Err(error) => return Err(HandlerError::of(delivery.event_id, error)),
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for Calls {
    async fn handle(&self, _: &mut sqlx::PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        for delivery in batch {
            self.hear(delivery).await?;
        }
        Ok(())
    }
}

fn cause(delivery: &Delivery) -> Cause {
    Cause {
        event_id: delivery.event_id,
        correlation_id: None,
        traceparent: delivery.traceparent.clone(),
    }
}

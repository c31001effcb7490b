//! A registration over three streams, rolled forward (docs/adr/0006): intent at the account, the user ID taken, the
//! contract's code used, the outcome at the account. Every step has the intent's id in its request key, so the RPC and
//! the reaction to our own events may do it at the same time, and again after a crash, with one effect.

use decider::{Class, Classify, Decider};
use eventsourcing::{ExecuteError, Executed, Repository, Request};
use kernel::clock::Clock as _;
use kernel::{AccountId, EventId};
use rulebook::RegistrationRules;
use service::Context;

use crate::credentials::Credentials;
use crate::domain::account::{Registration, RegistrationRefusal};
use crate::domain::{
    Account, AccountCommand, AccountRejection, Entitlement, EntitlementCommand, EntitlementRejection,
    Reservation, ReservationCommand, ReservationId, ReservationRejection,
};

/// The steps' names. **Format**: request keys rest on them.
const RESERVE: &str = "reserve-user-id";
const USE_CODE: &str = "use-code";
const OUTCOME: &str = "outcome";
const GIVE_BACK: &str = "give-back";

#[derive(Clone)]
pub struct Registrar {
    accounts: Repository<Account>,
    entitlements: Repository<Entitlement>,
    reservations: Repository<Reservation>,
    credentials: Credentials,
    context: Context,
}

/// Why a registration was not finished.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    /// The account says no, or the others did before it.
    #[error(transparent)]
    Account(#[from] ExecuteError<AccountRejection>),
    /// The account's stream cannot be read.
    #[error(transparent)]
    Load(#[from] eventsourcing::LoadError),
    #[error(transparent)]
    Reservation(ExecuteError<ReservationRejection>),
    #[error(transparent)]
    Entitlement(ExecuteError<EntitlementRejection>),
    #[error(transparent)]
    Index(#[from] sqlx::Error),
}

impl Classify for RegistrarError {
    fn classify(&self) -> Class {
        match self {
            Self::Account(error) => error.classify(),
            Self::Load(error) => error.classify(),
            Self::Reservation(error) => error.classify(),
            Self::Entitlement(error) => error.classify(),
            Self::Index(error) => error.classify(),
        }
    }
}

/// What a step over another stream came to.
type Step = Result<Result<(), RegistrationRefusal>, RegistrarError>;

impl Registrar {
    /// Over the service's streams.
    pub fn new(context: &Context, credentials: Credentials) -> Self {
        Self {
            accounts: context.repository(),
            entitlements: context.repository(),
            reservations: context.repository(),
            credentials,
            context: context.clone(),
        }
    }

    /// Takes a registration whose intent is recorded to its end. `request` is the RPC's or the reaction's: the steps'
    /// keys come from the intent alone.
    ///
    /// # Errors
    /// [`AccountRejection::RegistrationRefused`] where it came to nothing.
    pub async fn finish(
        &self,
        account: AccountId,
        intent: EventId,
        request: &Request,
    ) -> Result<Executed<Account>, RegistrarError> {
        let state = self.accounts.load(account).await?.state;
        let refusal = match &state {
            Account::Registering(registration) => self
                .ask_others(account, intent, request, registration)
                .await?
                .err(),
            Account::Refused(_, refusal) => Some(*refusal),
            Account::Registered(_) => None,
            // Whoever comes this late may have taken the user ID after it was given back.
            Account::Closed(reservation) => {
                self.release_user_id(account, intent, request, *reservation)
                    .await?;
                return Err(ExecuteError::Rejected(AccountRejection::Closed).into());
            }
            Account::Unknown => return Err(ExecuteError::Rejected(AccountRejection::NoAccount).into()),
        };
        let outcome = self.record_outcome(account, intent, request, refusal).await?;
        // The other runner of these steps may have come to the opposite outcome first: the stream decides.
        if let Account::Refused(registration, refusal) = &outcome.state {
            self.give_back(account, intent, request, registration).await?;
            return Err(ExecuteError::Rejected(AccountRejection::RegistrationRefused(*refusal)).into());
        }
        if let (Some(holder), Some(revision)) = (outcome.state.holder(), outcome.revision) {
            self.credentials
                .put_password(account, holder.reservation, &holder.password, revision)
                .await?;
        }
        Ok(outcome)
    }

    async fn ask_others(
        &self,
        account: AccountId,
        intent: EventId,
        request: &Request,
        registration: &Registration,
    ) -> Step {
        let step = request.step(intent, RESERVE);
        let taken = self
            .reservations
            .execute(
                registration.reservation,
                &step,
                ReservationCommand::Take { account },
            )
            .await;
        if let Err(refusal) =
            refused(taken, |_| RegistrationRefusal::EmailAlreadyUsed).map_err(RegistrarError::Reservation)?
        {
            return Ok(Err(refusal));
        }
        let step = request.step(intent, USE_CODE);
        let command = EntitlementCommand::Register {
            account,
            rules: self.rules().clone(),
        };
        let used = self
            .entitlements
            .execute(registration.contract, &step, command)
            .await;
        refused(used, |rejection| match rejection {
            EntitlementRejection::Used => RegistrationRefusal::InitialCodeUsed,
            EntitlementRejection::NoCode
            | EntitlementRejection::NotYetKnown
            | EntitlementRejection::NotEligible(_)
            | EntitlementRejection::OutOfOrder(_) => RegistrationRefusal::ContractNotEligible,
        })
        .map_err(RegistrarError::Entitlement)
    }

    /// One step name for both outcomes: whichever is recorded first is found by the other.
    async fn record_outcome(
        &self,
        account: AccountId,
        intent: EventId,
        request: &Request,
        refusal: Option<RegistrationRefusal>,
    ) -> Result<Executed<Account>, RegistrarError> {
        let at = self.context.clock.now();
        let command = match refusal {
            Some(reason) => AccountCommand::RefuseRegistration { reason, at },
            None => AccountCommand::CompleteRegistration { at },
        };
        Ok(self
            .accounts
            .execute(account, &request.step(intent, OUTCOME), command)
            .await?)
    }

    async fn give_back(
        &self,
        account: AccountId,
        intent: EventId,
        request: &Request,
        registration: &Registration,
    ) -> Result<(), RegistrarError> {
        self.release_user_id(account, intent, request, registration.reservation)
            .await?;
        let step = request.step(intent, GIVE_BACK);
        let release = EntitlementCommand::Release { account };
        self.entitlements
            .execute(registration.contract, &step, release)
            .await
            .map_err(RegistrarError::Entitlement)?;
        Ok(())
    }

    async fn release_user_id(
        &self,
        account: AccountId,
        intent: EventId,
        request: &Request,
        reservation: ReservationId,
    ) -> Result<(), RegistrarError> {
        let release = ReservationCommand::Release { account };
        self.reservations
            .execute(reservation, &request.step(intent, GIVE_BACK), release)
            .await
            .map_err(RegistrarError::Reservation)?;
        Ok(())
    }

    fn rules(&self) -> &RegistrationRules {
        &self.context.rulebook.registration
    }
}

/// Tells a refusal, which is an answer, from a failure.
fn refused<D: Decider>(
    executed: Result<Executed<D>, ExecuteError<D::Rejection>>,
    refusal: impl FnOnce(D::Rejection) -> RegistrationRefusal,
) -> Result<Result<(), RegistrationRefusal>, ExecuteError<D::Rejection>> {
    match executed {
        Ok(_) => Ok(Ok(())),
        Err(ExecuteError::Rejected(rejection)) => Ok(Err(refusal(rejection))),
        Err(failure) => Err(failure),
    }
}

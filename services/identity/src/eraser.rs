//! An approved erasure, rolled forward (docs/adr/0006, 0015): the approval is the intent, then the key is destroyed, then
//! the certificate is recorded, then every account that saw the subject loses it, the last one taking the account's own
//! data along. Each step may be done twice with one effect, so the RPC and the reaction need not know of each other.

use decider::{Class, Classify, Decider as _};
use eventsourcing::{ExecuteError, Executed, RecordedEvent, Repository, Request, decode_sealed};
use kernel::clock::Clock as _;
use kernel::{AccountId, EventId, SubjectId};
use privacy::{ALGORITHM, KeyringError, Tombstone};
use service::tokens::CUSTOMER_ISSUER;
use service::{Context, ErasureCertificate, issue_certificate};

use crate::credentials::Credentials;
use crate::domain::signing_key::Purpose;
use crate::domain::subject::{Approved, Destroyed, ErasureState};
use crate::domain::{
    Account, AccountCommand, AccountEvent, AccountRejection, Reservation, ReservationCommand, ReservationId,
    ReservationRejection, Subject, SubjectCommand, SubjectEvent, SubjectRejection,
};
use crate::erasure_rows::ErasureRows;
use crate::known_addresses::KnownAddresses;
use crate::signing_keys::SigningKeys;
use crate::tokens::SignError;

/// The steps' names. **Format**: request keys rest on them.
const RECORD: &str = "record-erased";
const LOSE: &str = "lose-subject";

#[derive(Clone)]
pub struct Eraser {
    context: Context,
    keys: SigningKeys,
    subjects: Repository<Subject>,
    accounts: Repository<Account>,
    reservations: Repository<Reservation>,
    credentials: Credentials,
    addresses: KnownAddresses,
    rows: ErasureRows,
}

/// Why an erasure was not finished.
#[derive(Debug, thiserror::Error)]
pub enum EraserError {
    /// The subject says no.
    #[error(transparent)]
    Subject(#[from] ExecuteError<SubjectRejection>),
    #[error(transparent)]
    Account(#[from] ExecuteError<AccountRejection>),
    /// A user ID failed.
    #[error(transparent)]
    Reservation(#[from] ExecuteError<ReservationRejection>),
    /// A stream cannot be read.
    #[error(transparent)]
    Load(#[from] eventsourcing::LoadError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Rows(#[from] sqlx::Error),
    /// The certificate cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// An event of ours cannot be read.
    #[error(transparent)]
    Codec(#[from] eventsourcing::CodecError),
}

impl Eraser {
    /// Over the service's streams, signing with its keys.
    pub fn new(
        context: &Context,
        keys: SigningKeys,
        (credentials, addresses): (Credentials, KnownAddresses),
        rows: ErasureRows,
    ) -> Self {
        Self {
            subjects: context.repository(),
            accounts: context.repository(),
            reservations: context.repository(),
            context: context.clone(),
            keys,
            credentials,
            addresses,
            rows,
        }
    }

    /// Takes an erasure whose approval is recorded (event `intent`) to its end. `request` is the RPC's or the reaction's:
    /// the steps' keys come from the intent alone.
    pub async fn finish(
        &self,
        subject: SubjectId,
        intent: EventId,
        request: &Request,
    ) -> Result<Executed<Subject>, EraserError> {
        let outcome = self.destroy(subject, intent, request).await?;
        if let Some(approved) = approval(&outcome.state) {
            for account in self.rows.accounts_of(subject).await? {
                self.take_from(account, subject, approved, &request.step(intent, LOSE))
                    .await?;
            }
        }
        Ok(outcome)
    }

    /// The key goes, and the outcome is recorded with a certificate.
    async fn destroy(
        &self,
        subject: SubjectId,
        intent: EventId,
        request: &Request,
    ) -> Result<Executed<Subject>, EraserError> {
        let state = self.subjects.load(subject).await?.state;
        let Some(approved) = approval(&state) else {
            return Err(ExecuteError::Rejected(SubjectRejection::NotRequested).into());
        };
        let tombstone = self.context.keyring.destroy(subject).await?;
        let destroyed = self.destroyed(approved, intent, &tombstone)?;
        let record = SubjectCommand::RecordErased(Box::new(destroyed));
        let outcome = self
            .subjects
            .execute(subject, &request.step(intent, RECORD), record)
            .await?;
        if let Some(revision) = outcome.revision {
            self.rows.put(subject, &outcome.state, revision).await?;
        }
        Ok(outcome)
    }

    /// Of the tombstone and the approval alone: whoever comes second signs the same text.
    fn destroyed(
        &self,
        approved: &Approved,
        intent: EventId,
        tombstone: &Tombstone,
    ) -> Result<Destroyed, SignError> {
        let signer = self.keys.signer(Purpose::Certificates).map_err(SignError::Key)?;
        let key_digest = tombstone.digest.map(hex::encode);
        let certificate = ErasureCertificate {
            iss: CUSTOMER_ISSUER.to_owned(),
            sub: tombstone.subject,
            key_id: tombstone.key_id,
            algorithm: ALGORITHM.to_owned(),
            key_digest: key_digest.clone(),
            destroyed_at: tombstone.destroyed_at,
            ground: approved.request.ground.as_str().to_owned(),
            requested_by: approved.request.by.clone(),
            requested_at: approved.request.at,
            approved_by: approved.by.clone(),
            approved_at: approved.at,
            approval: intent,
            with_subject: approved.with,
        };
        Ok(Destroyed {
            subject: tombstone.subject,
            key_id: tombstone.key_id,
            algorithm: ALGORITHM.to_owned(),
            key_digest,
            destroyed_at: tombstone.destroyed_at,
            certificate: issue_certificate(signer.id(), signer.key(), &certificate)?,
        })
    }

    /// The account no longer sees the subject; with the last one it is closed and its own data go.
    async fn take_from(
        &self,
        account: AccountId,
        subject: SubjectId,
        approved: &Approved,
        request: &Request,
    ) -> Result<(), EraserError> {
        let command = AccountCommand::LoseSubject {
            subject,
            at: request.at,
        };
        let lost = self.accounts.execute(account, request, command).await?;
        match (self.accounts.load(account).await?.state, lost.revision) {
            (Account::Closed(reservation), Some(revision)) => {
                self.credentials.close(account, revision).await?;
                self.addresses.drop_all(account).await?;
                self.close(account, subject, reservation, approved, request).await
            }
            _ => Ok(()),
        }
    }

    async fn close(
        &self,
        account: AccountId,
        subject: SubjectId,
        reservation: ReservationId,
        approved: &Approved,
        request: &Request,
    ) -> Result<(), EraserError> {
        let release = ReservationCommand::Release { account };
        self.reservations.execute(reservation, request, release).await?;
        let own = SubjectId::of_account(account);
        let approval = Approved {
            with: Some(subject),
            ..approved.clone()
        };
        let follow = SubjectCommand::Follow {
            subject: own,
            approval,
        };
        let followed = self.subjects.execute(own, request, follow).await?;
        if let Some(revision) = followed.revision {
            self.rows.put(own, &followed.state, revision).await?;
        }
        // Nothing new: it was done before, waits for a hold, or its own approval's event leads on.
        match followed.events.first() {
            Some(intent) if followed.state.is_going() => {
                self.destroy(own, intent.recorded.id, request).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Leads on from an event of ours: approvals to their end, and registrations that ended after the erasure of what
    /// they see. Also keeps the rows.
    pub async fn heard(&self, event: &RecordedEvent) -> Result<(), EraserError> {
        match event.stream.category() {
            Subject::CATEGORY => self.heard_of_subject(event).await,
            Account::CATEGORY => self.heard_of_account(event).await,
            _ => Ok(()),
        }
    }

    async fn heard_of_subject(&self, event: &RecordedEvent) -> Result<(), EraserError> {
        let subject = SubjectId::from_uuid(event.stream.id());
        let loaded = self.subjects.load(subject).await?;
        if let Some(revision) = loaded.revision {
            self.rows.put(subject, &loaded.state, revision).await?;
        }
        match decode_sealed(event)? {
            SubjectEvent::ErasureApproved { .. } => {
                let request = Request::reaction(event, 0, self.context.clock.now());
                self.finish(subject, event.id, &request).await.map(|_| ())
            }
            // Destroyed by another instance, perhaps: what is cached here goes too.
            SubjectEvent::Erased { .. } => {
                self.context.keyring.forget();
                Ok(())
            }
            SubjectEvent::ErasureRequested { .. }
            | SubjectEvent::ErasureRejected { .. }
            | SubjectEvent::LegalHoldPlaced { .. }
            | SubjectEvent::LegalHoldReleased { .. } => Ok(()),
        }
    }

    async fn heard_of_account(&self, event: &RecordedEvent) -> Result<(), EraserError> {
        let account = AccountId::from_uuid(event.stream.id());
        let subjects = match decode_sealed(event)? {
            AccountEvent::RegistrationStarted { subjects, .. } => {
                return Ok(self.rows.sees(account, &subjects).await?);
            }
            AccountEvent::Registered { subjects, .. } => subjects,
            AccountEvent::RegistrationRefused { .. } => match self.accounts.load(account).await?.state {
                Account::Refused(registration, _) => registration.subjects,
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        for (subject, index) in subjects.into_iter().zip(0..) {
            let state = self.subjects.load(subject).await?.state;
            if let Some(approved) = approval(&state) {
                let request = Request::reaction(event, index, self.context.clock.now());
                self.take_from(account, subject, approved, &request).await?;
            }
        }
        Ok(())
    }
}

/// The approval of an erasure that is under way or done.
fn approval(subject: &Subject) -> Option<&Approved> {
    match &subject.erasure {
        ErasureState::Approved(approved) => Some(approved),
        ErasureState::Erased(erased) => Some(&erased.approved),
        ErasureState::Kept | ErasureState::Requested(_) => None,
    }
}

impl Classify for EraserError {
    fn classify(&self) -> Class {
        match self {
            Self::Subject(error) => error.classify(),
            Self::Account(error) => error.classify(),
            Self::Reservation(error) => error.classify(),
            Self::Load(error) => error.classify(),
            Self::Keyring(error) => error.classify(),
            Self::Rows(error) => error.classify(),
            Self::Sign(error) => error.classify(),
            Self::Codec(error) => error.classify(),
        }
    }
}

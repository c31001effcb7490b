//! Why a change can be refused, and what the caller is told. Texts are in `messages.toml`, one per reason.

use decider::{Explain, OutOfOrder, Problem, ProblemKind};
use jiff::civil::Date;
use rulebook::Contact;

use super::request::RequestState;

/// A field of a request that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its path in the request message.
    pub field: String,
    /// `UPPER_SNAKE`.
    pub reason: &'static str,
}

impl Violation {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, reason: &'static str) -> Self {
        Self {
            field: field.into(),
            reason,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such contract, or it is somebody else's.
    #[error("there is no such contract for this caller")]
    ContractNotFound,
    /// The contract has no such request.
    #[error("the contract has no such request")]
    EndorsementNotFound,
    /// The contract is of a kind that is not served here (ID-2).
    #[error("the contract is not eligible: {}", reasons.join(", "))]
    NotEligible {
        /// Every reason, `UPPER_SNAKE`.
        reasons: Vec<&'static str>,
        contact: Box<Contact>,
    },
    /// The contract cannot be handled online (EN-5).
    #[error("the contract cannot be handled online: {reason}")]
    NotOnline {
        /// Why, as the core system says.
        reason: String,
        contact: Box<Contact>,
    },
    /// Policyholder and insured are one: the insured section is to be used (EN-3).
    #[error("the insured section is to be used")]
    UseInsuredSection {
        /// Path of the section in the request.
        field: String,
    },
    /// Names change through the call centre only (EN-4).
    #[error("names change through the call centre")]
    NameChangeByCallCentre { contact: Box<Contact> },
    /// Fields that cannot be taken, all of them.
    #[error("{} field(s) cannot be taken", .0.len())]
    Malformed(Vec<Violation>),
    /// The effective date is before today in Japan (EN-7).
    #[error("the effective date is in the past")]
    EffectiveDatePast { today: Date },
    /// The effective date is too far ahead (EN-7).
    #[error("the effective date is after {latest}")]
    EffectiveDateTooFar {
        /// The last date that can be taken.
        latest: Date,
    },
    /// What is asked for already stands (EN-6).
    #[error("what is asked for already stands")]
    NothingToChange,
    /// An open request changes the same field (EN-13).
    #[error("request {receipt_number} is open on the same field")]
    OpenRequestExists {
        receipt_number: String,
        effective_date: Date,
    },
    /// A changed phone number is a changed login factor (EN-15).
    #[error("the session was not verified by a call")]
    CallVerificationRequired,
    /// What would be done is not what was shown (EN-8).
    #[error("what was shown is not what would be done")]
    ContentChanged,
    /// A warning needs to be confirmed (PV-15).
    #[error("the warning {warning} was not confirmed")]
    WarningNotAcknowledged { warning: &'static str },
    /// The request is in effect or over (EN-10).
    #[error("the request is {}", state.as_str())]
    EndorsementNotOpen { state: RequestState },
    /// A row of the core system that is not newer than the one before (EN-16).
    #[error(transparent)]
    OutOfOrder(#[from] OutOfOrder),
}

impl Explain for Rejection {
    fn explain(&self) -> Problem {
        use ProblemKind::{FailedPrecondition, InvalidArgument, NotFound, PermissionDenied};
        match self {
            Self::ContractNotFound => Problem::new(NotFound, "CONTRACT_NOT_FOUND"),
            Self::EndorsementNotFound => Problem::new(NotFound, "ENDORSEMENT_NOT_FOUND"),
            Self::NotEligible { reasons, contact } => {
                let problem = Problem::new(FailedPrecondition, "CONTRACT_NOT_ELIGIBLE")
                    .with("reasons", reasons.join(","))
                    .with_all(contact.facts());
                // As fields, because each reason has its own text.
                reasons
                    .iter()
                    .fold(problem, |problem, reason| problem.field("contract_id", reason))
            }
            Self::NotOnline { reason, contact } => Problem::new(FailedPrecondition, "CONTRACT_NOT_ONLINE")
                .with("offline_reason", reason)
                .with_all(contact.facts()),
            Self::UseInsuredSection { field } => {
                Problem::new(FailedPrecondition, "USE_INSURED_SECTION").field(field, "USE_INSURED_SECTION")
            }
            Self::NameChangeByCallCentre { contact } => {
                Problem::new(FailedPrecondition, "NAME_CHANGE_BY_CALL_CENTRE").with_all(contact.facts())
            }
            Self::Malformed(violations) => malformed(violations),
            Self::EffectiveDatePast { today } => Problem::new(InvalidArgument, "EFFECTIVE_DATE_PAST")
                .with("today", today.to_string())
                .field("effective_date", "EFFECTIVE_DATE_PAST"),
            Self::EffectiveDateTooFar { latest } => Problem::new(InvalidArgument, "EFFECTIVE_DATE_TOO_FAR")
                .with("latest", latest.to_string())
                .field("effective_date", "EFFECTIVE_DATE_TOO_FAR"),
            Self::NothingToChange => Problem::new(FailedPrecondition, "NOTHING_TO_CHANGE"),
            Self::OpenRequestExists {
                receipt_number,
                effective_date,
            } => Problem::new(FailedPrecondition, "OPEN_REQUEST_EXISTS")
                .with("receipt_number", receipt_number)
                .with("effective_date", effective_date.to_string()),
            Self::CallVerificationRequired => Problem::new(PermissionDenied, "CALL_VERIFICATION_REQUIRED"),
            Self::ContentChanged => Problem::new(FailedPrecondition, "CONTENT_CHANGED"),
            Self::WarningNotAcknowledged { warning } => {
                Problem::new(FailedPrecondition, "WARNING_NOT_ACKNOWLEDGED")
                    .with("warning", *warning)
                    .field("acknowledged_warnings", "WARNING_NOT_ACKNOWLEDGED")
            }
            Self::OutOfOrder(order) => order.explain(),
            Self::EndorsementNotOpen { state } => {
                Problem::new(FailedPrecondition, "ENDORSEMENT_NOT_OPEN").with("state", state.as_str())
            }
        }
    }
}

/// Each field says what is wrong with it.
fn malformed(violations: &[Violation]) -> Problem {
    let problem = Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT");
    violations.iter().fold(problem, |problem, violation| {
        problem.field(&violation.field, violation.reason)
    })
}

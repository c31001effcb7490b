//! Words all domains use: typed ids, time, phone numbers, policy numbers, match keys. What an insurer's rulebook changes is
//! in `rulebook`. Pure: no I/O, no async, and nothing of ours beneath it.
//! Values are parsed once, at the door; a value that exists is well formed.
#![warn(missing_docs)]

pub mod address;
pub mod caller;
pub mod capture;
pub mod characters;
pub mod clock;
pub mod dated;
pub mod email;
pub mod ids;
pub mod initial_code;
pub mod key_life;
mod marks;
pub mod names;
pub mod personal;
pub mod phone;
pub mod policy;

pub use address::Address;
pub use caller::{CallerId, MissingReason};
pub use capture::{CaptureFact, CaptureFacts};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use dated::Dated;
pub use email::EmailAddress;
pub use ids::{
    AccidentId, AccountId, ChallengeId, ContractId, EndorsementId, EventId, IdError, ImageId, KeyId, LoginId,
    SessionId, SubjectId, SubmissionId, UploadId,
};
pub use initial_code::InitialCode;
pub use key_life::{KeyLife, KeyState};
pub use personal::{Personal, SealedField};
pub use phone::{PhoneNumber, PhoneNumberError};
pub use policy::{BranchNumber, ClaimNumber, CustomerNumber, PolicyNumber};

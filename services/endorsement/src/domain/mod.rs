//! What endorsement decides: contracts as imported and their changes (異動). Pure: time, rules, keys and new ids come
//! inside the command, and nothing here waits for anything.

mod command;
mod confirm;
mod contract;
mod endorsement;
mod event;
mod import;
mod party;
mod phones;
mod rejection;
mod review;

pub use command::{Command, Requester, Submit};
pub use confirm::ConfirmKey;
pub use contract::{Contract, Standing};
pub use endorsement::{Endorsement, RequestState, RequestSummary, receipt_number};
pub use event::{ChangedPhones, Event};
pub use import::ImportedContract;
pub use party::{
    ContractKind, InsurerRole, InsurerShare, Parties, Party, PartyKind, PartyRole, Section, Terms,
};
pub use phones::{numbers_at, scheduled_or_in_force};
pub use rejection::{Rejection, Violation};
pub use review::{Asked, AskedChange, AskedItem, PhonesReview, Review, ReviewWarning, ReviewedPhone};

#[cfg(test)]
mod specifications;

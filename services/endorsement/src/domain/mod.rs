//! What endorsement decides: contracts as imported and their changes (異動). Pure: time, rules, keys and new ids come
//! inside the command, and nothing here waits for anything.

mod changes;
mod command;
mod confirm;
mod contract;
mod current;
mod event;
mod import;
mod party;
mod party_field;
mod rejection;
mod request;
mod requester;
mod review;
mod roles;
mod terms;

pub use changes::{
    AskedChange, Change, Content, FieldContent, Kind, PartyFields, Replacement, ReviewWarning, Reviewed,
    ReviewedAddress, ReviewedPhone, ReviewedPhones,
};
pub use command::{Asked, AskedItem, Command, ImportedContract, Submit};
pub use confirm::ConfirmKey;
pub use contract::Contract;
pub use current::{CurrentContract, Difference};
pub use event::Event;
pub use party::{Parties, Party, PartyKind};
pub use party_field::{Ahead, Contradiction, PartyField};
pub use rejection::{Rejection, Violation};
pub use request::{Endorsement, RequestState, RequestSummary, receipt_number};
pub use requester::Requester;
pub use review::{Review, ReviewedChange};
pub use roles::{PartyRole, Section};
pub use terms::{ContractKind, InsurerRole, InsurerShare, Terms};

#[cfg(test)]
mod specifications;

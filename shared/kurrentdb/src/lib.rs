//! The KurrentDB (EventStoreDB) backend of the event store. Alone in knowing the frozen client library, its faults and its
//! types (docs/adr/0011); to everybody else it is an `eventsourcing::EventStore`.
#![warn(missing_docs)]

mod connection;
mod failure;
mod follow;
mod records;
mod settings;
mod store;
mod subscription;

pub use settings::{KurrentSettings, KurrentSettingsError};
pub use store::KurrentStore;

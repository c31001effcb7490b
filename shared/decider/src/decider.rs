//! The decider: an aggregate as a pure function from state and command to events.

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::problem::Explain;

/// An aggregate. The implementing type is its state; `Default` is the state before the first event.
///
/// Pure: time, new ids and what others answered come inside the command.
pub trait Decider: Default + Clone + Send + Sync + 'static {
    /// The kind of stream, such as `contract`.
    const CATEGORY: &'static str;
    /// The aggregate's id.
    type Id: Copy + Send + Sync + Into<Uuid>;
    /// What can be asked of it.
    type Command: Clone + Send + Sync;
    /// What can have happened: an enum with `#[serde(tag = "type", content = "data")]` and struct variants renamed to
    /// versioned types such as `contract.imported.v1`; no floating-point numbers.
    type Event: Serialize + DeserializeOwned + Clone + Send + Sync;
    /// Why a command can be refused.
    type Rejection: Explain;

    /// What follows from the command, or why it is refused. No events means that what is asked already stands.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// The state after the event. Never fails: what is recorded has happened.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;
}

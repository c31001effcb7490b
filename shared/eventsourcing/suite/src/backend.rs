//! What the scenarios need of a backend. They know nothing else of it.

use std::sync::Arc;

use eventsourcing::{EventStore, StreamName};
use uuid::Uuid;

/// A fresh, empty store.
#[allow(async_fn_in_trait, reason = "only tests call it, on the thread they choose")]
pub trait Backend: Sized {
    /// Opens it.
    async fn open() -> Self;
    /// The store.
    fn store(&self) -> Arc<dyn EventStore>;
    /// The same store as another process would open it: nothing shared in memory.
    async fn elsewhere(&self) -> Arc<dyn EventStore>;
    /// The service whose store it is.
    fn service(&self) -> &'static str {
        "drill"
    }
    /// The stream of a ledger.
    fn stream(&self, id: u128) -> StreamName {
        StreamName::new(self.service(), "ledger", Uuid::from_u128(id))
    }
    /// Everything that is kept of events, as text.
    async fn kept(&self) -> Vec<String>;
}

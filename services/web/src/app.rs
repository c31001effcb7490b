//! What every page works with.

use std::sync::Arc;

use kernel::Clock;
use kernel::clock::Timestamp;
use rulebook::Rulebook;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::session::Sessions;

/// Files that are in memory at the same time: each may have 32 MiB.
const FILES_AT_ONCE: usize = 4;

/// What every page works with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) backend: Backend,
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rulebook: Arc<Rulebook>,
    /// Turns of files that are handed in without script.
    pub(crate) files: Arc<Semaphore>,
    /// Cancelled when the program stops: what waits for a change ends.
    pub(crate) stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(
        backend: Backend,
        sessions: Sessions,
        clock: Arc<dyn Clock>,
        rulebook: Arc<Rulebook>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            backend,
            sessions,
            clock,
            rulebook,
            files: Arc::new(Semaphore::new(FILES_AT_ONCE)),
            stopping,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

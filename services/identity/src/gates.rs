//! One at a time, by key, in the order of arrival, within this process: whoever waits holds no connection, and those who
//! work on the same stream do not undo each other's work.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use uuid::Uuid;

/// Keys that may be left over from those who have gone, before they are looked through.
const LEFT_OVER: usize = 1024;

/// The gates of one purpose. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Mutex<HashMap<Uuid, Weak<Gate<()>>>>>);

/// Nobody else is at this gate while it is held.
#[derive(Debug)]
#[must_use = "the gate is open again once this is dropped"]
pub struct Turn(#[allow(dead_code, reason = "held, not looked at")] OwnedMutexGuard<()>);

impl Gates {
    /// Waits for one's turn; the one who came first goes first.
    pub async fn turn(&self, key: Uuid) -> Turn {
        Turn(self.gate(key).lock_owned().await)
    }

    fn gate(&self, key: Uuid) -> Arc<Gate<()>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= LEFT_OVER && gates.len() == gates.capacity() {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        if let Some(gate) = gates.get(&key).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::new(Gate::new(()));
        gates.insert(key, Arc::downgrade(&gate));
        gate
    }
}

//! One worker at a time per upload in this process: a client that comes back takes its upload over from its own broken
//! connection, which may not have noticed yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kernel::ids::UploadId;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<UploadId, Weak<Slot>>>>);

#[derive(Debug, Default)]
struct Slot {
    lock: Arc<tokio::sync::Mutex<()>>,
    latest: Mutex<CancellationToken>,
}

/// The right to work on an upload, until dropped.
pub(crate) struct Turn {
    /// Cancelled when somebody else wants the turn.
    pub(crate) wanted: CancellationToken,
    _slot: Arc<Slot>,
    _guard: OwnedMutexGuard<()>,
}

impl Turns {
    /// Asks whoever has the turn to leave, and waits for it.
    pub(crate) async fn take(&self, upload: UploadId) -> Turn {
        let slot = self.slot(upload);
        let wanted = CancellationToken::new();
        let before = std::mem::replace(
            &mut *slot.latest.lock().unwrap_or_else(PoisonError::into_inner),
            wanted.clone(),
        );
        before.cancel();
        let guard = Arc::clone(&slot.lock).lock_owned().await;
        Turn {
            wanted,
            _slot: slot,
            _guard: guard,
        }
    }

    fn slot(&self, upload: UploadId) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&upload).and_then(Weak::upgrade) {
            return slot;
        }
        slots.retain(|_, slot| slot.strong_count() > 0);
        let slot = Arc::new(Slot::default());
        slots.insert(upload, Arc::downgrade(&slot));
        slot
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_newcomer_asks_the_holder_to_leave_and_gets_the_turn() {
        let turns = Turns::default();
        let upload = UploadId::from_uuid(Uuid::from_u128(1));
        let first = turns.take(upload).await;
        let other = turns.take(UploadId::from_uuid(Uuid::from_u128(2))).await;
        let ((), second) = tokio::join!(
            async {
                first.wanted.cancelled().await;
                drop(first);
            },
            turns.take(upload)
        );
        assert!(!second.wanted.is_cancelled() && !other.wanted.is_cancelled());
    }
}

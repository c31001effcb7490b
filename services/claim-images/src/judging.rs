//! One file at a time of each account is judged in this process: whoever hands in what takes long to decode keeps the others' places
//! free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use kernel::ids::AccountId;
use tokio::sync::OwnedMutexGuard;

type Lock = tokio::sync::Mutex<()>;

#[derive(Debug, Clone, Default)]
pub(crate) struct OneEach(Arc<Mutex<HashMap<AccountId, Weak<Lock>>>>);

impl OneEach {
    /// Waits until no other file of this account is judged. The right ends when it is dropped.
    pub(crate) async fn take(&self, account: AccountId) -> OwnedMutexGuard<()> {
        self.lock(account).lock_owned().await
    }

    fn lock(&self, account: AccountId) -> Arc<Lock> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&account).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(Lock::default());
        locks.insert(account, Arc::downgrade(&lock));
        lock
    }
}

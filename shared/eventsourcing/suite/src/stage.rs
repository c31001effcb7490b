//! A repository over a real store that loses answers, lets others in first, or conflicts for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use eventsourcing::{
    AppendError, Appended, Cursor, Entry, EventStore, Expected, Followed, NewEvent, RecordedEvent,
    Repository, StoreError, StreamName,
};
use futures::stream::BoxStream;
use privacy::{Keyring, MasterKey};
use testkit::TestDatabase;

use crate::backend::Backend;
use crate::drill::{Ledger, LedgerId};

/// The ledger most is about.
pub const LEDGER: LedgerId = LedgerId(1);

/// A store and a keyring, and repositories over them.
pub struct Stage<B> {
    /// The store.
    pub backend: B,
    /// The keyring.
    pub keyring: Keyring,
    _keys: TestDatabase,
}

impl<B: Backend> Stage<B> {
    /// Opens it.
    pub async fn open() -> Self {
        let keys = testkit::database().await.unwrap();
        privacy::MIGRATOR.run(&keys.pool).await.unwrap();
        let keyring = Keyring::new(keys.pool.clone(), MasterKey::from_hex(&"07".repeat(32)).unwrap());
        Self {
            backend: B::open().await,
            keyring,
            _keys: keys,
        }
    }

    /// A repository.
    pub fn repository(&self) -> Repository<Ledger> {
        self.over(self.backend.store())
    }

    /// A repository over another store of the same service.
    pub fn over(&self, store: Arc<dyn EventStore>) -> Repository<Ledger> {
        Repository::new(self.backend.service(), store, self.keyring.clone())
    }

    /// A repository whose store plays a trick on its first append.
    pub fn troubled(&self, trouble: Trouble) -> (Repository<Ledger>, Arc<Troubled>) {
        let store = Arc::new(Troubled {
            inner: self.backend.store(),
            trouble,
            appends: AtomicU32::new(0),
        });
        (self.over(Arc::clone(&store) as Arc<dyn EventStore>), store)
    }

    /// The first event of another ledger.
    pub async fn seventh(&self) -> RecordedEvent {
        let other = self.backend.stream(7);
        self.backend.store().read(&other, 0).await.unwrap().remove(0)
    }

    /// What the ledger holds.
    pub async fn recorded(&self) -> Vec<RecordedEvent> {
        let ledger = self.backend.stream(LEDGER.0);
        self.backend.store().read(&ledger, 0).await.unwrap()
    }
}

/// What happens to an append.
#[derive(Debug)]
pub enum Trouble {
    /// The append takes effect, the answer is lost.
    LostAnswer,
    /// Somebody else's request comes first, on the first append only.
    OvertakenOnce(Vec<NewEvent>),
    /// An earlier attempt of the same request arrives meanwhile; this one is told of a conflict.
    OwnAttemptArrives,
    /// Never this writer's turn.
    AlwaysConflict,
}

/// A store that plays a trick.
pub struct Troubled {
    inner: Arc<dyn EventStore>,
    trouble: Trouble,
    /// How many appends were tried.
    pub appends: AtomicU32,
}

#[async_trait]
impl EventStore for Troubled {
    async fn read(&self, stream: &StreamName, from: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        self.inner.read(stream, from).await
    }

    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        let first = self.appends.fetch_add(1, Ordering::SeqCst) == 0;
        match &self.trouble {
            Trouble::LostAnswer if first => {
                self.inner.append(stream, expected, events).await?;
                Err(StoreError::Unavailable("the connection was reset".into()).into())
            }
            Trouble::OvertakenOnce(others) if first => {
                self.inner.append(stream, expected, others.clone()).await?;
                self.inner.append(stream, expected, events).await
            }
            Trouble::OwnAttemptArrives if first => {
                self.inner.append(stream, expected, events.clone()).await?;
                self.inner.append(stream, expected, events).await
            }
            Trouble::AlwaysConflict => Err(AppendError::Conflict { actual: None }),
            _ => self.inner.append(stream, expected, events).await,
        }
    }

    async fn scan(&self, after: Option<Cursor>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(after, limit).await
    }

    async fn entry_at(&self, cursor: &Cursor) -> Result<Option<Entry>, StoreError> {
        self.inner.entry_at(cursor).await
    }

    fn follow(&self, after: Option<Cursor>) -> BoxStream<'static, Result<Followed, StoreError>> {
        self.inner.follow(after)
    }
}

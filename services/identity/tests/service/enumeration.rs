//! ID-6, ID-15: unknown and known users cost the same: as many hashes, as many looks into the index, and no look at a
//! stream. Counted, not timed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use eventsourcing::{
    AppendError, Appended, Cursor, Entry, EventStore, Expected, Followed, NewEvent, RecordedEvent,
    StoreError, StreamName,
};
use futures::stream::BoxStream;
use identity::api::Api;
use identity::{Config, Identity};
use service::{Context, Service, StartError, Wiring};

use crate::world::{CODE, Contract, PASSWORD, World, reason};

/// Identity with its parts in sight. One test uses it.
struct Watched;

static PARTS: Mutex<Option<(Api, Arc<AtomicU64>)>> = Mutex::new(None);

impl Service for Watched {
    const NAME: &'static str = Identity::NAME;
    const MESSAGES: &'static str = Identity::MESSAGES;
    type Config = Config;

    fn migrations() -> Vec<&'static sqlx::migrate::Migrator> {
        Identity::migrations()
    }

    fn publish() -> Option<messaging::Publish> {
        Identity::publish()
    }

    async fn start(config: Config, mut context: Context, wiring: &mut Wiring) -> Result<(), StartError> {
        let reads = Arc::new(AtomicU64::new(0));
        context.store = Arc::new(CountingStore {
            inner: context.store.clone(),
            reads: reads.clone(),
        });
        let api = identity::wire(&config, &context, wiring).await?;
        *PARTS.lock().unwrap() = Some((api, reads));
        Ok(())
    }
}

struct CountingStore {
    inner: Arc<dyn EventStore>,
    reads: Arc<AtomicU64>,
}

#[async_trait]
impl EventStore for CountingStore {
    async fn read(&self, stream: &StreamName, from: u64) -> Result<Vec<RecordedEvent>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(stream, from).await
    }

    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        self.inner.append(stream, expected, events).await
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

#[tokio::test]
async fn id_15_unknown_and_known_users_cost_the_same() {
    let world = World::<Watched>::of(&[]).await;
    let email = world.customer(1).await;
    let masked = world.contract(2, "*****").await;
    let weak = world.contract(3, crate::world::WEAK_CODE).await;
    let strong = world.contract(4, CODE).await;
    let (api, reads) = PARTS.lock().unwrap().clone().unwrap();
    let cost = || {
        (
            api.hashing.hashed(),
            api.credentials.lookups(),
            reads.load(Ordering::SeqCst),
        )
    };
    let spent = |before: (u64, u64, u64), after: (u64, u64, u64)| {
        (after.0 - before.0, after.1 - before.1, after.2 - before.2)
    };

    for user in [email.as_str(), "stranger@example.jp", "no address at all"] {
        let before = cost();
        assert_eq!(reason(world.login(user, "wrong").await), "LOGIN_FAILED");
        assert_eq!(spent(before, cost()), (1, 1, 0), "a failed login of {user}");
    }
    for contract in [&masked, &weak, &strong, &Contract::new(99)] {
        let before = cost();
        let refused = world.register(contract, "WRONG2CODE", "x@example.jp").await;
        assert_eq!(reason(refused), "INITIAL_CREDENTIALS_WRONG");
        assert_eq!(
            spent(before, cost()),
            (1, 1, 0),
            "a wrong code for {}",
            contract.policy
        );
    }

    // A full queue is told before the database is asked.
    let slow = |_| {
        let password = identity::domain::password::Password::typed("slow");
        let salt = identity::domain::password::Salt([1; 16]);
        api.hashing.hash(password, salt, api.hashing.cost())
    };
    let before = api.credentials.lookups();
    let storm = futures::future::join_all((0..200).map(slow));
    let (storm, login, code) = tokio::join!(
        storm,
        world.login(&email, PASSWORD),
        world.register(&strong, CODE, "x@example.jp")
    );
    assert!(storm.iter().any(Result::is_err), "the queue was not full");
    assert_eq!(
        (reason(login), reason(code)),
        ("LOGIN_BUSY".to_owned(), "LOGIN_BUSY".to_owned())
    );
    assert_eq!(api.credentials.lookups(), before);
}

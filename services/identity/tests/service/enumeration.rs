//! ID-6, ID-15: unknown and known users cost the same: as many hashes, as many looks into the index, and no look at a
//! stream. Counted, not timed.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use eventsourcing::{
    AppendError, Appended, Cursor, Entry, EventStore, Expected, Followed, NewEvent, RecordedEvent,
    StoreError, StreamName,
};
use futures::FutureExt as _;
use futures::stream::BoxStream;
use identity::api::Api;
use identity::domain::SlowHash;
use identity::domain::password::{HashCost, Password, Salt};
use identity::hashing::{Busy, HashingPool};
use identity::{Config, Identity};
use service::{Context, Service, StartError, Wiring};

use crate::world::{CODE, Contract, DEADLINE, PASSWORD, World, reason};

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

    let _queued = fill(&api.hashing).await;
    let before = api.credentials.lookups();
    let login = world.login(&email, PASSWORD).await;
    let code = world.register(&strong, CODE, "x@example.jp").await;
    assert_eq!([reason(login), reason(code)], ["LOGIN_BUSY", "LOGIN_BUSY"]);
    assert_eq!(
        api.credentials.lookups(),
        before,
        "the database was asked before the queue"
    );
}

type Queued = Pin<Box<dyn Future<Output = Result<SlowHash, Busy>> + Send>>;

/// Keeps every worker busy for seconds and every place before them taken, as long as what is returned is kept.
async fn fill(hashing: &HashingPool) -> Vec<Queued> {
    let cost = HashCost {
        t: 400,
        ..hashing.cost()
    };
    let mut queued: Vec<Queued> = Vec::new();
    let mut looks_full = 0;
    testkit::wait_for("a full queue", DEADLINE, async || {
        looks_full = if hashing.room().is_err() {
            looks_full + 1
        } else {
            0
        };
        while hashing.room().is_ok() {
            let pool = hashing.clone();
            let mut job: Queued =
                Box::pin(async move { pool.hash(Password::typed("slow"), Salt([1; 16]), cost).await });
            assert!(job.as_mut().now_or_never().is_none());
            queued.push(job);
        }
        // The workers have taken theirs.
        (looks_full == 3).then_some(())
    })
    .await;
    queued
}

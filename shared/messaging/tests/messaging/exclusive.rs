//! Work that one instance does at a time.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use messaging::exclusively;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::wait_for;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::tally::DEADLINE;
use crate::world::World;

const NAME: &str = "tidying";
const LEASE: Duration = Duration::from_secs(2);

/// When the work was begun, and when it was dropped.
#[derive(Clone, Default)]
struct Work {
    begun: Arc<Mutex<Vec<Instant>>>,
    dropped: Arc<Mutex<Vec<Instant>>>,
}

struct AtWork(Work);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.dropped.lock().unwrap().push(Instant::now());
    }
}

impl Work {
    async fn endless(self) -> Infallible {
        self.begun.lock().unwrap().push(Instant::now());
        let _at_work = AtWork(self);
        std::future::pending().await
    }

    /// Waits until it was begun so often; when that was for the last time.
    async fn begins(&self, times: usize) -> Instant {
        wait_for("the work to begin", DEADLINE, async || {
            self.begun.lock().unwrap().get(times - 1).copied()
        })
        .await
    }

    /// Waits until it was dropped; when that was.
    async fn drops(&self) -> Instant {
        wait_for("the work to be dropped", DEADLINE, async || {
            self.dropped.lock().unwrap().first().copied()
        })
        .await
    }
}

/// An instance with one connection.
struct Instance {
    pool: PgPool,
    work: Work,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Instance {
    async fn start(world: &World) -> Self {
        Self::start_with(world, LEASE).await
    }

    async fn start_with(world: &World, lease: Duration) -> Self {
        let options = world.consumer.pool.connect_options();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_with((*options).clone())
            .await
            .unwrap();
        let (work, shutdown, tasks) = (Work::default(), CancellationToken::new(), TaskTracker::new());
        let (own_pool, own_work, own_shutdown) = (pool.clone(), work.clone(), shutdown.clone());
        tasks.spawn(async move {
            exclusively(own_pool, NAME, lease, own_shutdown, || own_work.clone().endless()).await;
        });
        tasks.close();
        Self {
            pool,
            work,
            shutdown,
            tasks,
        }
    }

    async fn stop(&self) {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.tasks.wait())
            .await
            .expect("ends in time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_is_one_instances_until_it_stops_and_then_the_next_ones() {
    let world = World::new().await;
    let first = Instance::start(&world).await;
    first.work.begins(1).await;
    let second = Instance::start(&world).await;
    first.stop().await;
    assert!(second.work.begins(1).await >= first.work.drops().await);
    second.stop().await;
}

/// A standby looks four times while a lease lasts, not once in four leases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stands_by_notices_within_a_lease_that_it_is_free() {
    let world = World::new().await;
    let pool = &world.consumer.pool;
    sqlx::query(
        "INSERT INTO messaging.lease (name, holder, fence, expires_at) VALUES ($1, $2, 1, 'infinity')",
    )
    .bind(NAME)
    .bind(Uuid::nil())
    .execute(pool)
    .await
    .unwrap();
    let mut locking = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM messaging.lease FOR UPDATE")
        .execute(&mut *locking)
        .await
        .unwrap();
    // Four of these are longer than the deadline.
    let instance = Instance::start_with(&world, Duration::from_secs(12)).await;
    world.waiting_for_locks(1).await;
    // It looks while the lease is held, and the lease ends right after.
    let own_pool = pool.clone();
    let expiring = instance
        .tasks
        .spawn(async move { World::expire_lease(&own_pool).await });
    world.waiting_for_locks(2).await;
    locking.rollback().await.unwrap();
    expiring.await.unwrap();
    instance.work.begins(1).await;
    instance.stop().await;
}

/// A renewal that fails is tried again for as long as the lease lasts, and not longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_goes_on_without_the_database_while_the_lease_lasts_and_begins_anew_afterwards() {
    let world = World::new().await;
    let before = Instant::now();
    let instance = Instance::start(&world).await;
    instance.work.begins(1).await;
    let connection = instance.pool.acquire().await.unwrap();
    let lasted = instance.work.drops().await.duration_since(before);
    assert!(lasted >= LEASE, "the work was dropped after {lasted:?}");
    drop(connection);
    instance.work.begins(2).await;
    instance.stop().await;
}

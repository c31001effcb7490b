//! `bench-baselines STORE URL CLIENTS SECONDS` appends single events as fast as so many clients can, one after another each,
//! to streams of ten events of the client's own, and prints how many a second. STORE is `cqrs-es` or `disintegrate`.
//! `make bench` runs it in turn with our own store, on the same server and with the same event.

mod cqrs;
mod dis;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What every event holds, in every store that is compared.
pub(crate) const NOTE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Events of a stream before the next one begins.
pub(crate) const STREAM_EVENTS: u64 = 10;

/// A store, as the comparison uses it.
pub(crate) trait Store: Sized + Send + Sync + 'static {
    /// Connects, and makes its tables where they are missing.
    async fn open(pool: PgPool) -> Result<Self, Failure>;
    /// One client: appends until the time is over, and says how many.
    fn client(&self, until: Instant) -> impl Future<Output = Result<u64, Failure>> + Send;
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, url, clients, seconds] = arguments.as_slice() else {
        return Err("usage: bench-baselines cqrs-es|disintegrate URL CLIENTS SECONDS".into());
    };
    let (clients, seconds): (u32, f64) = (clients.parse()?, seconds.parse()?);
    // A connection for every client, so that none waits for another.
    let pool = PgPoolOptions::new()
        .min_connections(clients)
        .max_connections(clients);
    let pool = pool.connect(url).await?;
    let rate = match store.as_str() {
        "cqrs-es" => measure::<cqrs::Repository>(pool, clients, seconds).await?,
        "disintegrate" => measure::<dis::Ledger>(pool, clients, seconds).await?,
        other => return Err(format!("{other} is not known").into()),
    };
    println!("{rate:.1}");
    Ok(())
}

async fn measure<S: Store>(pool: PgPool, clients: u32, seconds: f64) -> Result<f64, Failure> {
    let store = Arc::new(S::open(pool).await?);
    // Statements are prepared and connections warm before the clock runs.
    run(&store, clients, seconds / 4.0).await?;
    run(&store, clients, seconds).await
}

/// Each client is a task of its own, as it is where our store is measured.
async fn run<S: Store>(store: &Arc<S>, clients: u32, seconds: f64) -> Result<f64, Failure> {
    let (start, mut running) = (Instant::now(), JoinSet::new());
    let until = start + Duration::from_secs_f64(seconds);
    for _ in 0..clients {
        let store = Arc::clone(store);
        running.spawn(async move { store.client(until).await });
    }
    let mut appended = 0;
    while let Some(client) = running.join_next().await {
        appended += client??;
    }
    Ok(appended as f64 / start.elapsed().as_secs_f64())
}

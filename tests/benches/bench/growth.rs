//! Whether appending, executing a command and following cost the same however much is stored. Stores of different sizes
//! stand beside each other on one server and take turns; the smallest is the baseline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eventsourcing::{Cursor, EventStore as _, Followed, PostgresStore, Repository};
use futures::StreamExt as _;
use privacy::{Keyring, MasterKey};
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use testkit::PrivatePostgres;

use crate::extent::Extent;
use crate::failure::Failure;
use crate::ledger::{Ledger, SERVICE};
use crate::report::Report;
use crate::{clients, server};

const CLIENTS: usize = 16;
/// Events at the end of the log that a follower reads.
const FOLLOWED: i64 = 10_000;
/// Events of one transaction while a store is filled.
const CHUNK: i64 = 200_000;

/// A store that holds so many events.
struct Filled {
    stored: i64,
    store: PostgresStore,
    repository: Repository<Ledger>,
}

pub(crate) async fn measure(extent: Extent, report: &mut Report) -> Result<(), Failure> {
    let mut postgres = server::start().await?;
    let keyring = keyring(&postgres).await?;
    let mut stores = Vec::new();
    for stored in extent.stored {
        let store = server::store(&postgres, &format!("stored_{stored}")).await?;
        fill(store.pool(), *stored).await?;
        let repository = Repository::new(SERVICE, Arc::new(store.clone()), keyring.clone());
        stores.push(Filled {
            stored: *stored,
            store,
            repository,
        });
    }
    for filled in &stores {
        clients::commands(&filled.repository, CLIENTS, extent.turn / 2).await?;
    }
    let mut figures: Vec<[Vec<f64>; 3]> = stores.iter().map(|_| <[Vec<f64>; 3]>::default()).collect();
    for _ in 0..extent.rounds {
        for (filled, [appends, commands, followed]) in stores.iter().zip(&mut figures) {
            appends.push(clients::appends(&filled.store, CLIENTS, extent.turn).await?);
            commands.push(clients::commands(&filled.repository, CLIENTS, extent.turn).await?);
            followed.push(follow(&filled.store, extent.turn).await?);
        }
    }
    if let Some((smallest, larger)) = figures.split_first() {
        let names = ["appends, 16 clients", "commands, 16 clients", "following, events"];
        for (filled, rates) in stores.iter().skip(1).zip(larger) {
            for ((name, rates), baseline) in names.into_iter().zip(rates).zip(smallest) {
                let least = stores.first().map_or(0, |filled| filled.stored);
                let name = format!("{name}, {} stored ÷ {least} stored", filled.stored);
                report.turns(name, "1/s", rates, baseline);
            }
        }
    }
    postgres.stop().await;
    Ok(())
}

async fn keyring(postgres: &PrivatePostgres) -> Result<Keyring, Failure> {
    postgres.create_database("keyring").await?;
    let pool = PgPool::connect(&postgres.url("keyring")).await?;
    privacy::MIGRATOR.run(&pool).await?;
    Ok(Keyring::new(pool, MasterKey::from_hex(&"07".repeat(32))?))
}

/// Events a second of a follower that begins some way before the end.
async fn follow(store: &PostgresStore, at_most: Duration) -> Result<f64, Failure> {
    let row = sqlx::query(
        "SELECT epoch, xid::text::bigint AS xid, position FROM store.event ORDER BY epoch DESC, xid DESC, position DESC
         OFFSET $1 LIMIT 1",
    );
    let row = row.bind(FOLLOWED).fetch_one(store.pool()).await?;
    let word = |column| row.get::<i64, _>(column).cast_unsigned();
    let after = Cursor::postgres(word("epoch"), word("xid"), word("position"));
    let (start, mut events) = (Instant::now(), 0_u64);
    while start.elapsed() < at_most {
        let mut following = store.follow(Some(after));
        loop {
            match following.next().await {
                Some(Ok(Followed::Event(_) | Followed::Unreadable(_))) => events += 1,
                Some(Ok(Followed::CaughtUp)) => break,
                Some(Err(error)) => return Err(error.into()),
                None => return Err("a follower ended".into()),
            }
        }
    }
    Ok(events as f64 / start.elapsed().as_secs_f64())
}

/// Fills an empty store by SQL, streams of ten events each, without its indexes, which are made again afterwards.
async fn fill(pool: &PgPool, events: i64) -> Result<(), Failure> {
    run(
        pool,
        "ALTER TABLE store.event DROP CONSTRAINT event_order, DROP CONSTRAINT event_revision,
        DROP CONSTRAINT event_request, DROP CONSTRAINT event_identity",
    )
    .await?;
    let mut from = 0;
    while from < events {
        let to = (from + CHUNK).min(events);
        run(pool, &format!("WITH made AS (
                SELECT n, md5('stream ' || n / 10)::uuid AS id, md5('request ' || n)::uuid AS request
                FROM generate_series({from}::bigint, {to} - 1) AS n
            )
            INSERT INTO store.event (epoch, stream, revision, event_id, request_key, request_index, type, data, metadata)
            SELECT (SELECT epoch FROM store.epoch), 'bench.ledger-' || id, n % 10, md5('event ' || n)::uuid, request, 0,
                'ledger.noted.v1', json_build_object('amount', 4711, 'note', repeat('0123456789abcdef', 4)),
                json_build_object('request_key', request, 'request_index', 0, 'payload_hash', repeat('00', 32), 'actor',
                    json_build_object('kind', 'account', 'id', request), 'correlation_id', request, 'occurred_at',
                    '1970-01-01T00:00:00Z')
            FROM made ORDER BY n"))
        .await?;
        from = to;
    }
    run(
        pool,
        "INSERT INTO store.stream_head (stream, revision)
        SELECT stream, max(revision) FROM store.event GROUP BY stream",
    )
    .await?;
    for constraint in [
        "event_order PRIMARY KEY (epoch, xid, position)",
        "event_revision UNIQUE (stream, revision)",
        "event_request UNIQUE (stream, request_key, request_index)",
        "event_identity UNIQUE (event_id)",
    ] {
        run(
            pool,
            &format!("ALTER TABLE store.event ADD CONSTRAINT {constraint}"),
        )
        .await?;
    }
    run(pool, "VACUUM (ANALYZE) store.event").await?;
    run(pool, "VACUUM (ANALYZE) store.stream_head").await?;
    run(pool, "CHECKPOINT").await
}

/// On a connection that may take its time.
async fn run(pool: &PgPool, statement: &str) -> Result<(), Failure> {
    let mut connection = pool.acquire().await?;
    sqlx::query("SET statement_timeout = 0")
        .execute(&mut *connection)
        .await?;
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut *connection)
        .await?;
    sqlx::query("SET statement_timeout = '30s'")
        .execute(&mut *connection)
        .await?;
    Ok(())
}

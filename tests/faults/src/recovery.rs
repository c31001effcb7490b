//! How long a fault was felt: until a command tried after it is acknowledged and the views hold its event.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use eventsourcing::Cursor;
use service::ConsistencyToken;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::pace::pass;

/// How often the views are looked at.
const LOOK: Duration = Duration::from_millis(25);

/// By what an acknowledged command's event is found in the views.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// The consistency token of the answer.
    Token(ConsistencyToken),
    /// The key its event is stored under.
    Key(&'static str, Uuid),
}

#[derive(Debug)]
struct Injection {
    at: Instant,
    /// A command of one of these proves the recovery.
    services: Vec<&'static str>,
    proof: Option<Proof>,
}

/// The faults that are still felt, and how long the others were.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    open: Mutex<Vec<Injection>>,
    took: Mutex<Vec<Duration>>,
}

impl Recovery {
    /// A fault was injected: these services are without something they need.
    pub(crate) fn injected(&self, services: &[&'static str]) {
        if let Ok(mut open) = self.open.lock() {
            open.push(Injection {
                at: Instant::now(),
                services: services.to_vec(),
                proof: None,
            });
        }
    }

    /// A command that was tried last at `tried` was acknowledged by `service`.
    pub(crate) fn acknowledged(&self, service: &'static str, tried: Instant, proof: &Proof) {
        if let Ok(mut open) = self.open.lock() {
            for injection in open.iter_mut() {
                if injection.proof.is_none() && injection.at < tried && injection.services.contains(&service)
                {
                    injection.proof = Some(proof.clone());
                }
            }
        }
    }

    /// Looks at the views until `stop`.
    pub(crate) async fn watch(&self, pools: &BTreeMap<&'static str, PgPool>, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let waiting = self
                .open
                .lock()
                .is_ok_and(|open| open.iter().any(|injection| injection.proof.is_some()));
            // A database that is away is part of the game; the next look follows.
            if waiting && let Ok(seen) = seen(pools).await {
                self.close(pools, &seen).await;
            }
            pass(LOOK).await;
        }
    }

    async fn close(&self, pools: &BTreeMap<&'static str, PgPool>, seen: &BTreeMap<String, Cursor>) {
        let proofs: Vec<Proof> = self.open.lock().map_or_else(
            |_| Vec::new(),
            |open| {
                open.iter()
                    .filter_map(|injection| injection.proof.clone())
                    .collect()
            },
        );
        let mut tokens = BTreeMap::new();
        for proof in proofs {
            if let Proof::Key(service, key) = proof
                && let Some(cursor) = cursor_of(pools, service, key).await
            {
                tokens.insert(key, (service, cursor));
            }
        }
        let visible = |service: &str, cursor: &Cursor| seen.get(service) >= Some(cursor);
        let done = |injection: &Injection| match &injection.proof {
            Some(Proof::Token(token)) => visible(&token.service, &token.cursor),
            Some(Proof::Key(_, key)) => tokens
                .get(key)
                .is_some_and(|(service, cursor)| visible(service, cursor)),
            None => false,
        };
        if let (Ok(mut open), Ok(mut took)) = (self.open.lock(), self.took.lock()) {
            took.extend(
                open.iter()
                    .filter(|injection| done(injection))
                    .map(|injection| injection.at.elapsed()),
            );
            open.retain(|injection| !done(injection));
        }
    }

    /// Forgets what is still felt: the round has ended, nobody sends commands that could prove anything.
    pub(crate) fn end_round(&self) {
        if let Ok(mut open) = self.open.lock() {
            open.clear();
        }
    }

    /// How long faults were felt, the shortest first.
    pub(crate) fn durations(&self) -> Vec<Duration> {
        let mut took = self.took.lock().map_or_else(|_| Vec::new(), |took| took.clone());
        took.sort_unstable();
        took
    }
}

/// How far the views have applied each source.
async fn seen(pools: &BTreeMap<&'static str, PgPool>) -> Result<BTreeMap<String, Cursor>, sqlx::Error> {
    let Some(pool) = pools.get(contracts::names::VIEWS) else {
        return Ok(BTreeMap::new());
    };
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT source, cursor FROM messaging.subscription WHERE cursor IS NOT NULL")
            .fetch_all(pool)
            .await?;
    let mut seen: BTreeMap<String, Cursor> = BTreeMap::new();
    for (source, cursor) in rows {
        if let Ok(cursor) = Cursor::from_bytes(&cursor) {
            let furthest = seen.entry(source).or_insert(cursor);
            *furthest = (*furthest).max(cursor);
        }
    }
    Ok(seen)
}

/// Where the event of a key stands.
async fn cursor_of(pools: &BTreeMap<&'static str, PgPool>, service: &str, key: Uuid) -> Option<Cursor> {
    let pool = pools.get(service)?;
    let row: (i64, i64, i64) = sqlx::query_as(
        "SELECT epoch, xid::text::bigint, position FROM store.event WHERE request_key = $1 ORDER BY position LIMIT 1",
    )
    .bind(key)
    .fetch_optional(pool)
    .await
    .ok()??;
    let [epoch, xid, position] = [row.0, row.1, row.2].map(i64::cast_unsigned);
    Some(Cursor::postgres(epoch, xid, position))
}

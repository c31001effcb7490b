//! What a component is doing at this moment, as its database shows it: the phase a kill is counted under.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::names::{SERVICES as PUBLISHERS, VIEWS};
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::failure::Failure;

/// A database that does not answer by then tells nothing.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What a component does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It does not serve yet.
    Startup,
    /// An append is active in its database.
    Append,
    /// A handler's transaction is open.
    Apply,
    /// Its store is ahead of its relay.
    Publish,
    /// None of these: it follows, and waits.
    Follow,
}

/// Connections of the suite's own, past the proxies.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) pools: BTreeMap<&'static str, PgPool>,
}

impl Observer {
    /// `url` names each service's database.
    pub(crate) fn new(url: impl Fn(&str) -> String) -> Result<Self, Failure> {
        let services = PUBLISHERS.into_iter().chain([VIEWS]);
        let pools = services
            .map(|service| {
                let options = PgPoolOptions::new()
                    .max_connections(2)
                    .acquire_timeout(ANSWER_WITHIN);
                Ok((service, options.connect_lazy(&url(service))?))
            })
            .collect::<Result<_, sqlx::Error>>()?;
        Ok(Self { pools })
    }

    /// What the first of these services that is at something does. A database that does not answer shows nothing.
    pub(crate) async fn phase(&self, services: &[&'static str]) -> Phase {
        let mut phase = Phase::Follow;
        for service in services {
            if let Some(pool) = self.pools.get(service)
                && let Ok(seen) = look(pool, *service != VIEWS).await
            {
                phase = phase.min(seen);
            }
        }
        phase
    }

    pub(crate) async fn close(&self) {
        for pool in self.pools.values() {
            pool.close().await;
        }
    }
}

async fn look(pool: &PgPool, publishes: bool) -> Result<Phase, sqlx::Error> {
    let (appending, applying): (bool, bool) = sqlx::query_as(
        "SELECT coalesce(bool_or(state = 'active' AND query LIKE '%store.append%'), false),
                coalesce(bool_or(state LIKE 'idle in transaction%' OR query LIKE '%messaging.subscription%' AND state = 'active'), false)
           FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_one(pool)
    .await?;
    if appending {
        return Ok(Phase::Append);
    }
    if applying {
        return Ok(Phase::Apply);
    }
    if publishes && relay_is_behind(pool).await? {
        return Ok(Phase::Publish);
    }
    Ok(Phase::Follow)
}

async fn relay_is_behind(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT coalesce((SELECT event_id FROM store.event ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1)
                <> (SELECT scanned_event_id FROM messaging.relay_checkpoint LIMIT 1), false)",
    )
    .fetch_one(pool)
    .await
}

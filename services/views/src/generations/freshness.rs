//! How far the views have come, and waiting until they hold what a command has answered. What is waited on is the cursor in
//! the database, so it does not matter which replica applies.

use std::time::Duration;

use contracts::views::v1::{Freshness, SourceFreshness, SourceProgress};
use decider::Problem;
use eventsourcing::Position;
use messaging::{SubscriptionStatus, is_parked, position_of};
use service::{ConsistencyToken, SubscriptionHandle, refuse};
use sqlx::PgPool;
use tonic::Status;

use super::generation::Generation;
use crate::problem::{behind, not_shown};

/// How long a query waits for what its consistency tokens name.
const PATIENCE: Duration = Duration::from_secs(5);
/// How soon what another replica applied is noticed.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Answers are as current as what queries read.
const CONSUMER: &str = Generation::Serving.consumer();

/// The sources and what this instance knows of its subscriptions to them.
pub(crate) struct Sources {
    pool: PgPool,
    handles: Vec<(&'static str, SubscriptionHandle)>,
}

impl Sources {
    pub(crate) fn new(pool: PgPool, handles: Vec<(&'static str, SubscriptionHandle)>) -> Self {
        Self { pool, handles }
    }

    /// Waits, at most [`PATIENCE`] in all, until the views hold what the tokens name; refuses where they have set that aside. Empty tokens (nothing was public)
    /// need no waiting.
    pub(crate) async fn wait_for(&self, tokens: &[String]) -> Result<(), Status> {
        let mut wanted = Vec::new();
        for (index, text) in tokens.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let field = format!("consistency_tokens[{index}]");
            let refused = || refuse(Problem::invalid(field.as_str(), "CONSISTENCY_TOKEN_INVALID"));
            let token: ConsistencyToken = text.parse().map_err(|_| refused())?;
            let (source, handle) = self
                .handles
                .iter()
                .find(|(source, _)| *source == token.service)
                .ok_or_else(refused)?;
            wanted.push((*source, handle.clone(), token));
        }
        let mut waited_for = "";
        let all = async {
            for (source, handle, token) in wanted {
                waited_for = source;
                self.wait_for_one(source, handle, &token).await?;
                if is_parked(&self.pool, CONSUMER, source, &token.cursor).await? {
                    return Ok(Some(source));
                }
            }
            Ok::<_, sqlx::Error>(None)
        };
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(source))) => Err(refuse(not_shown(source))),
            Ok(Err(error)) => Err(refuse(error)),
            Err(_) => Err(refuse(behind(waited_for))),
        }
    }

    async fn wait_for_one(
        &self,
        source: &'static str,
        mut handle: SubscriptionHandle,
        token: &ConsistencyToken,
    ) -> Result<(), sqlx::Error> {
        let mut look = tokio::time::interval(LOOK_AGAIN);
        loop {
            let position = position_of(&self.pool, CONSUMER, source).await?;
            if position.is_some_and(|position| position.cursor >= token.cursor) {
                return Ok(());
            }
            tokio::select! {
                _ = look.tick() => {}
                // The sender lives as long as the service.
                Ok(()) = handle.changed() => {}
            }
        }
    }

    /// How current an answer read now is.
    pub(crate) async fn freshness(&self) -> Result<Freshness, Status> {
        let mut sources = Vec::with_capacity(self.handles.len());
        for (source, handle) in &self.handles {
            let position = position_of(&self.pool, CONSUMER, source).await.map_err(refuse)?;
            sources.push(SourceFreshness {
                service: (*source).to_owned(),
                cursor: position
                    .map(|position| position.cursor.to_string())
                    .unwrap_or_default(),
                lag_ms: lag_ms(*handle.borrow()),
            });
        }
        Ok(Freshness { sources })
    }

    /// How far the next generation has come towards the serving one.
    pub(crate) async fn progress(&self) -> Result<Vec<SourceProgress>, Status> {
        let mut sources = Vec::with_capacity(self.handles.len());
        for (source, _) in &self.handles {
            let of = |generation: Generation| position_of(&self.pool, generation.consumer(), source);
            let serving = of(Generation::Serving).await.map_err(refuse)?;
            let next = of(Generation::Next).await.map_err(refuse)?;
            sources.push(SourceProgress {
                service: (*source).to_owned(),
                cursor: next
                    .map(|position| position.cursor.to_string())
                    .unwrap_or_default(),
                per_mille: per_mille(next, serving),
            });
        }
        Ok(sources)
    }
}

/// By the store's own numbering, which also counts events that are not published.
fn per_mille(next: Option<Position>, serving: Option<Position>) -> u32 {
    let place = |position: Option<Position>| position.map_or(0, |position| u128::from(position.cursor.b()));
    if next >= serving {
        return 1_000;
    }
    let part = place(next) * 1_000 / place(serving).max(1);
    u32::try_from(part.min(999)).unwrap_or(999)
}

fn lag_ms(status: SubscriptionStatus) -> i64 {
    if status.active {
        i64::try_from(status.lag().as_millis()).unwrap_or(i64::MAX)
    } else {
        -1
    }
}

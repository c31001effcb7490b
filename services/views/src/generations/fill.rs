//! Fills the next generation from the feeds, never further than the serving one has come.

use contracts::names::SERVICES;
use eventsourcing::Position;
use futures::future::try_join_all;
use messaging::{RefillError, Refilled, Subscription, Until, position_of};
use service::{Context, StartError};
use sqlx::PgPool;

use super::generation::Generation;
use crate::sources::projector;

/// The subscriptions of the next generation.
pub(super) struct Filler {
    pool: PgPool,
    sources: Vec<(&'static str, Subscription)>,
}

impl Filler {
    /// `pool` is a run's own, so that runs take no connections from queries.
    pub(super) fn new(context: &Context, pool: PgPool) -> Result<Self, StartError> {
        let mut sources = Vec::with_capacity(SERVICES.len());
        for source in SERVICES {
            let projector = projector(source, context.keyring.clone(), Generation::Next.schema());
            let consumer = Generation::Next.consumer();
            let subscription = context.refill(consumer, source, pool.clone(), projector)?;
            sources.push((source, subscription));
        }
        Ok(Self { pool, sources })
    }

    /// Fills until where the serving generation stands now, all sources at once. Answers the sources that do not hold what the
    /// serving generation applied: they were restored from an older copy, and are read to their end.
    pub(super) async fn fill(&self) -> Result<Vec<&'static str>, RefillError> {
        let filled = self.sources.iter().map(|(source, subscription)| async move {
            let Some(serving) = self.serving(source).await? else {
                return Ok(None);
            };
            match subscription.refill(Until::Event(serving)).await? {
                Refilled::There => Ok(None),
                Refilled::NotThere => {
                    subscription.refill(Until::End).await?;
                    Ok::<_, RefillError>(Some(*source))
                }
            }
        });
        let diverged = try_join_all(filled).await?;
        Ok(diverged.into_iter().flatten().collect())
    }

    async fn serving(&self, source: &str) -> Result<Option<Position>, RefillError> {
        position_of(&self.pool, Generation::Serving.consumer(), source)
            .await
            .map_err(|error| RefillError::Interrupted(error.into()))
    }
}

//! Does what was asked for, on one instance at a time, and goes on where another one was interrupted: each step looks at what
//! is there before it does anything.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contracts::names::SERVICES;
use messaging::{RefillError, exclusively, hold, take_over};
use service::{Context, StartError};
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgPool, PgTransaction};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::compare::compare;
use super::fill::Filler;
use super::generation::{self, Generation, NO_STATEMENT_TIMEOUT};
use super::registry::{Comparison, End, Registry, Run, Stage};

/// How long a dead instance's run waits for its successor.
const LEASE: Duration = Duration::from_secs(10);
/// How soon a run asked of another instance is noticed, and a cancelled one let go.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long the serving generation may be held up while the last events are closed.
const HOLD_WITHIN: Duration = Duration::from_secs(2);
/// One that holds, one that compares.
const CONNECTIONS: u32 = 2;

pub(crate) struct Worker {
    context: Context,
    registry: Registry,
    /// A run's own connections, so that it takes none from queries and batches.
    pool: PgPool,
    filler: Filler,
}

/// Why a run has not come to its end yet.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// Cancelled, or worked off by somebody else.
    #[error("the run was ended")]
    Ended,
    /// A migration has changed the serving tables since the next ones were made.
    #[error("the tables were changed")]
    Changed,
    #[error(transparent)]
    Fill(#[from] RefillError),
    #[error("the database did not do what a run needs")]
    Database(#[from] sqlx::Error),
}

impl Worker {
    pub(crate) fn new(context: Context, registry: Registry) -> Result<Self, StartError> {
        let options = context.pool.connect_options().as_ref().clone();
        let pool = pool(options.clone(), CONNECTIONS);
        // A crash may take the last rows of an unfinished generation with the cursors that name them; the switch is a commit of
        // the other pool, which waits for everything before it.
        let filling = options.options([("synchronous_commit", "off")]);
        let connections = u32::try_from(SERVICES.len()).unwrap_or(CONNECTIONS);
        let filler = Filler::new(&context, self::pool(filling, connections))?;
        Ok(Self {
            context,
            registry,
            pool,
            filler,
        })
    }

    /// Runs until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let worker = Arc::new(self);
        let pool = worker.context.pool.clone();
        exclusively(pool, "views-run", LEASE, shutdown, || {
            let worker = worker.clone();
            async move { worker.work().await }
        })
        .await;
        Ok(())
    }

    async fn work(&self) -> Infallible {
        loop {
            match self.next().await {
                Ok(true) => {}
                Ok(false) => {
                    // Woken early, or not; either way what there is to do stands in the database.
                    let _ = timeout(LOOK_AGAIN, self.registry.changed().notified()).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a run is tried again from where it stands"
                    );
                    let _ = timeout(LOOK_AGAIN, std::future::pending::<()>()).await;
                }
            }
        }
    }

    /// Works the run under way off; false if there is none.
    async fn next(&self) -> Result<bool, RunError> {
        let Some(run) = self.registry.under_way().await? else {
            generation::drop_leftovers(&self.pool).await?;
            return Ok(false);
        };
        let outcome = tokio::select! {
            outcome = self.carry_out(&run) => outcome,
            ended = self.until_ended(&run) => ended,
        };
        match outcome {
            Ok(()) | Err(RunError::Ended) => Ok(true),
            Err(RunError::Changed) => {
                tracing::warn!(run.id = %run.id, "a migration has changed the view tables: the run begins anew");
                generation::start_over(&self.pool).await?;
                Ok(true)
            }
            Err(RunError::Fill(RefillError::Subscription(error))) => {
                // The source was restored while its feed was read.
                tracing::warn!(run.id = %run.id, error = &error as &dyn std::error::Error, "a run begins anew");
                generation::start_over(&self.pool).await?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns when the run's row has been ended by somebody else.
    async fn until_ended(&self, run: &Run) -> Result<(), RunError> {
        loop {
            let _ = timeout(LOOK_AGAIN, self.registry.changed().notified()).await;
            let now = self.registry.under_way().await?;
            if now.is_none_or(|now| now.id != run.id) {
                tracing::warn!(run.id = %run.id, "the run was cancelled; what it filled is dropped");
                return Ok(());
            }
        }
    }

    async fn carry_out(&self, run: &Run) -> Result<(), RunError> {
        self.stage(run, Stage::Filling).await?;
        if generation::prepare(&self.pool, run.id).await? {
            // So that what is read anew is not opened with keys that were destroyed since.
            self.context.keyring.forget();
            tracing::info!(run.id = %run.id, run.kind = run.kind, "a new generation of the views is filled");
        }
        self.filler.fill().await?;
        generation::index(&self.pool).await?;
        let (snapshot, diverged) = self.same_cursors(run).await?;
        let found = self.compared(run, snapshot).await?;
        report(run, &found);
        if run.is_rebuild() {
            self.switch(run).await
        } else {
            self.conclude(run, &diverged).await
        }
    }

    /// Holds the serving generation for a moment, closes the rest, and answers a transaction whose snapshot sees both
    /// generations at the same cursors, with the sources of which there is no same cursor.
    async fn same_cursors(&self, run: &Run) -> Result<(PgTransaction<'static>, Vec<&'static str>), RunError> {
        self.stage(run, Stage::Comparing).await?;
        let (held, diverged) = self.hold().await?;
        let mut snapshot = self
            .pool
            .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        // The snapshot is taken by the first statement that reads a table.
        sqlx::query("SELECT FROM rebuild.run LIMIT 1")
            .execute(&mut *snapshot)
            .await?;
        held.rollback().await?;
        Ok((snapshot, diverged))
    }

    /// Locks the serving generation's cursors with the next one filled up to them. Most is closed before the lock is taken; where
    /// the rest takes too long, the lock is let go and taken again.
    async fn hold(&self) -> Result<(PgTransaction<'static>, Vec<&'static str>), RunError> {
        loop {
            self.filler.fill().await?;
            let mut held = self.pool.begin().await?;
            hold(&mut held, Generation::Serving.consumer()).await?;
            match timeout(HOLD_WITHIN, self.filler.fill()).await {
                Ok(diverged) => return Ok((held, diverged?)),
                Err(_) => held.rollback().await?,
            }
        }
    }

    async fn compared(
        &self,
        run: &Run,
        mut snapshot: PgTransaction<'static>,
    ) -> Result<Vec<Comparison>, RunError> {
        sqlx::query(NO_STATEMENT_TIMEOUT).execute(&mut *snapshot).await?;
        if !generation::is_complete(&mut snapshot).await? {
            return Err(RunError::Changed);
        }
        let found = compare(&mut snapshot).await?;
        snapshot.rollback().await?;
        self.registry.store_comparisons(run.id, &found).await?;
        Ok(found)
    }

    async fn switch(&self, run: &Run) -> Result<(), RunError> {
        self.stage(run, Stage::Switching).await?;
        let (mut held, _) = self.hold().await?;
        generation::block_ddl(&mut held).await?;
        if !generation::is_complete(&mut held).await? {
            return Err(RunError::Changed);
        }
        if !self.registry.end(&mut held, run.id, End::Done, None).await? {
            return Err(RunError::Ended);
        }
        generation::switch(&mut held).await?;
        take_over(
            &mut held,
            Generation::Serving.consumer(),
            Generation::Next.consumer(),
        )
        .await?;
        held.commit().await?;
        tracing::warn!(run.id = %run.id, "the views were rebuilt: the new generation serves");
        Ok(())
    }

    /// Ends an audit. With a source that was restored there was nothing to compare at the same place.
    async fn conclude(&self, run: &Run, diverged: &[&str]) -> Result<(), RunError> {
        let failure = (!diverged.is_empty())
            .then(|| format!("{} was restored from an older copy", diverged.join(", ")));
        let end = if failure.is_some() { End::Failed } else { End::Done };
        let mut tx = self.pool.begin().await?;
        if !self
            .registry
            .end(&mut tx, run.id, end, failure.as_deref())
            .await?
        {
            return Err(RunError::Ended);
        }
        tx.commit().await?;
        Ok(())
    }

    async fn stage(&self, run: &Run, stage: Stage) -> Result<(), RunError> {
        if self.registry.set_stage(run.id, stage).await? {
            Ok(())
        } else {
            Err(RunError::Ended)
        }
    }
}

fn pool(options: PgConnectOptions, connections: u32) -> PgPool {
    eventsourcing::PostgresStore::pool_options()
        .max_connections(connections)
        .idle_timeout(Duration::from_mins(1))
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(options)
}

fn report(run: &Run, found: &[Comparison]) {
    for comparison in found.iter().filter(|comparison| comparison.differing > 0) {
        tracing::warn!(
            run.id = %run.id, run.kind = run.kind, table = comparison.table, rows = comparison.differing,
            "rows of the views are not what the events make of them"
        );
    }
}

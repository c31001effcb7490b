//! The views' rows are those a rebuild makes from the feeds.

use std::collections::{BTreeMap, BTreeSet};

use client::{Refusal, request_id};
use contracts::names::VIEWS;
use contracts::views::v1::{GetViewsStatusRequest, RebuildViewsRequest, ViewsRunState};
use sqlx::PgPool;

use super::AT_REST_WITHIN;
use crate::environment::Environment;
use crate::failure::Failure;

/// Differing rows that are told.
const TOLD: usize = 3;

/// The rows of each table as text.
type Dump = BTreeMap<String, BTreeSet<String>>;

pub(super) async fn judge(environment: &Environment) -> Result<Vec<String>, Failure> {
    let pool = environment.pool(VIEWS)?;
    let before = dump(pool).await?;
    let request = RebuildViewsRequest {
        request_id: request_id(),
    };
    let rebuilt = testkit::poll(AT_REST_WITHIN, async || rebuilt(environment, &request).await);
    let failure = rebuilt.await.map_err(|seen| {
        let seen = seen.map_or_else(|| "no answer".to_owned(), |seen| seen.to_string());
        format!("the views were not rebuilt: {seen}")
    })?;
    if let Some(failure) = failure {
        return Ok(vec![format!("the rebuild of the views failed: {failure}")]);
    }
    Ok(differences(&before, &dump(pool).await?))
}

/// Asks for the rebuild, again and again under one request id, and waits for its end; why it failed, if it did.
async fn rebuilt(
    environment: &Environment,
    request: &RebuildViewsRequest,
) -> Result<Option<String>, Failure> {
    let told = |status| Failure::from(Refusal::from(status).to_string());
    let mut admin = environment.client.views_admin(&environment.administrator()?);
    let begun = admin.rebuild_views(request.clone()).await.map_err(told)?;
    let status = admin
        .get_views_status(GetViewsStatusRequest {})
        .await
        .map_err(told)?;
    let run = status.into_inner().run.unwrap_or_default();
    match run.state() {
        _ if run.run_id != begun.into_inner().run_id => Err("another run is shown".into()),
        ViewsRunState::Done => Ok(None),
        ViewsRunState::Failed | ViewsRunState::Cancelled => Ok(Some(run.failure)),
        state => Err(format!("the run is {state:?}").into()),
    }
}

/// The serving generation's rows, opened and without instants of arrival (docs/adr/0014).
async fn dump(pool: &PgPool) -> Result<Dump, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as("SELECT table_name, content FROM rebuild.dump('view')")
        .fetch_all(pool)
        .await?;
    let mut dump = Dump::new();
    for (table, row) in rows {
        dump.entry(table).or_default().insert(row);
    }
    Ok(dump)
}

fn differences(before: &Dump, after: &Dump) -> Vec<String> {
    let empty = BTreeSet::new();
    let mut problems = Vec::new();
    for table in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let served = before.get(table).unwrap_or(&empty);
        let rebuilt = after.get(table).unwrap_or(&empty);
        let mut differing: Vec<_> = served
            .difference(rebuilt)
            .map(|row| format!("view {table}: only before the rebuild: {row}"))
            .collect();
        differing.extend(
            rebuilt
                .difference(served)
                .map(|row| format!("view {table}: only after the rebuild: {row}")),
        );
        if differing.len() > TOLD {
            problems.push(format!("view {table}: {} rows differ", differing.len()));
            differing.truncate(TOLD);
        }
        problems.extend(differing);
    }
    problems
}

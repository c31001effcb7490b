//! What operators do with the views. A rebuild empties the tables and forgets the cursors in one transaction; the
//! subscriptions start over from their cursors and read everything again, from the streams or from the feeds.

use std::sync::Arc;

use contracts::views::v1::views_admin_service_server::ViewsAdminService;
use contracts::views::v1::{
    GetViewsStatusRequest, GetViewsStatusResponse, RebuildViewsRequest, RebuildViewsResponse, ViewTable,
};
use jiff_sqlx::ToSqlx as _;
use service::{Context, caller, command, refuse};
use sqlx::AssertSqlSafe;
use tonic::{Request, Response, Status, async_trait};

use crate::CONSUMER;
use crate::freshness::Sources;

/// Every table of the views; a test compares with what the migrations made.
const TABLES: [&str; 9] = [
    "accident",
    "account",
    "contract",
    "contract_endorsement_date",
    "image",
    "phones",
    "request",
    "submission",
    "timeline",
];

/// Answers operators.
pub(crate) struct Api {
    context: Context,
    sources: Arc<Sources>,
}

impl Api {
    pub(crate) fn new(context: Context, sources: Arc<Sources>) -> Self {
        Self { context, sources }
    }

    /// Begins a rebuild; false if this request has begun one before.
    async fn rebuild(&self, key: uuid::Uuid, asked_by: &str) -> Result<bool, sqlx::Error> {
        let mut tx = self.context.pool.begin().await?;
        let new = sqlx::query(
            "INSERT INTO rebuild.asked (request_key, asked_by, asked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(key)
        .bind(asked_by)
        .bind(self.context.clock.now().to_sqlx())
        .execute(&mut *tx)
        .await?;
        if new.rows_affected() == 0 {
            return Ok(false);
        }
        // Cursors before tables, as every batch takes them: nobody writes to the tables while they are emptied.
        messaging::rewind(&mut tx, CONSUMER).await?;
        // DELETE, because TRUNCATE would lock out readers, and could wait for one that waits for it.
        for table in TABLES {
            sqlx::query(AssertSqlSafe(format!("DELETE FROM view.{table}")))
                .execute(&mut *tx)
                .await?;
        }
        // While no batch can run, so that what is read anew is not opened with keys that were destroyed since.
        self.context.keyring.forget();
        tx.commit().await?;
        Ok(true)
    }
}

#[async_trait]
impl ViewsAdminService for Api {
    async fn rebuild_views(
        &self,
        request: Request<RebuildViewsRequest>,
    ) -> Result<Response<RebuildViewsResponse>, Status> {
        let envelope = command(
            &self.context,
            "RebuildViews",
            &request,
            &request.get_ref().request_id,
        )
        .map_err(refuse)?;
        let asked_by = caller(&request).scope().unwrap_or_default();
        if self
            .rebuild(envelope.key.as_uuid(), &asked_by)
            .await
            .map_err(refuse)?
        {
            tracing::warn!(caller = %asked_by, "the views are emptied and refilled from the feeds");
        }
        Ok(Response::new(RebuildViewsResponse {}))
    }

    async fn get_views_status(
        &self,
        _request: Request<GetViewsStatusRequest>,
    ) -> Result<Response<GetViewsStatusResponse>, Status> {
        let mut tables = Vec::with_capacity(TABLES.len());
        for name in TABLES {
            let rows = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM view.{name}")))
                .fetch_one(&self.context.pool)
                .await
                .map_err(refuse)?;
            tables.push(ViewTable {
                name: name.to_owned(),
                rows,
            });
        }
        Ok(Response::new(GetViewsStatusResponse {
            freshness: Some(self.sources.freshness().await?),
            tables,
        }))
    }
}

//! What operators do with the views: have them rebuilt or audited, look how far that is, and end it.

use std::sync::Arc;

use contracts::views::v1::views_admin_service_server::ViewsAdminService;
use contracts::views::v1::{
    AuditViewsRequest, AuditViewsResponse, CancelViewsRunRequest, CancelViewsRunResponse, DifferingRow,
    GetViewsStatusRequest, GetViewsStatusResponse, ParkedEntity, RebuildViewsRequest, RebuildViewsResponse,
    RowDifference, TableComparison, ViewTable, ViewsRun, ViewsRunKind, ViewsRunState,
};
use kernel::Timestamp;
use service::{Context, caller, command, refuse};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::freshness::Sources;
use super::generation::Generation;
use super::registry::{Begun, Comparison, Kind, Registry, Run};
use crate::model::TABLES;
use crate::model::named::Named as _;
use crate::problem::{no_run_under_way, run_under_way};

/// Entities with parked messages that are named.
const MOST_PARKED: u16 = 100;

pub(crate) struct Api {
    context: Context,
    sources: Arc<Sources>,
    registry: Registry,
}

impl Api {
    pub(crate) fn new(context: Context, sources: Arc<Sources>, registry: Registry) -> Self {
        Self {
            context,
            sources,
            registry,
        }
    }

    /// Begins a run, or finds the one that this request has begun; answers its id.
    async fn begin<T: prost::Message>(
        &self,
        kind: Kind,
        request: &Request<T>,
        request_id: &str,
    ) -> Result<Uuid, Status> {
        let envelope = command(&self.context, request, request_id).map_err(refuse)?;
        let key = envelope.key.as_uuid();
        let asked_by = caller(request).scope().unwrap_or_default();
        match self.registry.begin(kind, key, &asked_by).await.map_err(refuse)? {
            Begun::Other(kind) => return Err(refuse(run_under_way(&kind))),
            Begun::New => {
                tracing::warn!(run.id = %key, run.kind = kind.as_str(), caller = %asked_by, "a run is begun");
            }
            Begun::Before => {}
        }
        Ok(key)
    }

    /// What the views that serve lack.
    async fn parked(&self) -> Result<Vec<ParkedEntity>, Status> {
        let consumer = Generation::Serving.consumer();
        let found = messaging::parked_entities(&self.context.pool, consumer, MOST_PARKED).await;
        let shown = found.map_err(refuse)?.into_iter().map(|entity| ParkedEntity {
            source: entity.source,
            entity_id: entity.entity_id.map(|id| id.to_string()).unwrap_or_default(),
            messages: entity.messages,
            event_id: entity.event_id.to_string(),
            error: entity.error,
        });
        Ok(shown.collect())
    }

    async fn run(&self) -> Result<Option<ViewsRun>, Status> {
        let Some(run) = self.registry.latest().await.map_err(refuse)? else {
            return Ok(None);
        };
        let found = self.registry.comparisons(run.id).await.map_err(refuse)?;
        let mut shown = render(run);
        if shown.ended_at_us == 0 {
            shown.sources = self.sources.progress().await?;
        }
        shown.tables = found.into_iter().map(comparison).collect();
        Ok(Some(shown))
    }
}

#[async_trait]
impl ViewsAdminService for Api {
    async fn rebuild_views(
        &self,
        request: Request<RebuildViewsRequest>,
    ) -> Result<Response<RebuildViewsResponse>, Status> {
        let request_id = &request.get_ref().request_id;
        let run = self.begin(Kind::Rebuild, &request, request_id).await?;
        Ok(Response::new(RebuildViewsResponse {
            run_id: run.to_string(),
        }))
    }

    async fn audit_views(
        &self,
        request: Request<AuditViewsRequest>,
    ) -> Result<Response<AuditViewsResponse>, Status> {
        let request_id = &request.get_ref().request_id;
        let run = self.begin(Kind::Audit, &request, request_id).await?;
        Ok(Response::new(AuditViewsResponse {
            run_id: run.to_string(),
        }))
    }

    async fn cancel_views_run(
        &self,
        request: Request<CancelViewsRunRequest>,
    ) -> Result<Response<CancelViewsRunResponse>, Status> {
        let request_id = &request.get_ref().request_id;
        let envelope = command(&self.context, &request, request_id).map_err(refuse)?;
        let asked_by = caller(&request).scope().unwrap_or_default();
        let key = envelope.key.as_uuid();
        if self.registry.cancel(key, &asked_by).await.map_err(refuse)? {
            Ok(Response::new(CancelViewsRunResponse {}))
        } else {
            Err(refuse(no_run_under_way()))
        }
    }

    async fn get_views_status(
        &self,
        _request: Request<GetViewsStatusRequest>,
    ) -> Result<Response<GetViewsStatusResponse>, Status> {
        let mut tables = Vec::with_capacity(TABLES.len());
        for table in &TABLES {
            let rows = self.registry.rows(table.name).await.map_err(refuse)?;
            tables.push(ViewTable {
                name: table.name.to_owned(),
                rows,
            });
        }
        Ok(Response::new(GetViewsStatusResponse {
            freshness: Some(self.sources.freshness().await?),
            tables,
            run: self.run().await?,
            parked: self.parked().await?,
        }))
    }
}

fn render(run: Run) -> ViewsRun {
    ViewsRun {
        run_id: run.id.to_string(),
        kind: ViewsRunKind::of(&run.kind).into(),
        state: ViewsRunState::of(&run.state).into(),
        failure: run.failure.unwrap_or_default(),
        started_at_us: run.started_at.as_microsecond(),
        ended_at_us: run.ended_at.map(Timestamp::as_microsecond).unwrap_or_default(),
        ..ViewsRun::default()
    }
}

fn comparison(found: Comparison) -> TableComparison {
    let first = found.first.into_iter().map(|row| DifferingRow {
        key: row.row_key,
        difference: RowDifference::of(&row.how).into(),
        columns: row.columns,
    });
    TableComparison {
        name: found.table,
        serving_rows: found.rows.0,
        rebuilt_rows: found.rows.1,
        serving_checksum: found.checksums.0,
        rebuilt_checksum: found.checksums.1,
        differing_rows: found.differing,
        first_differing: first.collect(),
    }
}

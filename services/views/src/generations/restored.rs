//! What the serving generation does where its source no longer holds what it applied: the source was restored from an older
//! copy, so the views are rebuilt and serve what they have until then.

use std::sync::Arc;

use async_trait::async_trait;
use eventsourcing::{Position, RequestKey};
use messaging::{Delivery, Divergence, Handler, HandlerError, OnDiverged, PreparedBatch};
use sqlx::PgTransaction;
use uuid::Uuid;

use super::registry::{Kind, Registry};

/// A handler that asks for a rebuild where it cannot go on.
pub(crate) struct RebuiltOnDivergence {
    handler: Arc<dyn Handler>,
    registry: Registry,
}

impl RebuiltOnDivergence {
    pub(crate) fn new(handler: Arc<dyn Handler>, registry: Registry) -> Self {
        Self { handler, registry }
    }
}

#[async_trait]
impl Handler for RebuiltOnDivergence {
    async fn handle(&self, tx: &mut PgTransaction<'_>, batch: &[Delivery]) -> Result<(), HandlerError> {
        self.handler.handle(tx, batch).await
    }

    async fn prepare(&self, batch: Vec<Delivery>) -> Result<Box<dyn PreparedBatch>, HandlerError> {
        self.handler.prepare(batch).await
    }

    /// A rebuild makes the tables anew while they go on serving, and moves the cursors. One divergence asks for one: if that
    /// is cancelled, it is the operator's.
    async fn on_diverged(
        &self,
        _tx: &mut PgTransaction<'_>,
        divergence: &Divergence,
    ) -> Result<OnDiverged, HandlerError> {
        let asked_by = "system:views";
        // An event that came back after a restore has its id again, and another place.
        let Position { cursor, event_id } = divergence.position;
        let place = Uuid::new_v5(&event_id.as_uuid(), cursor.to_string().as_bytes());
        let key = RequestKey::derive(asked_by, "RebuildViews", place).as_uuid();
        self.registry.begin(Kind::Rebuild, key, asked_by).await?;
        Ok(OnDiverged::Await)
    }
}

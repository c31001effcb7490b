//! The import of accidents (EN-16).

use async_trait::async_trait;
use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest, ImportAccidentsResponse};
use decider::Violations;
use eventsourcing::{ExecuteError, Request as Envelope};
use kernel::ids::{AccidentId, SubjectId};
use prost::Message as _;
use service::import::{Batch, Good, Import, Recorded, RowError, RowOrder, import};
use service::{command, refuse};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use super::row::read;
use crate::domain::{Command, ImportedAccident, Rejection};

pub(super) async fn import_accidents(
    api: &Api,
    request: Request<ImportAccidentsRequest>,
) -> Result<Response<ImportAccidentsResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let message = request.get_ref();
    let batch = Batch::read(message.as_of_us, message.dry_run, envelope.at).map_err(refuse)?;
    let accidents = Accidents { api, envelope };
    let results = import(&api.context, &accidents, batch, &message.rows).await?;
    Ok(Response::new(ImportAccidentsResponse { results }))
}

struct Accidents<'a> {
    api: &'a Api,
    envelope: Envelope,
}

/// An accident as it was read.
struct Row {
    accident: Box<ImportedAccident>,
    digest: String,
}

#[async_trait]
impl Import for Accidents<'_> {
    type Message = AccidentRow;
    type Row = Row;

    const ENTITY_COLUMN: &'static str = "claim_number";

    fn line(message: &AccidentRow) -> u32 {
        message.line
    }

    fn read(&self, message: &AccidentRow) -> Result<Good<Row>, Violations> {
        let accident = read(message, self.envelope.at)?;
        let row = Row {
            accident: Box::new(accident),
            digest: digest(self.api, message),
        };
        Ok(row.into())
    }

    fn entity(row: &Row) -> Uuid {
        AccidentId::of_claim(&row.accident.claim_number).as_uuid()
    }

    fn subjects(row: &Row) -> Vec<(SubjectId, &'static str)> {
        vec![(row.accident.subject, "customer_number")]
    }

    async fn record(&self, Row { accident, digest }: Row, order: RowOrder) -> Result<Recorded, RowError> {
        let id = AccidentId::of_claim(&accident.claim_number);
        // A retry of the batch is recognised row by row, and by the row's content.
        let envelope = Envelope {
            payload_hash: digest.clone(),
            ..self.envelope.clone()
        };
        let command = Command::Import {
            accident,
            row_digest: digest,
            as_of: order.as_of(),
        };
        let done = order.batch.carry_out(&self.api.accidents, id, &envelope, command);
        match done.await {
            Ok(done) => Ok(done.into()),
            Err(ExecuteError::Rejected(Rejection::CustomerChanged)) => Err(RowError::Refused(
                Violations::of("customer_number", "CUSTOMER_CHANGED"),
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// Keyed, because a plain hash of a row could be searched for a place. The line is no content.
fn digest(api: &Api, row: &AccidentRow) -> String {
    let content = AccidentRow {
        line: 0,
        ..row.clone()
    };
    hex::encode(api.context.pepper.hash("accident-row", &content.encode_to_vec()))
}

//! The import of accidents (EN-16).

use async_trait::async_trait;
use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest, ImportAccidentsResponse};
use decider::Violations;
use eventsourcing::{ExecuteError, Request as Envelope};
use kernel::ids::{AccidentId, SubjectId};
use prost::Message as _;
use service::import::{Import, Recorded, RowError, import};
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
    let accidents = Accidents { api, envelope };
    let results = import(&api.context, &accidents, &request.get_ref().rows).await?;
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

    fn read(&self, message: &AccidentRow) -> Result<Row, Violations> {
        let accident = read(message, self.envelope.at)?;
        Ok(Row {
            accident: Box::new(accident),
            digest: digest(self.api, message),
        })
    }

    fn entity(row: &Row) -> Uuid {
        AccidentId::of_claim(&row.accident.claim_number).as_uuid()
    }

    fn subjects(row: &Row) -> Vec<(SubjectId, &'static str)> {
        vec![(row.accident.subject, "customer_number")]
    }

    async fn record(&self, Row { accident, digest }: Row) -> Result<Recorded, RowError> {
        let id = AccidentId::of_claim(&accident.claim_number);
        // A retry of the batch is recognised row by row, and by the row's content.
        let envelope = Envelope {
            payload_hash: digest.clone(),
            ..self.envelope.clone()
        };
        let command = Command::Import {
            accident,
            row_digest: digest,
        };
        match self.api.accidents.execute(id, &envelope, command).await {
            Ok(executed) => Ok(Recorded::by(&executed)),
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

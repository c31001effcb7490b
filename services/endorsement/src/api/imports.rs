//! The import of contracts (EN-16).

use async_trait::async_trait;
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest, ImportContractsResponse};
use decider::Violations;
use eventsourcing::Request as Envelope;
use kernel::ids::{ContractId, SubjectId};
use prost::Message as _;
use service::import::{Import, Recorded, RowError, import};
use service::{command, refuse};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use super::row::read;
use crate::domain::{Command, ImportedContract};

pub(super) async fn import_contracts(
    api: &Api,
    request: Request<ImportContractsRequest>,
) -> Result<Response<ImportContractsResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let contracts = Contracts { api, envelope };
    let results = import(&api.context, &contracts, &request.get_ref().rows).await?;
    Ok(Response::new(ImportContractsResponse { results }))
}

struct Contracts<'a> {
    api: &'a Api,
    envelope: Envelope,
}

#[async_trait]
impl Import for Contracts<'_> {
    type Message = ContractRow;
    type Row = Box<ImportedContract>;

    const ENTITY_COLUMN: &'static str = "policy_number";

    fn line(message: &ContractRow) -> u32 {
        message.line
    }

    fn read(&self, message: &ContractRow) -> Result<Self::Row, Violations> {
        let digest = digest(self.api, message);
        read(message, digest, &self.api.context.rulebook, self.envelope.at).map(Box::new)
    }

    fn entity(row: &Self::Row) -> Uuid {
        id(row).as_uuid()
    }

    fn subjects(row: &Self::Row) -> Vec<(SubjectId, &'static str)> {
        let policyholder = (row.policyholder.subject, "policyholder.customer_number");
        let insured = row.insured.as_ref();
        let insured = insured.map(|insured| (insured.subject, "insured.customer_number"));
        [Some(policyholder), insured].into_iter().flatten().collect()
    }

    async fn record(&self, row: Self::Row) -> Result<Recorded, RowError> {
        // A retry of the batch is recognised row by row, and by the row's content.
        let envelope = Envelope {
            payload_hash: row.row_digest.clone(),
            ..self.envelope.clone()
        };
        let executed = self
            .api
            .contracts
            .execute(id(&row), &envelope, Command::Import(row))
            .await?;
        Ok(Recorded::by(&executed))
    }
}

fn id(row: &ImportedContract) -> ContractId {
    ContractId::of_policy(&row.terms.policy_number, &row.terms.branch_number)
}

/// Keyed, because a plain hash of a row could be searched for a phone number. The line is no content.
fn digest(api: &Api, row: &ContractRow) -> String {
    let content = ContractRow {
        line: 0,
        ..row.clone()
    };
    hex::encode(api.context.pepper.hash("contract-row", &content.encode_to_vec()))
}

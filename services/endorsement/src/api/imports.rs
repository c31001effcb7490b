//! The import of contracts (EN-16).

use async_trait::async_trait;
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest, ImportContractsResponse};
use decider::Violations;
use eventsourcing::Request as Envelope;
use kernel::ids::{ContractId, SubjectId};
use prost::Message as _;
use service::import::{Batch, Good, Import, Recorded, RowError, RowOrder, import};
use service::{command, refuse};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use super::party_row;
use super::row::read;
use crate::domain::{Command, CurrentContract, ImportedContract, Kind, PartyRole};

pub(super) async fn import_contracts(
    api: &Api,
    request: Request<ImportContractsRequest>,
) -> Result<Response<ImportContractsResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let message = request.get_ref();
    let batch = Batch::read(message.as_of_us, message.dry_run, envelope.at).map_err(refuse)?;
    let contracts = Contracts { api, envelope, batch };
    let results = import(&api.context, &contracts, batch, &message.rows).await?;
    Ok(Response::new(ImportContractsResponse { results }))
}

struct Contracts<'a> {
    api: &'a Api,
    envelope: Envelope,
    batch: Batch,
}

#[async_trait]
impl Import for Contracts<'_> {
    type Message = ContractRow;
    type Row = Box<ImportedContract>;

    const ENTITY_COLUMN: &'static str = "policy_number";

    fn line(message: &ContractRow) -> u32 {
        message.line
    }

    fn read(&self, message: &ContractRow) -> Result<Good<Self::Row>, Violations> {
        let digest = digest(self.api, message);
        let instants = [self.batch.as_of, self.envelope.at];
        let Good { row, left_out } = read(message, digest, &self.api.context.rulebook, instants)?;
        let row = Box::new(row);
        Ok(Good { row, left_out })
    }

    /// EN-16: a telephone number or an e-mail address, however long, refuses nobody's contract.
    fn leave_out(message: &mut ContractRow, field: &str) -> bool {
        let Some((party, column)) = field.split_once('.') else {
            return false;
        };
        let party = match party {
            "policyholder" => message.policyholder.as_mut(),
            "insured" => message.insured.as_mut(),
            _ => None,
        };
        party.is_some_and(|party| party_row::leave_out(party, column))
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

    async fn record(&self, mut row: Self::Row, order: RowOrder) -> Result<Recorded, RowError> {
        // A retry of the batch is recognised row by row, and by the row's content.
        let envelope = Envelope {
            payload_hash: row.row_digest.clone(),
            ..self.envelope.clone()
        };
        row.as_of = order.as_of();
        let contracts = &self.api.contracts;
        let done = order
            .batch
            .carry_out(contracts, id(&row), &envelope, Command::Import(row))
            .await?;
        let kept = done.state.current().map(kept).unwrap_or_default();
        if kept.is_empty() {
            Ok(done.into())
        } else {
            Ok(Recorded::KeptAhead(kept))
        }
    }
}

/// The fields that are not as the core system's newer row says, as a row names them.
fn kept(current: &CurrentContract) -> Vec<(String, &'static str)> {
    let differences = current.differences().into_iter();
    let field = |role: PartyRole, kind: Kind| role.section_of_row().field(kind.field());
    differences
        .map(|difference| (field(difference.role, difference.kind), "CHANGED_ONLINE"))
        .collect()
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

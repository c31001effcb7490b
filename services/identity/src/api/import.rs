//! Import of initial credentials (ID-8, EN-16).

use async_trait::async_trait;
use contracts::identity::v1::{
    ImportInitialCredentialsRequest, ImportInitialCredentialsResponse, InitialCredential,
};
use decider::Violations;
use eventsourcing::Request as Command;
use kernel::SubjectId;
use service::import::{Batch, Good, Import, Recorded, RowError, RowOrder, import as import_rows};
use service::{command, refuse};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use super::parse::{self, Row};
use crate::domain::code::is_strong;
use crate::domain::entitlement::IssuedCode;
use crate::domain::password::Password;
use crate::domain::{CodeVerifier, EntitlementCommand, ReservationId};

pub(super) async fn import(
    api: &Api,
    request: Request<ImportInitialCredentialsRequest>,
) -> Result<Response<ImportInitialCredentialsResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let message = request.get_ref();
    let batch = Batch::read(message.as_of_us, message.dry_run, envelope.at).map_err(refuse)?;
    let credentials = Credentials { api, envelope };
    let results = import_rows(&api.context, &credentials, batch, &message.rows).await?;
    Ok(Response::new(ImportInitialCredentialsResponse { results }))
}

struct Credentials<'a> {
    api: &'a Api,
    envelope: Command,
}

#[async_trait]
impl Import for Credentials<'_> {
    type Message = InitialCredential;
    type Row = Row;

    const ENTITY_COLUMN: &'static str = "policy_number";

    fn line(message: &InitialCredential) -> u32 {
        message.line
    }

    fn read(&self, message: &InitialCredential) -> Result<Good<Row>, Violations> {
        parse::row(message).map(Good::from)
    }

    fn entity(row: &Row) -> Uuid {
        row.contract.as_uuid()
    }

    fn subjects(row: &Row) -> Vec<(SubjectId, &'static str)> {
        vec![(row.subject, "customer_number")]
    }

    async fn record(&self, row: Row, order: RowOrder) -> Result<Recorded, RowError> {
        let api = self.api;
        let user = api.secrets.initial_user(&row.initial_user);
        let verifier = verifier(api, user, &row).await?;
        let digest = api.secrets.row(row.contract, row.subject, user, &verifier);
        // A retry of the batch is recognised row by row, and by the row's content.
        let request = Command {
            payload_hash: hex::encode(digest.as_bytes()),
            ..self.envelope.clone()
        };
        let code = IssuedCode {
            policy_number: row.policy_number,
            subject: row.subject,
            initial_user: user,
            verifier,
            row_digest: digest,
            as_of: order.batch.as_of,
        };
        let issue = EntitlementCommand::Issue {
            contract: row.contract,
            code: code.clone(),
            as_of: order.as_of(),
        };
        let done = order
            .batch
            .carry_out(&api.entitlements, row.contract, &request, issue)
            .await?;
        if let (Some(revision), true, false) = (done.revision, done.recorded, done.replayed) {
            let put = api
                .credentials
                .put_code(row.contract, user, &code.verifier, revision);
            put.await.map_err(RowError::failed)?;
        }
        Ok(done.into())
    }
}

async fn verifier(api: &Api, user: ReservationId, row: &Row) -> Result<CodeVerifier, RowError> {
    let Some(code) = &row.code else {
        return Ok(CodeVerifier::Masked);
    };
    if is_strong(code) {
        return Ok(CodeVerifier::Keyed(api.secrets.code(user, code)));
    }
    let hashed = api
        .hashing
        .hash_patiently(Password::typed(code.reveal()), api.secrets.code_salt(user))
        .await;
    hashed.map(CodeVerifier::Slow).map_err(RowError::failed)
}

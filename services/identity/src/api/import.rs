//! Import of initial credentials (ID-8): repeatable and resumable; every bad row is reported with all that is wrong with
//! it, and no row stops the others.

use std::collections::BTreeSet;

use contracts::common::v1::{ImportOutcome, ImportProblem, ImportRowResult};
use contracts::identity::v1::{
    ImportInitialCredentialsRequest, ImportInitialCredentialsResponse, InitialCredential,
};
use decider::{Explain as _, Problem, ProblemKind};
use eventsourcing::Request as Command;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use service::{Scope, command, refuse};
use tonic::{Request, Response, Status};

use super::Api;
use super::parse::{self, Row, Violations, Wrong};
use crate::domain::code::is_strong;
use crate::domain::entitlement::IssuedCode;
use crate::domain::password::Password;
use crate::domain::{CodeVerifier, EntitlementCommand, ReservationId};

/// Rows in one call at most.
const MAX_ROWS: usize = 500;
/// Rows worked on at the same time.
const AT_ONCE: usize = 16;

/// A row that can be recorded, or what is wrong with it.
type Read = (u32, Result<Row, Vec<Wrong>>);

pub(super) async fn import(
    api: &Api,
    request: Request<ImportInitialCredentialsRequest>,
) -> Result<Response<ImportInitialCredentialsResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let rows = request.into_inner().rows;
    if rows.len() > MAX_ROWS {
        let mut wrong = Violations::new();
        wrong.add("rows", "TOO_MANY_ROWS");
        wrong.none_or().map_err(refuse)?;
    }
    let rows = without_erased(api, read(&rows)).await?;
    let results = stream::iter(rows.into_iter().map(|(line, row)| {
        let envelope = &envelope;
        async move {
            match row {
                Ok(row) => record(api, envelope, row)
                    .await
                    .map(|outcome| result(line, outcome, &[])),
                Err(wrong) => Ok(result(line, ImportOutcome::Refused, &wrong)),
            }
        }
    }))
    .buffered(AT_ONCE)
    .try_collect()
    .await?;
    Ok(Response::new(ImportInitialCredentialsResponse { results }))
}

/// Reads all rows. A contract's second row in one call is refused: which of the two counts nobody could say.
fn read(rows: &[InitialCredential]) -> Vec<Read> {
    let mut seen = BTreeSet::new();
    let duplicate = Wrong {
        field: "policy_number",
        reason: "DUPLICATE_ROW",
    };
    let mut distinct = |row: Row| {
        if seen.insert(row.contract) {
            Ok(row)
        } else {
            Err(vec![duplicate])
        }
    };
    rows.iter()
        .map(|row| (row.line, parse::row(row).and_then(&mut distinct)))
        .collect()
}

/// A row of somebody who was erased is a bad one (OP-4): the core system still sends what it should not.
async fn without_erased(api: &Api, rows: Vec<Read>) -> Result<Vec<Read>, Status> {
    let subjects = rows
        .iter()
        .filter_map(|(_, row)| Some(row.as_ref().ok()?.subject));
    let erased = api
        .context
        .keyring
        .destroyed(&subjects.collect())
        .await
        .map_err(refuse)?;
    let wrong = Wrong {
        field: "customer_number",
        reason: "SUBJECT_ERASED",
    };
    let checked = |row: Row| {
        if erased.contains(&row.subject) {
            Err(vec![wrong])
        } else {
            Ok(row)
        }
    };
    let rows = rows.into_iter().map(|(line, row)| (line, row.and_then(checked)));
    Ok(rows.collect())
}

async fn record(api: &Api, envelope: &Command, row: Row) -> Result<ImportOutcome, Status> {
    let user = api.secrets.initial_user(&row.initial_user);
    let verifier = verifier(api, user, &row).await?;
    let digest = api.secrets.row(row.contract, row.subject, user, &verifier);
    let code = IssuedCode {
        policy_number: row.policy_number,
        subject: row.subject,
        initial_user: user,
        verifier,
        row_digest: digest,
    };
    let issue = EntitlementCommand::Issue {
        contract: row.contract,
        code: code.clone(),
    };
    let done = api
        .entitlements
        .execute(row.contract, envelope, issue)
        .await
        .map_err(refuse)?;
    if let (Some(revision), false) = (done.revision, done.events.is_empty() || done.replayed) {
        api.credentials
            .put_code(row.contract, user, &code.verifier, revision)
            .await
            .map_err(refuse)?;
    }
    Ok(if done.events.is_empty() {
        ImportOutcome::Unchanged
    } else {
        ImportOutcome::Recorded
    })
}

async fn verifier(api: &Api, user: ReservationId, row: &Row) -> Result<CodeVerifier, Status> {
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
    hashed
        .map(CodeVerifier::Slow)
        .map_err(|busy| refuse(busy.explain()))
}

fn result(line: u32, outcome: ImportOutcome, wrong: &[Wrong]) -> ImportRowResult {
    let problem = |wrong: &Wrong| ImportProblem {
        field: wrong.field.to_owned(),
        reason: wrong.reason.to_owned(),
        message: Scope::current().text(&Problem::new(ProblemKind::InvalidArgument, wrong.reason)),
    };
    ImportRowResult {
        line,
        outcome: outcome.into(),
        problems: wrong.iter().map(problem).collect(),
    }
}

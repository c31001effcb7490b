//! The import (EN-16): every row gets its own answer, a bad one stops nothing. Repeatable, and resumable by sending the
//! same rows again: what stands already records nothing.

use std::collections::HashMap;

use contracts::common::v1::{ImportOutcome, ImportProblem, ImportRowResult};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest, ImportContractsResponse};
use eventsourcing::{ExecuteError, Request as Envelope};
use futures::{StreamExt as _, TryStreamExt as _};
use kernel::ids::ContractId;
use prost::Message as _;
use service::{command, refuse};
use tonic::{Request, Response, Status};

use super::row::{RowProblem, read};
use super::texts::text;
use super::{Api, parse};
use crate::domain::{Command, ImportedContract};

/// Most rows in one call.
const MAX_ROWS: usize = 500;
/// Rows written at the same time; the database's connections are shared with customers.
const AT_ONCE: usize = 8;

/// A row as far as it can be told without the store.
enum Checked {
    Good(Box<ImportedContract>),
    Bad(Vec<RowProblem>),
}

pub(super) async fn import_contracts(
    api: &Api,
    request: Request<ImportContractsRequest>,
) -> Result<Response<ImportContractsResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let rows = request.into_inner().rows;
    if rows.len() > MAX_ROWS {
        return Err(refuse(parse::invalid("rows", "TOO_MANY_ROWS")));
    }
    let checked = without_erased(api, check(api, &envelope, rows)).await?;
    let results = futures::stream::iter(checked)
        .map(|(line, row)| record(api, &envelope, line, row))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Response::new(ImportContractsResponse { results }))
}

/// Reads every row. One contract twice in a batch would be written in no particular order, so the second is refused.
fn check(api: &Api, envelope: &Envelope, rows: Vec<ContractRow>) -> Vec<(u32, Checked)> {
    let mut seen: HashMap<ContractId, u32> = HashMap::new();
    let mut checked = Vec::with_capacity(rows.len());
    for row in rows {
        let line = row.line;
        let digest = digest(api, &row);
        let row = match read(&row, digest, &api.context.rulebook, envelope.at) {
            Ok(row) => {
                let id = ContractId::of_policy(&row.terms.policy_number, &row.terms.branch_number);
                match seen.insert(id, line) {
                    None => Checked::Good(Box::new(row)),
                    Some(_) => Checked::Bad(vec![RowProblem::new("policy_number", "ROW_REPEATED")]),
                }
            }
            Err(problems) => Checked::Bad(problems),
        };
        checked.push((line, row));
    }
    checked
}

/// A row of somebody who was erased is a bad one (OP-4), also where it is the row that was recorded before.
async fn without_erased(api: &Api, rows: Vec<(u32, Checked)>) -> Result<Vec<(u32, Checked)>, Status> {
    let parties = |row: &ImportedContract| {
        let insured = row.insured.as_ref().map(|insured| insured.subject);
        [Some(row.policyholder.subject), insured]
    };
    let subjects = rows.iter().flat_map(|(_, row)| match row {
        Checked::Good(row) => parties(row),
        Checked::Bad(_) => [None, None],
    });
    let subjects = subjects.flatten().collect();
    let erased = api.context.keyring.destroyed(&subjects).await.map_err(refuse)?;
    let checked = |row: Checked| {
        let Checked::Good(good) = &row else { return row };
        let fields = ["policyholder.customer_number", "insured.customer_number"];
        let gone = parties(good).into_iter().zip(fields);
        let gone = gone.filter(|(subject, _)| subject.is_some_and(|subject| erased.contains(&subject)));
        let problems: Vec<_> = gone
            .map(|(_, field)| RowProblem::new(field, "SUBJECT_ERASED"))
            .collect();
        if problems.is_empty() {
            row
        } else {
            Checked::Bad(problems)
        }
    };
    Ok(rows.into_iter().map(|(line, row)| (line, checked(row))).collect())
}

/// Keyed, because a plain hash of a row could be searched for a phone number. The line is no content.
fn digest(api: &Api, row: &ContractRow) -> String {
    let content = ContractRow {
        line: 0,
        ..row.clone()
    };
    hex::encode(api.context.pepper.hash("contract-row", &content.encode_to_vec()))
}

async fn record(api: &Api, envelope: &Envelope, line: u32, row: Checked) -> Result<ImportRowResult, Status> {
    let row = match row {
        Checked::Good(row) => row,
        Checked::Bad(problems) => return Ok(refused(line, &problems)),
    };
    let id = ContractId::of_policy(&row.terms.policy_number, &row.terms.branch_number);
    // A retry of the batch is recognised row by row, and by the row's content.
    let envelope = Envelope {
        payload_hash: row.row_digest.clone(),
        ..envelope.clone()
    };
    let outcome = match api.contracts.execute(id, &envelope, Command::Import(row)).await {
        Ok(executed) if executed.events.is_empty() => ImportOutcome::Unchanged,
        Ok(_) => ImportOutcome::Recorded,
        Err(ExecuteError::Subject(_)) => {
            return Ok(refused(
                line,
                &[RowProblem::new("policyholder.customer_number", "SUBJECT_ERASED")],
            ));
        }
        Err(error) => return Err(refuse(error)),
    };
    Ok(ImportRowResult {
        line,
        outcome: outcome.into(),
        problems: Vec::new(),
    })
}

fn refused(line: u32, problems: &[RowProblem]) -> ImportRowResult {
    let problems = problems.iter().map(|problem| ImportProblem {
        field: problem.field.clone(),
        reason: problem.reason.to_owned(),
        message: text(problem.reason),
    });
    ImportRowResult {
        line,
        outcome: ImportOutcome::Refused.into(),
        problems: problems.collect(),
    }
}

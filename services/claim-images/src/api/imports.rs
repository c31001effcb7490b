//! The import of accidents (EN-16): every row gets its own answer, a bad one stops nothing. Repeatable, and resumable by
//! sending the same rows again: what stands already records nothing.

use std::collections::HashSet;

use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest, ImportAccidentsResponse};
use contracts::common::v1::{ImportOutcome, ImportProblem, ImportRowResult};
use eventsourcing::{ExecuteError, Request as Envelope};
use futures::{StreamExt as _, TryStreamExt as _};
use kernel::ids::AccidentId;
use prost::Message as _;
use service::{command, refuse};
use tonic::{Request, Response, Status};

use super::row::{RowProblem, read};
use super::texts::text;
use super::{Api, parse};
use crate::domain::{Command, ImportedAccident, Rejection};

/// Most rows in one call.
const MAX_ROWS: usize = 500;
/// Rows written at the same time; the database's connections are shared with customers.
const AT_ONCE: usize = 8;

/// A row as far as it can be told without the store.
enum Checked {
    Good {
        accident: Box<ImportedAccident>,
        digest: String,
    },
    Bad(Vec<RowProblem>),
}

pub(super) async fn import_accidents(
    api: &Api,
    request: Request<ImportAccidentsRequest>,
) -> Result<Response<ImportAccidentsResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let rows = request.into_inner().rows;
    if rows.len() > MAX_ROWS {
        return Err(refuse(
            parse::invalid("rows", "TOO_MANY_ROWS").with("max_rows", MAX_ROWS.to_string()),
        ));
    }
    let checked = without_erased(api, check(api, &envelope, &rows)).await?;
    let results = futures::stream::iter(checked)
        .map(|(line, row)| record(api, &envelope, line, row))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Response::new(ImportAccidentsResponse { results }))
}

/// Reads every row. One accident twice in a batch would be written in no particular order, so the second is refused.
fn check(api: &Api, envelope: &Envelope, rows: &[AccidentRow]) -> Vec<(u32, Checked)> {
    let mut seen: HashSet<AccidentId> = HashSet::new();
    let checked = rows.iter().map(|row| {
        let checked = match read(row, envelope.at) {
            Ok(accident) if seen.insert(AccidentId::of_claim(&accident.claim_number)) => Checked::Good {
                accident: Box::new(accident),
                digest: digest(api, row),
            },
            Ok(_) => Checked::Bad(vec![RowProblem {
                field: "claim_number",
                reason: "ROW_REPEATED",
            }]),
            Err(problems) => Checked::Bad(problems),
        };
        (row.line, checked)
    });
    checked.collect()
}

/// A row of somebody who was erased is a bad one (OP-4), also where it is the row that was recorded before.
async fn without_erased(api: &Api, rows: Vec<(u32, Checked)>) -> Result<Vec<(u32, Checked)>, Status> {
    let subject_of = |row: &Checked| match row {
        Checked::Good { accident, .. } => Some(accident.subject),
        Checked::Bad(_) => None,
    };
    let subjects = rows.iter().filter_map(|(_, row)| subject_of(row)).collect();
    let erased = api.context.keyring.destroyed(&subjects).await.map_err(refuse)?;
    let checked = |row: Checked| match subject_of(&row) {
        Some(subject) if erased.contains(&subject) => Checked::Bad(vec![RowProblem {
            field: "customer_number",
            reason: "SUBJECT_ERASED",
        }]),
        _ => row,
    };
    Ok(rows.into_iter().map(|(line, row)| (line, checked(row))).collect())
}

/// Keyed, because a plain hash of a row could be searched for a place. The line is no content.
fn digest(api: &Api, row: &AccidentRow) -> String {
    let content = AccidentRow {
        line: 0,
        ..row.clone()
    };
    hex::encode(api.context.pepper.hash("accident-row", &content.encode_to_vec()))
}

async fn record(api: &Api, envelope: &Envelope, line: u32, row: Checked) -> Result<ImportRowResult, Status> {
    let (accident, row_digest) = match row {
        Checked::Good { accident, digest } => (accident, digest),
        Checked::Bad(problems) => return Ok(refused(line, &problems)),
    };
    let id = AccidentId::of_claim(&accident.claim_number);
    // A retry of the batch is recognised row by row, and by the row's content.
    let envelope = Envelope {
        payload_hash: row_digest.clone(),
        ..envelope.clone()
    };
    let outcome = match api
        .accidents
        .execute(id, &envelope, Command::Import { accident, row_digest })
        .await
    {
        Ok(executed) if executed.events.is_empty() => ImportOutcome::Unchanged,
        Ok(_) => ImportOutcome::Recorded,
        Err(ExecuteError::Subject(_)) => return Ok(refused_customer(line, "SUBJECT_ERASED")),
        Err(ExecuteError::Rejected(Rejection::CustomerChanged)) => {
            return Ok(refused_customer(line, "CUSTOMER_CHANGED"));
        }
        Err(error) => return Err(refuse(error)),
    };
    Ok(ImportRowResult {
        line,
        outcome: outcome.into(),
        problems: Vec::new(),
    })
}

fn refused_customer(line: u32, reason: &'static str) -> ImportRowResult {
    refused(
        line,
        &[RowProblem {
            field: "customer_number",
            reason,
        }],
    )
}

fn refused(line: u32, problems: &[RowProblem]) -> ImportRowResult {
    let problems = problems.iter().map(|problem| ImportProblem {
        field: problem.field.to_owned(),
        reason: problem.reason.to_owned(),
        message: text(problem.reason),
    });
    ImportRowResult {
        line,
        outcome: ImportOutcome::Refused.into(),
        problems: problems.collect(),
    }
}

//! `views`, `rebuild`, `audit`: a second generation of the views is filled while the first serves, and takes its place or is
//! only compared. Ctrl-C leaves the run going.

use std::fmt;

use clap::Args;
use client::{answered, request_id};
use contracts::names::VIEWS;
use contracts::views::v1::{
    AuditViewsRequest, CancelViewsRunRequest, GetViewsStatusRequest, RebuildViewsRequest,
};
use serde::Serialize;

use super::Context;
use super::run::{Parked, Run, watch};
use crate::failure::{Failure, Kind};

#[derive(Args)]
pub(super) struct Views {}

#[derive(Args)]
pub(super) struct Rebuild {
    /// End the run under way, whichever it is, instead of beginning one
    #[arg(long)]
    cancel: bool,
}

#[derive(Args)]
pub(super) struct Audit {}

/// How the views stand.
#[derive(Serialize)]
struct Status {
    tables: Vec<Rows>,
    run: Option<Run>,
    parked: Vec<Parked>,
}

#[derive(Serialize)]
struct Rows {
    name: String,
    rows: i64,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<26}{:>10}", "table", "rows")?;
        for Rows { name, rows } in &self.tables {
            writeln!(f, "{name:<26}{rows:>10}")?;
        }
        match &self.run {
            Some(run) => run.fmt(f)?,
            None => f.write_str("no rebuild and no audit so far")?,
        }
        self.parked.iter().try_for_each(|parked| parked.fmt(f))
    }
}

impl Views {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let client = context.deployment.client_of(&[VIEWS])?;
        let mut admin = client.views_admin(&context.deployment.staff()?);
        let status = answered(admin.get_views_status(GetViewsStatusRequest {}).await)?;
        let rows = |table: contracts::views::v1::ViewTable| Rows {
            name: table.name,
            rows: table.rows,
        };
        context.result(&Status {
            tables: status.tables.into_iter().map(rows).collect(),
            run: status.run.map(|run| Run::of(run, Vec::new())),
            parked: status.parked.into_iter().map(Parked::from).collect(),
        });
        Ok(())
    }
}

/// The run was ended.
#[derive(Serialize)]
struct Cancelled {
    cancelled: bool,
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run was ended")
    }
}

impl Rebuild {
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let client = context.deployment.client_of(&[VIEWS])?;
        let operator = context.deployment.staff()?;
        let mut admin = client.views_admin(&operator);
        let request_id = request_id();
        if self.cancel {
            answered(admin.cancel_views_run(CancelViewsRunRequest { request_id }).await)?;
            context.result(&Cancelled { cancelled: true });
            return Ok(());
        }
        let begun = answered(admin.rebuild_views(RebuildViewsRequest { request_id }).await)?;
        let run = watch(&client, &operator, &begun.run_id).await?;
        context.result(&run);
        nothing_parked(&run)
    }
}

impl Audit {
    /// Fails if a row differs, or if the views lack something that is parked.
    pub(super) async fn execute(self, context: &Context) -> Result<(), Failure> {
        let client = context.deployment.client_of(&[VIEWS])?;
        let operator = context.deployment.staff()?;
        let request = AuditViewsRequest {
            request_id: request_id(),
        };
        let begun = answered(client.views_admin(&operator).audit_views(request).await)?;
        let run = watch(&client, &operator, &begun.run_id).await?;
        context.result(&run);
        if run.differing_rows == 0 {
            return nothing_parked(&run);
        }
        let told = format!("{} rows are not what the events make of them", run.differing_rows);
        Err(Failure::new(Kind::Found, told).hint("keep this answer; `madoguchi-operate rebuild` mends them"))
    }
}

/// Two generations may be equal and lack the same.
fn nothing_parked(run: &Run) -> Result<(), Failure> {
    if run.parked.is_empty() {
        return Ok(());
    }
    let told = format!(
        "messages about {} entities are parked, and the views lack them",
        run.parked.len()
    );
    Err(Failure::new(Kind::Found, told).hint("`madoguchi-operate parked list --service views` says why"))
}

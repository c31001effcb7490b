//! `madoguchi rebuild`, `madoguchi audit`: a second generation of the views is filled while the first serves, and takes its
//! place or is only compared. Shows how far it is; Ctrl-C leaves the run going.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use contracts::views::v1::{
    AuditViewsRequest, CancelViewsRunRequest, GetViewsStatusRequest, RebuildViewsRequest, TableComparison,
    ViewsRun,
};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, Ground};
use crate::say;
use client::{Bearer, answered, request_id};

/// How long a run may take; it goes on even when it is no longer looked at.
const ENDED_WITHIN: Duration = Duration::from_hours(2);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Args)]
pub(super) struct Rebuild {
    /// End the run under way, whichever it is, instead of beginning one
    #[arg(long)]
    cancel: bool,
}

#[derive(Args)]
pub(super) struct Audit {}

impl Rebuild {
    pub(super) async fn execute(self, ground: &Ground) -> Result<(), Failure> {
        let bearer = operator(ground)?;
        let mut admin = ground.client.views_admin(&bearer);
        let request_id = request_id();
        if self.cancel {
            answered(admin.cancel_views_run(CancelViewsRunRequest { request_id }).await)?;
            say!("the run was ended");
            return Ok(());
        }
        let begun = answered(admin.rebuild_views(RebuildViewsRequest { request_id }).await)?;
        let run = watch(ground, &bearer, &begun.run_id).await?;
        say!("the new generation serves");
        show(&run);
        Ok(())
    }
}

impl Audit {
    /// Fails if a row differs.
    pub(super) async fn execute(self, ground: &Ground) -> Result<(), Failure> {
        let bearer = operator(ground)?;
        let request = AuditViewsRequest {
            request_id: request_id(),
        };
        let begun = answered(ground.client.views_admin(&bearer).audit_views(request).await)?;
        let run = watch(ground, &bearer, &begun.run_id).await?;
        match show(&run) {
            0 => Ok(()),
            rows => Err(format!(
                "{rows} rows are not what the events make of them; `madoguchi rebuild` mends them"
            )
            .into()),
        }
    }
}

fn operator(ground: &Ground) -> Result<Bearer, Failure> {
    Ok(Bearer::new(&ground.staff_token("operator", &["administrator"])?))
}

/// Looks at the run until it has ended as it should.
async fn watch(ground: &Ground, bearer: &Bearer, run_id: &str) -> Result<ViewsRun, Failure> {
    let progress = Progress::start();
    let mut every = tokio::time::interval(LOOK);
    let look = async || {
        every.tick().await;
        let status = ground
            .client
            .views_admin(bearer)
            .get_views_status(GetViewsStatusRequest {})
            .await;
        // A passing failure is looked past; the deadline ends it.
        let run = status.map_err(|_| ())?.into_inner().run.ok_or(())?;
        progress.at(&run);
        (run.run_id != run_id || run.ended_at_us > 0)
            .then_some(run)
            .ok_or(())
    };
    let run = testkit::poll(ENDED_WITHIN, look)
        .await
        .map_err(|_| "the run has not ended yet; it goes on")?;
    if run.run_id != run_id {
        return Err("another run was begun since".into());
    }
    match (run.state.as_str(), run.failure.as_str()) {
        ("DONE", _) => Ok(run),
        (state, "") => Err(format!("the run ended as {state}").into()),
        (state, failure) => Err(format!("the run ended as {state}: {failure}").into()),
    }
}

/// What was found, table by table; answers how many rows differ.
fn show(run: &ViewsRun) -> i64 {
    say!(
        "{:<26}{:>10}{:>10}{:>11}",
        "table",
        "served",
        "rebuilt",
        "differing"
    );
    for table in &run.tables {
        say!(
            "{:<26}{:>10}{:>10}{:>11}",
            table.name,
            table.serving_rows,
            table.rebuilt_rows,
            table.differing_rows
        );
        rows(table);
    }
    run.tables.iter().map(|table| table.differing_rows).sum()
}

fn rows(table: &TableComparison) {
    for row in &table.first_differing {
        say!("  {:<11}{} {}", row.difference, row.key, row.columns.join(", "));
    }
    let named = i64::try_from(table.first_differing.len()).unwrap_or(i64::MAX);
    if table.differing_rows > named {
        say!("  and {} more", table.differing_rows - named);
    }
}

/// A bar on a terminal, a line per state elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    said: std::cell::RefCell<String>,
}

impl Progress {
    fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(1_000);
            if let Ok(style) = ProgressStyle::with_template("  {prefix:<10} {bar:40} {percent} % {elapsed}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            said: std::cell::RefCell::default(),
        }
    }

    fn at(&self, run: &ViewsRun) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(run.state.to_lowercase());
            let sources = run.sources.iter().map(|source| u64::from(source.per_mille));
            let part = sources.sum::<u64>() / (run.sources.len() as u64).max(1);
            bar.set_position(if run.ended_at_us > 0 { 1_000 } else { part });
        } else if *self.said.borrow() != run.state {
            self.said.replace(run.state.clone());
            say!("{}", run.state.to_lowercase());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

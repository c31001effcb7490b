//! A run of the views, looked at until it has ended: a rebuild or an audit goes on whether anybody looks or not.

use std::fmt;
use std::time::Duration;

use client::wait::poll_every;
use client::{Bearer, Client, Refusal, answered};
use contracts::views::v1::{
    GetViewsStatusRequest, GetViewsStatusResponse, ParkedEntity, RowDifference, TableComparison, ViewsRun,
    ViewsRunKind, ViewsRunState,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::failure::{Failure, Kind};
use crate::output::{bar, progress};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long the views may not answer; while they do, a run may take as long as it takes.
const SILENT_FOR: Duration = Duration::from_mins(10);

/// What a run found.
#[derive(Serialize)]
pub(super) struct Run {
    #[serde(rename = "run_id")]
    id: String,
    kind: String,
    state: String,
    failure: String,
    /// How far it is, in thousandths, where it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_mille: Option<u32>,
    pub(super) differing_rows: i64,
    tables: Vec<Table>,
    pub(super) parked: Vec<Parked>,
}

/// Something that the views lack: messages about it are parked.
#[derive(Serialize)]
pub(super) struct Parked {
    source: String,
    entity_id: String,
    messages: u64,
    event_id: String,
    error: String,
}

impl From<ParkedEntity> for Parked {
    fn from(entity: ParkedEntity) -> Self {
        Self {
            source: entity.source,
            entity_id: entity.entity_id,
            messages: entity.messages,
            event_id: entity.event_id,
            error: entity.error,
        }
    }
}

impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            entity_id,
            messages,
            event_id,
            error,
        } = self;
        let entity = if entity_id.is_empty() {
            "unknown"
        } else {
            entity_id
        };
        write!(
            f,
            "\nparked: {messages} of {source} about {entity}, the first is {event_id}: {error}"
        )
    }
}

#[derive(Serialize)]
struct Table {
    name: String,
    served_rows: i64,
    rebuilt_rows: i64,
    differing_rows: i64,
    first_differing: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    difference: String,
    key: String,
    columns: Vec<String>,
}

/// As results have always named them: the names of the protos without the enum's.
fn kind(kind: ViewsRunKind) -> &'static str {
    kind.as_str_name().trim_start_matches("VIEWS_RUN_KIND_")
}

fn state(state: ViewsRunState) -> &'static str {
    state.as_str_name().trim_start_matches("VIEWS_RUN_STATE_")
}

fn difference(difference: RowDifference) -> &'static str {
    difference.as_str_name().trim_start_matches("ROW_DIFFERENCE_")
}

impl Run {
    /// The run, with what the views lacked when it was looked at.
    pub(super) fn of(run: ViewsRun, parked: Vec<ParkedEntity>) -> Self {
        let (kind, state) = (kind(run.kind()), state(run.state()));
        Self {
            parked: parked.into_iter().map(Parked::from).collect(),
            per_mille: (run.ended_at_us == 0).then(|| per_mille(&run)),
            differing_rows: run.tables.iter().map(|table| table.differing_rows).sum(),
            tables: run.tables.into_iter().map(Table::from).collect(),
            kind: kind.to_owned(),
            state: state.to_owned(),
            id: run.run_id,
            failure: run.failure,
        }
    }
}

impl From<TableComparison> for Table {
    fn from(table: TableComparison) -> Self {
        let rows = table.first_differing.into_iter().map(|row| Row {
            difference: difference(row.difference()).to_owned(),
            key: row.key,
            columns: row.columns,
        });
        Self {
            name: table.name,
            served_rows: table.serving_rows,
            rebuilt_rows: table.rebuilt_rows,
            differing_rows: table.differing_rows,
            first_differing: rows.collect(),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, state) = (self.kind.to_lowercase(), self.state.to_lowercase());
        write!(f, "{kind} {}: {state}", self.id)?;
        if let Some(part) = self.per_mille {
            write!(f, ", {} %", part / 10)?;
        }
        if !self.failure.is_empty() {
            write!(f, ": {}", self.failure)?;
        }
        if !self.tables.is_empty() {
            write!(
                f,
                "\n{:<26}{:>10}{:>10}{:>11}",
                "table", "served", "rebuilt", "differing"
            )?;
        }
        self.tables.iter().try_for_each(|table| table.fmt(f))?;
        self.parked.iter().try_for_each(|parked| parked.fmt(f))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\n{:<26}{:>10}{:>10}{:>11}",
            self.name, self.served_rows, self.rebuilt_rows, self.differing_rows
        )?;
        for row in &self.first_differing {
            write!(
                f,
                "\n  {:<11}{} {}",
                row.difference,
                row.key,
                row.columns.join(", ")
            )?;
        }
        let named = i64::try_from(self.first_differing.len()).unwrap_or(i64::MAX);
        if self.differing_rows > named {
            write!(f, "\n  and {} more", self.differing_rows - named)?;
        }
        Ok(())
    }
}

/// The mean over the sources.
fn per_mille(run: &ViewsRun) -> u32 {
    let parts: u32 = run.sources.iter().map(|source| source.per_mille).sum();
    parts / u32::try_from(run.sources.len()).unwrap_or(u32::MAX).max(1)
}

/// Looks at the run until it has ended as it should.
pub(super) async fn watch(client: &Client, operator: &Bearer, run_id: &str) -> Result<Run, Failure> {
    let mut shown = Shown::start();
    loop {
        let seen = poll_every(LOOK_EVERY, SILENT_FOR, async || look(client, operator).await).await;
        let status = seen.map_err(|last| silent(last.flatten()))??;
        let run = status.run.unwrap_or_default();
        shown.at(&run);
        if run.run_id != run_id {
            return Err(Failure::new(Kind::Refused, "another run was begun since"));
        }
        if run.ended_at_us > 0 {
            drop(shown);
            return ended(run, status.parked);
        }
        client::wait::pause(LOOK_EVERY).await;
    }
}

/// The status with the run as it stands, or a refusal that will not pass; what may pass is looked past.
async fn look(
    client: &Client,
    operator: &Bearer,
) -> Result<Result<GetViewsStatusResponse, Failure>, Option<Refusal>> {
    match answered(
        client
            .views_admin(operator)
            .get_views_status(GetViewsStatusRequest {})
            .await,
    ) {
        Ok(status) if status.run.is_some() => Ok(Ok(status)),
        Ok(_) => Err(None),
        Err(refusal) if refusal.is_transient() => Err(Some(refusal)),
        Err(refusal) => Ok(Err(refusal.into())),
    }
}

fn silent(last: Option<Refusal>) -> Failure {
    let said = last.map_or_else(|| "no answer".to_owned(), |refusal| refusal.to_string());
    let minutes = SILENT_FOR.as_secs() / 60;
    let told = format!("the views have said nothing of the run for {minutes} minutes: {said}");
    Failure::new(Kind::Unavailable, told)
        .hint("the run goes on by itself where they live; `madoguchi-operate views` shows how it stands")
}

fn ended(run: ViewsRun, parked: Vec<ParkedEntity>) -> Result<Run, Failure> {
    if run.state() == ViewsRunState::Done {
        return Ok(Run::of(run, parked));
    }
    let state = state(run.state()).to_lowercase();
    let told = if run.failure.is_empty() {
        format!("the run ended as {state}")
    } else {
        format!("the run ended as {state}: {}", run.failure)
    };
    Err(Failure::new(Kind::Failed, told))
}

/// A bar on a terminal, a line per state elsewhere.
struct Shown {
    bar: Option<ProgressBar>,
    state: ViewsRunState,
}

impl Shown {
    fn start() -> Self {
        Self {
            bar: bar(1_000, "  {prefix:<10} {bar:40} {percent} % {elapsed}"),
            state: ViewsRunState::Unspecified,
        }
    }

    fn at(&mut self, run: &ViewsRun) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(state(run.state()).to_lowercase());
            let part = if run.ended_at_us > 0 {
                1_000
            } else {
                per_mille(run)
            };
            bar.set_position(part.into());
        } else if self.state != run.state() {
            self.state = run.state();
            progress(state(run.state()).to_lowercase());
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

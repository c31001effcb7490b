//! A rebuild of the views while commands and queries go on: how long it takes, what it needs, what it costs the others; and
//! beside it, in the same database, a COPY of the rows it made.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use contracts::names::VIEWS;
use contracts::views::v1::{
    GetViewsStatusRequest, ListQueueRequest, RebuildViewsRequest, SearchAccidentsRequest, ViewsRun,
    ViewsRunState,
};
use futures::StreamExt as _;
use kernel::{Clock as _, SystemClock};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

use super::{LoadError, MULTIPLIED};
use crate::sample::{Book, Recipe, compose, write};
use crate::stack::{SERVICES, Secrets, Stack};
use client::import::{Plan, Silent, import};
use client::{Bearer, Client, Refusal, request_id};

/// How long the views may take to read a long history, and a run to end.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often it is looked whether a run has ended.
const LOOK: Duration = Duration::from_millis(500);
/// How often adjusters look at what there is: two queries at a time, never more than the views answer.
const QUERIES_EVERY: Duration = Duration::from_millis(500);
/// How often a book is imported.
const BOOKS_EVERY: Duration = Duration::from_secs(2);
/// Contracts of a book that is imported while the views are rebuilt; one after the other.
const CONTRACTS: u32 = 40;
/// The first seed of those books; the stack's own has a small one.
const SEED: u64 = 1_000;

#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Events in the stores when the rebuild began.
    pub events: i64,
    /// From asking to the switch.
    pub rebuild_seconds: f64,
    /// Rows of the views afterwards.
    pub rows: i64,
    /// COPY of those rows into tables with the same indexes.
    pub copy_seconds: f64,
    /// Events rebuilt per second ÷ rows copied per second.
    pub ratio: f64,
    /// The most memory the views' process had in use while it served and rebuilt, in MiB.
    pub peak_mib: f64,
    pub queries: u64,
    pub queries_failed: u64,
    /// The slowest of them, in milliseconds.
    pub slowest_query_ms: u64,
    /// Rows imported by commands meanwhile, in calls of their own.
    pub commands: u64,
    /// Rows that differed between what served, applied as it came, and what was rebuilt.
    pub differing_rows: i64,
}

/// What goes on while the views are rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    Nothing,
    /// Adjusters' queries and imports.
    QueriesAndCommands,
}

/// Rebuilds the views of a stack that has a long history ([`super::load`]).
pub async fn measure(stack: &mut Stack, load: Load) -> Result<Figures, LoadError> {
    caught_up(stack).await?;
    // A new process: the most memory it ever had is what this takes.
    stack.restart(VIEWS).await?;
    let events = events(stack).await?;
    let client =
        Client::new(&stack.description().services).map_err(|error| LoadError::Not(error.to_string()))?;
    let secrets = Secrets::open(stack.folder())?;
    let token = |id: &str, role: &str| {
        let now_s = SystemClock.now().as_second();
        let token = secrets.staff().token(id, &[role], now_s, 7_200);
        token
            .map(|token| Bearer::new(&token))
            .map_err(|error| LoadError::Not(error.to_string()))
    };
    let (operator, supervisor) = (token("operator", "administrator")?, token("S001", "supervisor")?);
    let (ended, watch) = watch::channel(load == Load::Nothing);
    let rebuilding = async {
        let run = rebuild(&client, &operator).await;
        let _ = ended.send(true);
        run
    };
    let (run, asked, commands) = tokio::join!(
        rebuilding,
        ask(&client, &supervisor, watch.clone()),
        command(stack, &client, &operator, watch)
    );
    let (run, commands) = (run?, commands?);
    let peak_mib = peak_mib(stack)?;
    let rebuild_seconds = seconds(&run);
    let (rows, copy_seconds) = copy(stack).await?;
    #[allow(
        clippy::cast_precision_loss,
        reason = "counts far below 2^52, for people to read"
    )]
    let ratio = (events as f64 / rebuild_seconds) / (rows as f64 / copy_seconds);
    Ok(Figures {
        events,
        rebuild_seconds,
        rows,
        copy_seconds,
        ratio,
        peak_mib,
        queries: asked.answered,
        queries_failed: asked.failed,
        slowest_query_ms: u64::try_from(asked.slowest.as_millis()).unwrap_or(u64::MAX),
        commands,
        differing_rows: differing(&run),
    })
}

fn differing(run: &ViewsRun) -> i64 {
    run.tables.iter().map(|table| table.differing_rows).sum()
}

#[allow(clippy::cast_precision_loss, reason = "for people to read")]
fn seconds(run: &ViewsRun) -> f64 {
    (run.ended_at_us - run.started_at_us) as f64 / 1e6
}

/// Waits until the views have read what was multiplied.
async fn caught_up(stack: &Stack) -> Result<(), LoadError> {
    let mut views = PgConnection::connect(&stack.database_url(VIEWS)).await?;
    for (source, _) in MULTIPLIED {
        let mut own = PgConnection::connect(&stack.database_url(source)).await?;
        let goal: Vec<u8> = sqlx::query_scalar("SELECT published_cursor FROM messaging.relay_checkpoint")
            .fetch_one(&mut own)
            .await?;
        let began = Instant::now();
        let look = async || {
            let there: Option<bool> = sqlx::query_scalar(
                "SELECT cursor >= $1 FROM messaging.subscription WHERE consumer = 'views' AND source = $2",
            )
            .bind(&goal)
            .bind(source)
            .fetch_one(&mut views)
            .await
            .map_err(|_| ())?;
            there.filter(|there| *there).ok_or(())
        };
        testkit::poll(PATIENCE, look)
            .await
            .map_err(|_| LoadError::Not(format!("the views have not read {source} in time")))?;
        crate::say!(
            "  the views have read {source}, {:.0} s",
            began.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// Events in all stores.
async fn events(stack: &Stack) -> Result<i64, LoadError> {
    let mut events = 0;
    for service in SERVICES.into_iter().filter(|service| *service != VIEWS) {
        let mut own = PgConnection::connect(&stack.database_url(service)).await?;
        events += sqlx::query_scalar::<_, i64>("SELECT count(*) FROM store.event")
            .fetch_one(&mut own)
            .await?;
    }
    Ok(events)
}

async fn rebuild(client: &Client, operator: &Bearer) -> Result<ViewsRun, LoadError> {
    let request = RebuildViewsRequest {
        request_id: request_id(),
    };
    let begun = client
        .views_admin(operator)
        .rebuild_views(request)
        .await
        .map_err(Refusal::from)?;
    end_of(client, operator, &begun.into_inner().run_id).await
}

async fn end_of(client: &Client, operator: &Bearer, run_id: &str) -> Result<ViewsRun, LoadError> {
    let mut every = tokio::time::interval(LOOK);
    let look = async || {
        every.tick().await;
        let status = client
            .views_admin(operator)
            .get_views_status(GetViewsStatusRequest {})
            .await;
        let run = status.map_err(|_| ())?.into_inner().run.ok_or(())?;
        (run.run_id == run_id && run.ended_at_us > 0)
            .then_some(run)
            .ok_or(())
    };
    let run = testkit::poll(PATIENCE, look)
        .await
        .map_err(|_| LoadError::Not("the run did not end in time".to_owned()))?;
    if run.state() == ViewsRunState::Done {
        Ok(run)
    } else {
        Err(LoadError::Not(format!(
            "the run ended as {:?}: {}",
            run.state(),
            run.failure
        )))
    }
}

#[derive(Debug, Default)]
struct Asked {
    answered: u64,
    failed: u64,
    slowest: Duration,
}

/// Neither is to take what the rebuild could have: people and core systems pause.
fn pace(every: Duration) -> Interval {
    let mut pace = tokio::time::interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// Asks, one query after the other, until the run has ended.
async fn ask(client: &Client, supervisor: &Bearer, ended: watch::Receiver<bool>) -> Asked {
    let mut asked = Asked::default();
    let mut pace = pace(QUERIES_EVERY);
    while !*ended.borrow() {
        pace.tick().await;
        let began = Instant::now();
        let mut view = client.adjuster_view(supervisor);
        let found = view.search_accidents(SearchAccidentsRequest::default()).await;
        let queue = view
            .list_queue(ListQueueRequest {
                adjuster_id: "*".to_owned(),
                ..ListQueueRequest::default()
            })
            .await;
        asked.slowest = asked.slowest.max(began.elapsed());
        // Nothing found is a failure too: there are accidents, and nobody may see a view that is not filled yet.
        let full = found.is_ok_and(|found| !found.into_inner().accidents.is_empty());
        asked.failed += u64::from(!full) + u64::from(queue.is_err());
        asked.answered += 2;
    }
    asked
}

/// Imports one small book after the other until the run has ended; answers how many rows.
async fn command(
    stack: &Stack,
    client: &Client,
    operator: &Bearer,
    ended: watch::Receiver<bool>,
) -> Result<u64, LoadError> {
    let mut rows = 0;
    let mut pace = pace(BOOKS_EVERY);
    let mut seed = SEED + u64::from(rand::random::<u16>()) * 1_000;
    while !*ended.borrow() {
        pace.tick().await;
        let recipe = Recipe {
            seed,
            contracts: CONTRACTS,
            as_of: kernel::clock::jst_date(SystemClock.now()),
        };
        let files = stack.folder().file(&format!("load/{seed}"));
        let plan = Plan::of_folder(&files, &stack.folder().file(&format!("load/{seed}/state")));
        write(&compose(&Book::compute(recipe)), &files).map_err(|source| LoadError::File {
            path: files.clone(),
            source,
        })?;
        let imported = import(client, operator, &plan, &Silent).await;
        let imported = imported.map_err(|error| LoadError::Not(error.to_string()))?;
        rows += imported.iter().map(|file| file.recorded as u64).sum::<u64>();
        seed += 1;
    }
    Ok(rows)
}

fn peak_mib(stack: &Stack) -> Result<f64, LoadError> {
    let pid = stack.description().pids.get(VIEWS).copied().unwrap_or_default();
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let status = std::fs::read_to_string(&path).map_err(|source| LoadError::File { path, source })?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map(|kib| kib / 1_024.0)
        .ok_or_else(|| LoadError::Not("the views' memory is not known".to_owned()))
}

/// Copies every row of the views into tables like theirs; answers rows and seconds of writing.
async fn copy(stack: &Stack) -> Result<(i64, f64), LoadError> {
    let folder = stack.folder().file("load");
    std::fs::create_dir_all(&folder).map_err(|source| LoadError::File {
        path: folder.clone(),
        source,
    })?;
    let mut views = PgConnection::connect(&stack.database_url(VIEWS)).await?;
    sqlx::raw_sql("DROP SCHEMA IF EXISTS copied CASCADE; CREATE SCHEMA copied")
        .execute(&mut views)
        .await?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'view'")
            .fetch_all(&mut views)
            .await?;
    let (mut rows, mut elapsed) = (0, Duration::ZERO);
    for table in tables {
        let make = format!("CREATE TABLE copied.{table} (LIKE view.{table} INCLUDING ALL)");
        sqlx::query(AssertSqlSafe(make)).execute(&mut views).await?;
        let path = stack.folder().file("load/rows");
        let failed = |source| LoadError::File {
            path: stack.folder().file("load/rows"),
            source,
        };
        let mut file = tokio::fs::File::create(&path).await.map_err(failed)?;
        {
            let mut out = views
                .copy_out_raw(&format!("COPY view.{table} TO STDOUT (FORMAT binary)"))
                .await?;
            while let Some(part) = out.next().await {
                tokio::io::AsyncWriteExt::write_all(&mut file, &part?)
                    .await
                    .map_err(failed)?;
            }
        }
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(failed)?;
        let began = Instant::now();
        let mut into = views
            .copy_in_raw(&format!("COPY copied.{table} FROM STDIN (FORMAT binary)"))
            .await?;
        into.read_from(tokio::fs::File::open(&path).await.map_err(failed)?)
            .await?;
        rows += i64::try_from(into.finish().await?).unwrap_or(i64::MAX);
        elapsed += began.elapsed();
    }
    sqlx::raw_sql("DROP SCHEMA copied CASCADE")
        .execute(&mut views)
        .await?;
    Ok((rows, elapsed.as_secs_f64()))
}

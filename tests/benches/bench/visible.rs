//! The whole stack: how long after a command was accepted the view shows its effect, and how fast the views are rebuilt
//! beside a COPY of the rows they end with.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use client::import::as_of_now;
use client::{Bearer, Client, request_id};
use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest};
use contracts::identity::v1::GetKeysRequest;
use contracts::names::{CLAIM_IMAGES, ENDORSEMENT, IDENTITY, VIEWS};
use contracts::views::v1::{
    GetViewsStatusRequest, RebuildViewsRequest, SearchAccidentsRequest, ViewsRun, ViewsRunState,
};
use dev::sample::{Book, Recipe};
use dev::stack::{Secrets, Stack};
use futures::TryStreamExt as _;
use kernel::{Clock as _, SubjectId, SystemClock};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgPoolCopyExt as _};
use tempfile::TempDir;
use testkit::customer_issuer::CustomerIssuer;

use crate::extent::Extent;
use crate::failure::Failure;
use crate::report::{Report, percentile};

const SEED: u64 = 1;
const BATCH_ROWS: usize = 200;
/// Until the views hold what was imported, and until they are rebuilt.
const WITHIN: Duration = Duration::from_mins(10);
/// How long a token of staff is good for: the whole run.
const TOKEN_S: u32 = 3600;

/// The whole stack, and who calls it.
pub(crate) struct Environment {
    pub(crate) stack: Stack,
    pub(crate) client: Client,
    customers: CustomerIssuer,
    administrator: Bearer,
    adjuster: Bearer,
}

pub(crate) async fn measure(extent: Extent, programs: &Path, report: &mut Report) -> Result<(), Failure> {
    let folder = folder()?;
    let environment = Environment::open(&folder.path().join("data"), programs).await?;
    let book = Book::compute(Recipe {
        seed: SEED,
        contracts: extent.contracts,
        as_of: SystemClock.now().to_zoned(jiff::tz::TimeZone::UTC).date(),
    });
    let contracts = book
        .contracts
        .iter()
        .map(|contract| contract.row.clone())
        .collect();
    environment.contracts(contracts).await?;
    environment.accidents(book.accidents.clone()).await?;
    let last = book.accidents.last().ok_or("the book has no accident")?;
    environment.until_shown(&last.claim_number).await?;
    commands(&environment, last, extent.commands, report).await?;
    rebuild(&environment, extent.rounds, report).await?;
    environment.stack.stop().await;
    Ok(())
}

/// Where a stack keeps its data.
pub(crate) fn folder() -> Result<TempDir, Failure> {
    let folder = tempfile::Builder::new().prefix("madoguchi-bench-").tempdir()?;
    // PostgreSQL's own user passes through it.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}

/// One command after the other, and after each one query after the other until it is seen: what is measured is exact to
/// the time of a query.
async fn commands(
    environment: &Environment,
    like: &AccidentRow,
    count: usize,
    report: &mut Report,
) -> Result<(), Failure> {
    let (mut accepted, mut shown) = (Vec::new(), Vec::new());
    for number in 0..count {
        let mut row = like.clone();
        row.claim_number = format!("CL{:08}", 90_000_000 + number);
        let claim_number = row.claim_number.clone();
        let sent = Instant::now();
        environment.accidents(vec![row]).await?;
        let answered = Instant::now();
        environment.until_shown(&claim_number).await?;
        accepted.push(answered.duration_since(sent).as_secs_f64() * 1e3);
        shown.push(answered.elapsed().as_secs_f64() * 1e3);
    }
    for per_cent in [50, 99] {
        report.alone(
            format!("command sent → accepted, p{per_cent}"),
            percentile(&accepted, per_cent),
            "ms",
        );
        report.alone(
            format!("command accepted → visible in the view, p{per_cent}"),
            percentile(&shown, per_cent),
            "ms",
        );
    }
    Ok(())
}

/// Events a second of a rebuild, sealed fields opened, beside the rows a second that COPY fills equal tables with.
async fn rebuild(environment: &Environment, rounds: usize, report: &mut Report) -> Result<(), Failure> {
    let mut events = 0;
    for service in [ENDORSEMENT, CLAIM_IMAGES] {
        let pool = PgPool::connect(&environment.stack.database_url(service)).await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM store.event")
            .fetch_one(&pool)
            .await?;
        events += count;
    }
    let views = PgPool::connect(&environment.stack.database_url(VIEWS)).await?;
    let (mut rebuilt, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..rounds.min(3) {
        let run = environment.rebuild().await?;
        let micros = run.ended_at_us - run.started_at_us;
        rebuilt.push(events as f64 / (micros as f64 / 1e6));
        copied.push(copy(&views).await?);
    }
    report.turns(
        "rebuild of the views, events ÷ COPY of their rows",
        "1/s",
        &rebuilt,
        &copied,
    );
    report.alone("rebuild of the views, events", events as f64, "events");
    Ok(())
}

/// Rows a second that COPY fills copies of the views' tables with, indexes included.
async fn copy(views: &PgPool) -> Result<f64, Failure> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'view'")
            .fetch_all(views)
            .await?;
    let run = async |statement: String| sqlx::query(AssertSqlSafe(statement)).execute(views).await;
    run("CREATE SCHEMA bench".to_owned()).await?;
    let (mut rows, mut took) = (0, Duration::ZERO);
    for table in tables {
        let select = format!("COPY view.\"{table}\" TO STDOUT (FORMAT binary)");
        let content: Vec<_> = views.copy_out_raw(&select).await?.try_collect().await?;
        run(format!(
            "CREATE TABLE bench.\"{table}\" (LIKE view.\"{table}\" INCLUDING ALL)"
        ))
        .await?;
        let start = Instant::now();
        let mut copying = views
            .copy_in_raw(&format!("COPY bench.\"{table}\" FROM STDIN (FORMAT binary)"))
            .await?;
        for part in content {
            copying.send(part).await?;
        }
        rows += copying.finish().await?;
        took += start.elapsed();
    }
    run("DROP SCHEMA bench CASCADE".to_owned()).await?;
    Ok(rows as f64 / took.as_secs_f64())
}

/// Who signs customers' tokens without a login, once identity says so.
async fn customers(stack: &Stack, client: &Client) -> Result<CustomerIssuer, Failure> {
    let pool = PgPool::connect(&stack.database_url(IDENTITY)).await?;
    let issuer = CustomerIssuer::published_by(&pool).await?;
    let published = testkit::poll(WITHIN, async || {
        let keys = client
            .identity(&Bearer::nobody())
            .get_keys(GetKeysRequest {})
            .await;
        let keys = keys.map_err(|status| status.to_string())?.into_inner().jwks_json;
        if keys.contains(&issuer.key_id()) {
            Ok(())
        } else {
            Err(keys)
        }
    });
    let lacking = |last| format!("identity does not publish the key: {last:?}");
    published.await.map_err(lacking)?;
    Ok(issuer)
}

impl Environment {
    pub(crate) async fn open(data: &Path, programs: &Path) -> Result<Self, Failure> {
        let stack = Stack::start(data, programs).await?;
        let client = Client::new(&stack.description().services)?;
        let secrets = Secrets::open(stack.folder())?;
        let staff = |id, role| {
            let now_s = SystemClock.now().as_second();
            secrets
                .staff()
                .token(id, &[role], now_s, TOKEN_S)
                .map(|token| Bearer::new(&token))
        };
        Ok(Self {
            administrator: staff("M001", "administrator")?,
            adjuster: staff("A001", "supervisor")?,
            customers: customers(&stack, &client).await?,
            stack,
            client,
        })
    }

    /// A customer who logged in just now.
    pub(crate) fn customer(&self, subject: &SubjectId) -> Result<Bearer, Failure> {
        let now_s = SystemClock.now().as_second();
        let token = self
            .customers
            .access_token(subject, &[subject], &["pwd", "tel"], now_s)?;
        Ok(Bearer::new(&token))
    }

    async fn contracts(&self, rows: Vec<ContractRow>) -> Result<(), Failure> {
        for rows in rows.chunks(BATCH_ROWS) {
            let request = ImportContractsRequest {
                request_id: request_id(),
                rows: rows.to_vec(),
                as_of_us: as_of_now(),
                dry_run: false,
            };
            self.client
                .endorsement(&self.administrator)
                .import_contracts(request)
                .await?;
        }
        Ok(())
    }

    pub(crate) async fn accidents(&self, rows: Vec<AccidentRow>) -> Result<(), Failure> {
        for rows in rows.chunks(BATCH_ROWS) {
            let request = ImportAccidentsRequest {
                request_id: request_id(),
                rows: rows.to_vec(),
                as_of_us: as_of_now(),
                dry_run: false,
            };
            self.client
                .claim_images(&self.administrator)
                .import_accidents(request)
                .await?;
        }
        Ok(())
    }

    async fn until_shown(&self, claim_number: &str) -> Result<(), Failure> {
        let start = Instant::now();
        loop {
            let request = SearchAccidentsRequest {
                claim_number: claim_number.to_owned(),
                ..Default::default()
            };
            let found = self
                .client
                .adjuster_view(&self.adjuster)
                .search_accidents(request)
                .await?;
            if !found.into_inner().accidents.is_empty() {
                return Ok(());
            }
            if start.elapsed() > WITHIN {
                return Err(format!("{claim_number} is not in the view").into());
            }
        }
    }

    async fn rebuild(&self) -> Result<ViewsRun, Failure> {
        let mut admin = self.client.views_admin(&self.administrator);
        let request = RebuildViewsRequest {
            request_id: request_id(),
        };
        let begun = admin.rebuild_views(request).await?.into_inner().run_id;
        let run = testkit::poll(WITHIN, async || {
            let status = self
                .client
                .views_admin(&self.administrator)
                .get_views_status(GetViewsStatusRequest {})
                .await;
            let run = status.map_err(|status| status.to_string())?.into_inner().run;
            run.filter(|run| run.run_id == begun && run.ended_at_us > 0)
                .ok_or("it is under way".to_owned())
        })
        .await
        .map_err(|seen| format!("the rebuild did not end: {seen:?}"))?;
        if run.state() == ViewsRunState::Done {
            Ok(run)
        } else {
            Err(format!("the rebuild ended {:?}: {}", run.state(), run.failure).into())
        }
    }
}

//! Step 8: while numbers are changed, the views are killed and JetStream's folder is wiped; afterwards the views hold every
//! change, and are row by row what a rebuild from the services' stores makes.

use std::time::Duration;

use client::change::phones;
use client::{Bearer, Refusal, request_id};
use contracts::endorsement::v1::Section;
use contracts::names::VIEWS;
use contracts::views::v1::{
    GetViewsStatusRequest, ListContractsRequest, RebuildViewsRequest, ViewsRun, ViewsRunState,
};
use sqlx::{Connection as _, PgConnection};
use tonic::Status;

use super::checks::{Checks, Halt};
use super::customer::OwnContract;
use super::login::neighbour;
use super::{Journey, until};

/// Changes before the views are killed, before JetStream is wiped, and in all: an even number, so that the number that
/// stands at the end is the one that stood before.
const BEFORE_KILL: usize = 2;
const BEFORE_WIPE: usize = 5;
const CHANGES: usize = 8;
/// How long a rebuild of the sample's views may take.
const REBUILT_WITHIN: Duration = Duration::from_mins(20);

impl Journey<'_> {
    pub(super) async fn survive_outage(&mut self, checks: &mut Checks) -> Result<(), Halt> {
        let bearer = self.bearer(checks).await?;
        let Some(contract) = self.customer.contracts.first().cloned() else {
            return Err(Halt);
        };
        let current = self
            .login
            .as_ref()
            .map(|login| login.phone.clone())
            .unwrap_or_default();
        let other = neighbour(&current, 1);
        let mut token = String::new();
        for change in 0..CHANGES {
            if change == BEFORE_KILL {
                self.stack.kill(VIEWS).await;
            }
            if change == BEFORE_WIPE {
                checks.done("JetStream is killed, wiped and started", self.wipe().await)?;
            }
            let number = if change % 2 == 0 { &other } else { &current };
            token = self.change_to(&bearer, &contract, number, checks).await?;
        }
        let call = self.listed(&bearer, &token).await;
        checks.check(
            "while the views are killed nothing is shown",
            call.is_err(),
            "the views answered",
        );
        checks.done("the views start again", self.stack.restart(VIEWS).await)?;

        let seen = until(checks, "the views hold every change made meanwhile", async || {
            self.listed(&bearer, &token).await.map_err(Refusal::from)
        })
        .await?;
        checks.check(
            "the views hold every change made meanwhile",
            seen > 0,
            "no contract is listed",
        );
        self.same_as_rebuilt(checks).await
    }

    async fn change_to(
        &self,
        bearer: &Bearer,
        contract: &OwnContract,
        number: &str,
        checks: &mut Checks,
    ) -> Result<String, Halt> {
        let prepared = self
            .prepare(bearer, contract, phones(Section::Insured, &[number]))
            .await;
        let prepared = checks.answer("a change is prepared", prepared)?;
        let submitted = self
            .submit(bearer, contract, number, &prepared.confirm_token, &request_id())
            .await;
        let submitted = checks.answer("a change is submitted", submitted)?;
        Ok(submitted.consistency_token)
    }

    async fn wipe(&mut self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let nats = self.stack.nats();
        nats.wipe().await?;
        Ok(nats.restart().await?)
    }

    /// Contracts in the view that has come as far as the token says.
    async fn listed(&self, bearer: &Bearer, token: &str) -> Result<usize, Status> {
        let request = ListContractsRequest {
            consistency_tokens: vec![token.to_owned()],
            ..ListContractsRequest::default()
        };
        let mut view = self.setting.client.customer_view(bearer);
        Ok(view.list_contracts(request).await?.into_inner().contracts.len())
    }

    async fn same_as_rebuilt(&self, checks: &mut Checks) -> Result<(), Halt> {
        let before = checks.done("the rows are read", self.rows().await)?;
        let administrator = self.setting.staff("M001", &["administrator"], checks)?;
        let request = RebuildViewsRequest {
            request_id: request_id(),
        };
        let call = self
            .setting
            .client
            .views_admin(&administrator)
            .rebuild_views(request)
            .await;
        let run_id = checks.answer("a rebuild is begun", call)?.run_id;
        let run = testkit::poll(REBUILT_WITHIN, async || self.ended(&administrator, &run_id).await);
        let run = run
            .await
            .map_err(|seen| seen.unwrap_or_else(|| "no answer".to_owned()));
        let run = checks.done("the rebuild ends", run)?;
        checks.equal(
            "the rebuild ends as it should",
            &run.state(),
            &ViewsRunState::Done,
        );
        let differing: i64 = run.tables.iter().map(|table| table.differing_rows).sum();
        checks.check(
            "both views equal a rebuild from the stores, by their own comparison",
            differing == 0 && !run.tables.is_empty(),
            format_args!("{differing} rows differ: {:?}", run.tables),
        );
        let after = checks.done("the rows are read", self.rows().await)?;
        checks.check(
            "both views equal a rebuild from the stores, row by row",
            before == after && !before.is_empty(),
            format_args!("{} rows before, {} after", before.len(), after.len()),
        );
        Ok(())
    }

    async fn ended(&self, administrator: &Bearer, run_id: &str) -> Result<ViewsRun, String> {
        let call = self
            .setting
            .client
            .views_admin(administrator)
            .get_views_status(GetViewsStatusRequest {})
            .await;
        let run = call
            .map_err(|status| Refusal::from(status).to_string())?
            .into_inner()
            .run;
        match run {
            Some(run) if run.run_id == run_id && run.ended_at_us > 0 => Ok(run),
            run => Err(format!("{:?}", run.map(|run| run.state))),
        }
    }

    /// Every row of the tables that serve, with its table, in one order (docs/adr/0014).
    async fn rows(&self) -> Result<Vec<(String, String)>, sqlx::Error> {
        let mut connection = PgConnection::connect(&self.stack.database_url(VIEWS)).await?;
        let rows = sqlx::query_as("SELECT table_name, content FROM rebuild.dump('view')")
            .fetch_all(&mut connection)
            .await?;
        connection.close().await?;
        Ok(rows)
    }
}

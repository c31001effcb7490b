//! Sends the rows of a batch, in as many calls as it takes.

use std::time::{Duration, Instant};

use contracts::claim_images::v1::{AccidentRow, ImportAccidentsRequest};
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest, PolicyOfCustomer};
use contracts::identity::v1::{ImportInitialCredentialsRequest, InitialCredential};
use tonic::{Code, Request, Status};

use super::error::ImportError;
use super::pace::{Next, Pace};
use super::progress::Progress;
use crate::bearer::Bearer;
use crate::files::FileRow;
use crate::refusal::Refusal;
use crate::services::Client;
use crate::wait::pause;

/// Before a call that was refused is sent again, unless the service says when.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, whatever the service says.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One call's rows, and what holds for them.
pub(super) struct Call<R> {
    pub(super) request_id: String,
    pub(super) rows: Vec<R>,
    pub(super) as_of_us: i64,
    pub(super) dry_run: bool,
}

/// A row that one of the services imports.
pub(super) trait Importable: FileRow {
    /// Whether it is a policy that rows of other files name.
    const IS_POLICY: bool = false;

    async fn send(
        client: &Client,
        administrator: &Bearer,
        call: Call<Self>,
        within: Duration,
    ) -> Result<Vec<ImportRowResult>, Status>;

    /// The policy it names without being its contract.
    fn policy(&self) -> Option<PolicyOfCustomer> {
        None
    }
}

/// The service is told how long it has, so that it does not go on with what nobody waits for.
pub(super) fn limited<T>(message: T, within: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(within);
    request
}

impl Importable for ContractRow {
    const IS_POLICY: bool = true;

    async fn send(
        client: &Client,
        administrator: &Bearer,
        call: Call<Self>,
        within: Duration,
    ) -> Result<Vec<ImportRowResult>, Status> {
        let request = ImportContractsRequest {
            request_id: call.request_id,
            rows: call.rows,
            as_of_us: call.as_of_us,
            dry_run: call.dry_run,
        };
        let mut endorsement = client.endorsement(administrator);
        let answer = endorsement.import_contracts(limited(request, within)).await?;
        Ok(answer.into_inner().results)
    }
}

impl Importable for InitialCredential {
    async fn send(
        client: &Client,
        administrator: &Bearer,
        call: Call<Self>,
        within: Duration,
    ) -> Result<Vec<ImportRowResult>, Status> {
        let request = ImportInitialCredentialsRequest {
            request_id: call.request_id,
            rows: call.rows,
            as_of_us: call.as_of_us,
            dry_run: call.dry_run,
        };
        let mut identity = client.identity(administrator);
        let answer = identity
            .import_initial_credentials(limited(request, within))
            .await?;
        Ok(answer.into_inner().results)
    }

    fn policy(&self) -> Option<PolicyOfCustomer> {
        Some(PolicyOfCustomer {
            policy_number: self.policy_number.clone(),
            branch_number: self.branch_number.clone(),
            customer_number: self.customer_number.clone(),
        })
    }
}

impl Importable for AccidentRow {
    async fn send(
        client: &Client,
        administrator: &Bearer,
        call: Call<Self>,
        within: Duration,
    ) -> Result<Vec<ImportRowResult>, Status> {
        let request = ImportAccidentsRequest {
            request_id: call.request_id,
            rows: call.rows,
            as_of_us: call.as_of_us,
            dry_run: call.dry_run,
        };
        let mut claim_images = client.claim_images(administrator);
        let answer = claim_images.import_accidents(limited(request, within)).await?;
        Ok(answer.into_inner().results)
    }

    fn policy(&self) -> Option<PolicyOfCustomer> {
        Some(PolicyOfCustomer {
            policy_number: self.policy_number.clone(),
            branch_number: self.branch_number.clone(),
            customer_number: self.customer_number.clone(),
        })
    }
}

pub(super) struct Calls<'a> {
    pub(super) client: &'a Client,
    pub(super) administrator: &'a Bearer,
    pub(super) pace: Pace,
    pub(super) progress: &'a dyn Progress,
    pub(super) as_of_us: i64,
    pub(super) dry_run: bool,
}

impl Calls<'_> {
    /// Sends all rows under one request id, which services keep per row: a row of a call that was not answered, and had its
    /// effect, is recognised in a smaller call and answered as it would have been.
    pub(super) async fn batch<R: Importable>(
        &self,
        request_id: String,
        rows: &[R],
    ) -> Result<Vec<ImportRowResult>, ImportError> {
        let mut results = Vec::with_capacity(rows.len());
        let mut rest = rows;
        while !rest.is_empty() {
            let (most, within) = self.pace.call();
            let count = most.min(rest.len());
            let (part, after) = rest.split_at(count);
            let call = Call {
                request_id: request_id.clone(),
                rows: part.to_vec(),
                as_of_us: self.as_of_us,
                dry_run: self.dry_run,
            };
            match R::send(self.client, self.administrator, call, within).await {
                Ok(answer) => {
                    results.extend(one_result_per_row::<R>(answer, count)?);
                    self.pace.answered(Instant::now());
                    self.progress.advanced(R::FILE, count);
                    rest = after;
                }
                Err(status) => self.after_failure::<R>(status.into(), count).await?,
            }
        }
        Ok(results)
    }

    /// Returns when the call may be sent again.
    async fn after_failure<R: Importable>(&self, refusal: Refusal, rows: usize) -> Result<(), ImportError> {
        if !refusal.is_transient() {
            return Err(ImportError::Refused {
                file: R::FILE,
                refusal: Box::new(refusal),
            });
        }
        let late = matches!(refusal.code, Code::DeadlineExceeded | Code::Cancelled);
        let next = if late {
            self.pace.late(rows, Instant::now())
        } else {
            self.pace.refused(Instant::now())
        };
        match next {
            Next::Smaller(rows) => self.progress.slowed(R::FILE, rows),
            Next::Again => pause(refusal.retry_after.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await,
            Next::GiveUp => {
                return Err(ImportError::Stuck {
                    file: R::FILE,
                    patience: self.pace.patience(),
                    rows,
                    refusal: Box::new(refusal),
                });
            }
        }
        Ok(())
    }
}

fn one_result_per_row<R: FileRow>(
    results: Vec<ImportRowResult>,
    rows: usize,
) -> Result<Vec<ImportRowResult>, ImportError> {
    let told = |row: &ImportRowResult| row.outcome() != ImportOutcome::Unspecified;
    if results.len() == rows && results.iter().all(told) {
        Ok(results)
    } else {
        Err(ImportError::Answer { file: R::FILE })
    }
}

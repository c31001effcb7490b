//! gRPC in: one function per RPC. Parsing has its own file; decisions are the domain's.

mod deriving;
mod finishing;
mod imports;
mod parse;
mod pictures;
mod row;
mod submissions;
mod uploads;
mod writing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use contracts::claim_images::v1 as proto;
use contracts::claim_images::v1::claim_images_service_server::ClaimImagesService;
use decider::{Explain as _, Problem, ProblemKind};
use eventsourcing::Repository;
use kernel::clock::Timestamp;
use kernel::ids::{AccountId, SubjectId};
use service::{Caller, Context, Staff, caller, status};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

use crate::decoder::Decoder;
use crate::domain::{Accident, Rejection};
use crate::judging::OneEach;
use crate::originals::Originals;
use crate::spool::Spool;
use crate::turns::Turns;
use crate::upload_limits::Quotas;
use crate::uploads::Uploads;

/// What the RPCs work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) context: Context,
    pub(crate) accidents: Repository<Accident>,
    pub(crate) uploads: Uploads,
    pub(crate) spool: Spool,
    pub(crate) originals: Originals,
    pub(crate) turns: Turns,
    pub(crate) decoder: Decoder,
    /// Of each account, one file at a time.
    pub(crate) one_each: OneEach,
    /// Files held in memory and decoded at the same time.
    pub(crate) judging: Arc<Semaphore>,
    /// The same for HEIC.
    pub(crate) judging_heic: Arc<Semaphore>,
    /// How long a file waits to be one of them.
    pub(crate) decoder_wait: Duration,
    /// After which a connection that sends nothing is taken for dead.
    pub(crate) idle_timeout: Duration,
    /// After which an unfinished upload is dropped.
    pub(crate) upload_lifetime: Duration,
    pub(crate) quotas: Quotas,
}

impl Api {
    fn now(&self) -> Timestamp {
        self.context.clock.now()
    }
}

/// The customer who asks.
struct Owner {
    account: AccountId,
    /// Whose accidents are this customer's own.
    subjects: BTreeSet<SubjectId>,
}

/// The table admits nobody else to what uses this.
fn owner<T>(request: &Request<T>) -> Result<Owner, Status> {
    let customer = caller(request).customer().ok_or_else(not_allowed)?;
    Ok(Owner {
        account: customer.account,
        subjects: customer.subjects.clone(),
    })
}

/// The member of staff who asks; the table admits nobody else to what uses this.
fn staff<T>(request: &Request<T>) -> Result<Staff, Status> {
    caller(request).staff().cloned().ok_or_else(not_allowed)
}

/// The customer whose ownership is to be checked; nobody for staff, who may see any accident.
fn restricted_to<T>(request: &Request<T>) -> Result<Option<Owner>, Status> {
    match caller(request) {
        Caller::Staff(_) => Ok(None),
        _ => owner(request).map(Some),
    }
}

fn not_allowed() -> Status {
    status(Problem::new(ProblemKind::PermissionDenied, "CALLER_NOT_ALLOWED"))
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn rejected(rejection: Rejection) -> Status {
    status(rejection.explain())
}

#[tonic::async_trait]
impl ClaimImagesService for Api {
    type DownloadOriginalStream = pictures::Download;
    type GetDerivativesStream = deriving::DerivativeStream;

    async fn import_accidents(
        &self,
        request: Request<proto::ImportAccidentsRequest>,
    ) -> Result<Response<proto::ImportAccidentsResponse>, Status> {
        imports::import_accidents(self, request).await
    }

    async fn start_upload(
        &self,
        request: Request<proto::StartUploadRequest>,
    ) -> Result<Response<proto::StartUploadResponse>, Status> {
        uploads::start(self, request).await
    }

    async fn write_upload(
        &self,
        request: Request<Streaming<proto::WriteUploadRequest>>,
    ) -> Result<Response<proto::WriteUploadResponse>, Status> {
        writing::write(self, request).await
    }

    async fn query_upload(
        &self,
        request: Request<proto::QueryUploadRequest>,
    ) -> Result<Response<proto::QueryUploadResponse>, Status> {
        uploads::query(self, request).await
    }

    async fn finish_upload(
        &self,
        request: Request<proto::FinishUploadRequest>,
    ) -> Result<Response<proto::FinishUploadResponse>, Status> {
        finishing::finish(self, request).await
    }

    async fn abort_upload(
        &self,
        request: Request<proto::AbortUploadRequest>,
    ) -> Result<Response<proto::AbortUploadResponse>, Status> {
        uploads::abort(self, request).await
    }

    async fn send_submission(
        &self,
        request: Request<proto::SendSubmissionRequest>,
    ) -> Result<Response<proto::SendSubmissionResponse>, Status> {
        submissions::send(self, request).await
    }

    async fn mark_submission_seen(
        &self,
        request: Request<proto::MarkSubmissionSeenRequest>,
    ) -> Result<Response<proto::MarkSubmissionSeenResponse>, Status> {
        submissions::mark_seen(self, request).await
    }

    async fn get_derivative(
        &self,
        request: Request<proto::GetDerivativeRequest>,
    ) -> Result<Response<proto::GetDerivativeResponse>, Status> {
        deriving::derivative(self, request).await
    }

    async fn get_derivatives(
        &self,
        request: Request<proto::GetDerivativesRequest>,
    ) -> Result<Response<Self::GetDerivativesStream>, Status> {
        deriving::derivatives(self, request).await
    }

    async fn download_original(
        &self,
        request: Request<proto::DownloadOriginalRequest>,
    ) -> Result<Response<Self::DownloadOriginalStream>, Status> {
        pictures::download(self, request).await
    }
}

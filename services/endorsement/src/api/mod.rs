//! gRPC in: one function per RPC. Parsing and rendering have their own files; decisions are the domain's.

mod contracts;
mod differences;
mod endorsements;
mod fields;
mod imports;
mod parse;
mod party_row;
mod policies;
mod render;
mod row;

use ::contracts::endorsement::v1 as proto;
use ::contracts::endorsement::v1::endorsement_service_server::EndorsementService;
use decider::{Explain as _, Problem, ProblemKind};
use eventsourcing::Repository;
use kernel::clock::Timestamp;
use service::{Caller, Context, caller, status};
use tonic::{Request, Response, Status};

use crate::differing::Differing;
use crate::domain::{ConfirmKey, Contract, Rejection, Requester};

/// What the RPCs work with.
pub(crate) struct Api {
    context: Context,
    contracts: Repository<Contract>,
    differing: Differing,
    confirm_key: ConfirmKey,
}

impl Api {
    pub(crate) fn new(context: Context) -> Self {
        let confirm_key = ConfirmKey::new(context.pepper.hash("confirm-token-key", &[]));
        let contracts = context.repository();
        let differing = Differing::new(context.pool.clone());
        Self {
            context,
            contracts,
            differing,
            confirm_key,
        }
    }

    fn now(&self) -> Timestamp {
        self.context.clock.now()
    }
}

/// The customer who asks; the table admits nobody else to what uses this.
fn requester<T>(request: &Request<T>) -> Result<Requester, Status> {
    let customer = caller(request)
        .customer()
        .ok_or_else(|| status(Problem::new(ProblemKind::PermissionDenied, "CALLER_NOT_ALLOWED")))?;
    Ok(Requester {
        account: customer.account,
        subjects: customer.subjects.clone(),
        call_verified: customer.call_verified,
    })
}

/// The customer whose ownership is to be checked; nobody for staff, who may see any contract.
fn restricted_to<T>(request: &Request<T>) -> Result<Option<Requester>, Status> {
    match caller(request) {
        Caller::Staff(_) => Ok(None),
        _ => requester(request).map(Some),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn rejected(rejection: Rejection) -> Status {
    status(rejection.explain())
}

#[tonic::async_trait]
impl EndorsementService for Api {
    async fn import_contracts(
        &self,
        request: Request<proto::ImportContractsRequest>,
    ) -> Result<Response<proto::ImportContractsResponse>, Status> {
        imports::import_contracts(self, request).await
    }

    async fn check_policies(
        &self,
        request: Request<proto::CheckPoliciesRequest>,
    ) -> Result<Response<proto::CheckPoliciesResponse>, Status> {
        policies::check(self, request).await
    }

    async fn list_differences(
        &self,
        request: Request<proto::ListDifferencesRequest>,
    ) -> Result<Response<proto::ListDifferencesResponse>, Status> {
        differences::list(self, request).await
    }

    async fn get_contract(
        &self,
        request: Request<proto::GetContractRequest>,
    ) -> Result<Response<proto::GetContractResponse>, Status> {
        contracts::get_contract(self, request).await
    }

    async fn prepare_endorsement(
        &self,
        request: Request<proto::PrepareEndorsementRequest>,
    ) -> Result<Response<proto::PrepareEndorsementResponse>, Status> {
        endorsements::prepare(self, request).await
    }

    async fn submit_endorsement(
        &self,
        request: Request<proto::SubmitEndorsementRequest>,
    ) -> Result<Response<proto::SubmitEndorsementResponse>, Status> {
        endorsements::submit(self, request).await
    }

    async fn withdraw_endorsement(
        &self,
        request: Request<proto::WithdrawEndorsementRequest>,
    ) -> Result<Response<proto::WithdrawEndorsementResponse>, Status> {
        endorsements::withdraw(self, request).await
    }

    async fn get_endorsement(
        &self,
        request: Request<proto::GetEndorsementRequest>,
    ) -> Result<Response<proto::GetEndorsementResponse>, Status> {
        endorsements::get(self, request).await
    }
}

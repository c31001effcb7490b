//! What a customer sees of their own business: rows of the subjects in the caller's token, and of nobody else.

mod accidents;
mod contracts;
mod fields;
mod reminders;
mod requests;
mod submissions;

use std::sync::Arc;

use ::contracts::views::v1::customer_view_service_server::CustomerViewService;
use ::contracts::views::v1::{
    GetAccidentRequest, GetAccidentResponse, ListAccidentsRequest, ListAccidentsResponse,
    ListContractsRequest, ListContractsResponse, ListOwnSubmissionsRequest, ListOwnSubmissionsResponse,
    ListRemindersRequest, ListRemindersResponse, ListRequestsRequest, ListRequestsResponse,
};
use service::{Context, caller};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use crate::generations::freshness::Sources;

pub(crate) struct Api {
    context: Context,
    sources: Arc<Sources>,
}

impl Api {
    pub(crate) fn new(context: Context, sources: Arc<Sources>) -> Self {
        Self { context, sources }
    }

    /// Kinds of contract that customers do not handle here (ID-2), as the view has them.
    fn refused_kinds(&self) -> Vec<String> {
        let kinds = &self.context.rulebook.registration.refused_kinds;
        kinds.iter().map(|kind| kind.to_uppercase()).collect()
    }

    /// Policyholders' kinds that customers' contracts may have (ID-2).
    fn policyholder_kinds(&self) -> Vec<String> {
        let corporate = self.context.rulebook.registration.corporate_allowed;
        let kinds: &[&str] = if corporate {
            &["INDIVIDUAL", "CORPORATE"]
        } else {
            &["INDIVIDUAL"]
        };
        kinds.iter().map(|kind| (*kind).to_owned()).collect()
    }
}

/// Whose rows the caller sees. The door admits customers only; anybody else would see nothing.
fn subjects<T>(request: &Request<T>) -> Vec<Uuid> {
    let customer = caller(request).customer();
    customer
        .map(|customer| customer.subjects.iter().map(kernel::SubjectId::as_uuid).collect())
        .unwrap_or_default()
}

/// The part of a page token's query that says whose list it is.
fn owner(subjects: &[Uuid]) -> String {
    let mut ids: Vec<_> = subjects.iter().map(Uuid::to_string).collect();
    ids.sort();
    ids.join(",")
}

#[async_trait]
impl CustomerViewService for Api {
    async fn list_contracts(
        &self,
        request: Request<ListContractsRequest>,
    ) -> Result<Response<ListContractsResponse>, Status> {
        contracts::list(self, request).await
    }

    async fn list_accidents(
        &self,
        request: Request<ListAccidentsRequest>,
    ) -> Result<Response<ListAccidentsResponse>, Status> {
        accidents::list(self, request).await
    }

    async fn get_accident(
        &self,
        request: Request<GetAccidentRequest>,
    ) -> Result<Response<GetAccidentResponse>, Status> {
        accidents::get(self, request).await
    }

    async fn list_own_submissions(
        &self,
        request: Request<ListOwnSubmissionsRequest>,
    ) -> Result<Response<ListOwnSubmissionsResponse>, Status> {
        submissions::list(self, request).await
    }

    async fn list_requests(
        &self,
        request: Request<ListRequestsRequest>,
    ) -> Result<Response<ListRequestsResponse>, Status> {
        requests::list(self, request).await
    }

    async fn list_reminders(
        &self,
        request: Request<ListRemindersRequest>,
    ) -> Result<Response<ListRemindersResponse>, Status> {
        reminders::list(self, request).await
    }
}

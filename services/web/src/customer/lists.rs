//! The customer's view, asked so that it shows what was just done: where it is behind, what it has is shown and said so.

use client::{Bearer, Client, Refusal};
use contracts::views::v1::{
    GetAccidentRequest, GetAccidentResponse, ListAccidentsRequest, ListAccidentsResponse,
    ListContractsRequest, ListContractsResponse, ListRemindersRequest, ListRemindersResponse,
    ListRequestsRequest, ListRequestsResponse,
};
use tonic::Status;

use super::guard::Customer;
use crate::problem::Problem;

/// What the view has, and whether it is behind what was done last.
pub(crate) struct Shown<T> {
    pub(crate) answer: T,
    pub(crate) behind: bool,
}

macro_rules! shown {
    ($lists:expr, $rpc:ident, $request:expr) => {{
        let mut request = $request;
        request.consistency_tokens.clone_from(&$lists.consistency);
        let mut view = $lists.client.customer_view($lists.bearer);
        match view.$rpc(request.clone()).await {
            Ok(answer) => Ok(Shown {
                answer: answer.into_inner(),
                behind: false,
            }),
            Err(status) => {
                $lists.is_behind(status)?;
                request.consistency_tokens.clear();
                Ok(Shown {
                    answer: view.$rpc(request).await?.into_inner(),
                    behind: true,
                })
            }
        }
    }};
}

/// The customer's view.
pub(crate) struct Lists<'a> {
    client: &'a Client,
    bearer: &'a Bearer,
    consistency: Vec<String>,
}

impl<'a> Lists<'a> {
    pub(crate) fn of(customer: &'a Customer) -> Self {
        Self {
            client: customer.app.backend.client(),
            bearer: &customer.bearer,
            consistency: customer
                .session
                .content
                .consistency(customer.app.now().as_second()),
        }
    }

    pub(crate) async fn contracts(&self, page_token: &str) -> Result<Shown<ListContractsResponse>, Problem> {
        let request = ListContractsRequest {
            page_token: page_token.to_owned(),
            ..ListContractsRequest::default()
        };
        shown!(self, list_contracts, request)
    }

    pub(crate) async fn accidents(&self, page_token: &str) -> Result<Shown<ListAccidentsResponse>, Problem> {
        let request = ListAccidentsRequest {
            page_token: page_token.to_owned(),
            ..ListAccidentsRequest::default()
        };
        shown!(self, list_accidents, request)
    }

    pub(crate) async fn accident(&self, accident_id: &str) -> Result<Shown<GetAccidentResponse>, Problem> {
        let request = GetAccidentRequest {
            accident_id: accident_id.to_owned(),
            ..GetAccidentRequest::default()
        };
        shown!(self, get_accident, request)
    }

    pub(crate) async fn requests(&self, page_token: &str) -> Result<Shown<ListRequestsResponse>, Problem> {
        let request = ListRequestsRequest {
            page_token: page_token.to_owned(),
            ..ListRequestsRequest::default()
        };
        shown!(self, list_requests, request)
    }

    pub(crate) async fn reminders(&self) -> Result<Shown<ListRemindersResponse>, Problem> {
        shown!(self, list_reminders, ListRemindersRequest::default())
    }

    /// Whether the same is to be asked for without what was just done.
    fn is_behind(&self, status: Status) -> Result<(), Problem> {
        let refusal = Refusal::from(status);
        let behind = ["VIEW_BEHIND", "CHANGE_NOT_SHOWN"].contains(&refusal.reason.as_str());
        if behind && !self.consistency.is_empty() {
            Ok(())
        } else {
            Err(refusal.into())
        }
    }
}

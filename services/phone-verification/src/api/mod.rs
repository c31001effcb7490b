//! The gRPC door: one function per RPC, `parse` in, `render` out.

mod get_challenge;
mod open_challenge;
mod parse;
mod render;
mod report_call;

use std::sync::Arc;

use contracts::phone_verification::v1::phone_verification_service_server::PhoneVerificationService;
use contracts::phone_verification::v1::{
    GetChallengeRequest, GetChallengeResponse, OpenChallengeRequest, OpenChallengeResponse,
    ReportCallRequest, ReportCallResponse,
};
use decider::Explain as _;
use eventsourcing::Repository;
use service::tokens::LoginToken;
use service::{Context, status};
use tonic::{Request, Response, Status};

use crate::calls::Calls;
use crate::changes::Changes;
use crate::domain::{Challenge, LinePool};
use crate::line_rows::LineRows;
use crate::metrics::Metrics;
use crate::openings::Openings;

/// What the RPCs work with.
pub(crate) struct Api {
    pub(crate) context: Context,
    pub(crate) openings: Openings,
    pub(crate) calls: Calls,
    pub(crate) challenges: Repository<Challenge>,
    pub(crate) rows: LineRows,
    pub(crate) pool: Arc<LinePool>,
    pub(crate) changes: Changes,
    pub(crate) metrics: Metrics,
}

impl Api {
    async fn login(&self, token: &str) -> Result<LoginToken, Status> {
        self.context
            .tokens
            .login_token(token)
            .await
            .map_err(|refused| status(refused.explain()))
    }
}

#[tonic::async_trait]
impl PhoneVerificationService for Api {
    async fn open_challenge(
        &self,
        request: Request<OpenChallengeRequest>,
    ) -> Result<Response<OpenChallengeResponse>, Status> {
        open_challenge::open_challenge(self, request).await
    }

    async fn get_challenge(
        &self,
        request: Request<GetChallengeRequest>,
    ) -> Result<Response<GetChallengeResponse>, Status> {
        get_challenge::get_challenge(self, request).await
    }

    async fn report_call(
        &self,
        request: Request<ReportCallRequest>,
    ) -> Result<Response<ReportCallResponse>, Status> {
        report_call::report_call(self, request).await
    }
}

//! A call as a carrier or call platform reports it (PV-14). The answer is the same for every call (PV-13).

use contracts::phone_verification::v1::{ReportCallRequest, ReportCallResponse};
use service::{command, refuse};
use tonic::{Request, Response, Status};

use super::{Api, parse};

pub(super) async fn report_call(
    api: &Api,
    request: Request<ReportCallRequest>,
) -> Result<Response<ReportCallResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let call = parse::reported_call(request.into_inner(), &api.pool).map_err(refuse)?;
    api.calls.report(&envelope, &call).await.map_err(refuse)?;
    Ok(Response::new(ReportCallResponse {}))
}

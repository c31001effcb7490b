//! A call as a carrier or call platform reports it (PV-14). The answer follows from the report alone, whatever came of the
//! call (PV-13): it says how the caller was read, so that a reporter hears of a notation that is not (OP-9).

use contracts::phone_verification::v1::{ReportCallRequest, ReportCallResponse};
use service::{command, refuse};
use tonic::{Request, Response, Status};

use super::{Api, parse, render};

pub(super) async fn report_call(
    api: &Api,
    request: Request<ReportCallRequest>,
) -> Result<Response<ReportCallResponse>, Status> {
    let envelope = command(&api.context, &request, &request.get_ref().request_id).map_err(refuse)?;
    let call = parse::reported_call(request.into_inner(), &api.pool).map_err(refuse)?;
    api.calls.report(&envelope, &call).await.map_err(refuse)?;
    let caller = render::caller(&call.caller);
    api.metrics.reported(caller);
    Ok(Response::new(ReportCallResponse {
        caller: caller.into(),
    }))
}

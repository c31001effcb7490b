//! The envelope of a command, made from the call it came by: who asks, under which id, with what content, in which
//! trace. Parsing happens here once; the domain only sees the result.

use eventsourcing::{Problem, ProblemKind, Request, RequestKey};
use prost::Message;
use uuid::Uuid;

use crate::{Context, caller, traceparent};

/// The envelope of a mutating call. The id's scope is the caller (account, staff or peer) and the RPC.
///
/// # Errors
/// `REQUEST_ID_REQUIRED` or `REQUEST_ID_INVALID` on field `request_id`; `UNAUTHENTICATED` for an anonymous caller,
/// whose scope must be given to [`command_scoped`].
pub fn command<T: Message>(
    context: &Context,
    rpc: &str,
    request: &tonic::Request<T>,
    request_id: &str,
) -> Result<Request, Problem> {
    let scope = caller(request)
        .scope()
        .ok_or_else(|| Problem::new(ProblemKind::Unauthenticated, "UNAUTHENTICATED"))?;
    envelope(context, &scope, rpc, request, request_id)
}

/// As [`command`], for calls without a known caller: the scope is what stands for one (a login id, a keyed hash of
/// a user id), so that two strangers cannot collide. It must hold no personal value.
pub fn command_scoped<T: Message>(
    context: &Context,
    scope: &str,
    rpc: &str,
    request: &tonic::Request<T>,
    request_id: &str,
) -> Result<Request, Problem> {
    envelope(context, &format!("scope:{scope}"), rpc, request, request_id)
}

fn envelope<T: Message>(
    context: &Context,
    scope: &str,
    rpc: &str,
    request: &tonic::Request<T>,
    request_id: &str,
) -> Result<Request, Problem> {
    let invalid =
        |reason| Problem::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT").field("request_id", reason);
    if request_id.is_empty() {
        return Err(invalid("REQUEST_ID_REQUIRED"));
    }
    let id = Uuid::try_parse(request_id).map_err(|_| invalid("REQUEST_ID_INVALID"))?;
    let payload = request.get_ref().encode_to_vec();
    Ok(Request {
        key: RequestKey::derive(scope, rpc, id),
        payload_hash: hex::encode(context.pepper.hash("request-payload", &payload)),
        actor: caller(request).actor(),
        // One correlation per request, the same when it is retried, without a random source.
        correlation_id: RequestKey::derive(scope, rpc, id).derive_id("correlation"),
        causation_id: None,
        traceparent: traceparent(),
        at: context.clock.now(),
    })
}

//! The envelope of a command, made from the call it came by: who asks, under which id, with what content, in which
//! trace. Parsing happens here once; the domain only sees the result.

use decider::{Problem, ProblemKind};
use eventsourcing::{Request, RequestKey};
use kernel::clock::Timestamp;
use privacy::Pepper;
use prost::Message;
use uuid::Uuid;
use zeroize::Zeroizing;

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
    envelope(
        &context.pepper,
        context.clock.now(),
        &scope,
        rpc,
        request,
        request_id,
    )
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
    envelope(
        &context.pepper,
        context.clock.now(),
        &format!("scope:{scope}"),
        rpc,
        request,
        request_id,
    )
}

fn envelope<T: Message>(
    pepper: &Pepper,
    at: Timestamp,
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
    let key = RequestKey::derive(scope, rpc, id);
    let payload = Zeroizing::new(request.get_ref().encode_to_vec());
    Ok(Request {
        key,
        payload_hash: hex::encode(pepper.hash("request-payload", &payload)),
        actor: caller(request).actor(),
        // One correlation per request, the same when it is retried, without a random source.
        correlation_id: key.derive_id("correlation"),
        causation_id: None,
        traceparent: traceparent(),
        at,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use kernel::ids::{AccountId, SessionId};

    use super::*;
    use crate::{Caller, Customer};

    const ID: &str = "7f1b0d0c-0000-4000-8000-000000000001";

    fn called_by(session: u128, content: &str) -> tonic::Request<String> {
        let mut request = tonic::Request::new(content.to_owned());
        request.extensions_mut().insert(Caller::Customer(Customer {
            account: AccountId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(session)),
            subjects: BTreeSet::new(),
            call_verified: false,
        }));
        request
    }

    fn of(request: &tonic::Request<String>, id: &str) -> Result<Request, Problem> {
        let pepper = Pepper::from_hex(&"0f".repeat(32)).unwrap();
        let at = "2026-11-16T03:00:00Z".parse().unwrap();
        envelope(
            &pepper,
            at,
            &caller(request).scope().unwrap(),
            "Submit",
            request,
            id,
        )
    }

    #[test]
    fn a_retry_from_another_session_is_the_same_request_and_other_content_shows() {
        let first = of(&called_by(1, "a"), ID).unwrap();
        let retried = of(&called_by(2, "a"), ID).unwrap();
        let other = of(&called_by(1, "b"), ID).unwrap();
        assert_eq!(
            (first.key, &first.payload_hash),
            (retried.key, &retried.payload_hash)
        );
        assert_eq!(first.correlation_id, retried.correlation_id);
        assert_eq!(first.key, other.key);
        assert_ne!(first.payload_hash, other.payload_hash);
    }

    #[test]
    fn a_missing_or_malformed_request_id_names_the_field() {
        for (id, reason) in [("", "REQUEST_ID_REQUIRED"), ("17", "REQUEST_ID_INVALID")] {
            let problem = of(&called_by(1, "a"), id).unwrap_err();
            assert_eq!(
                (problem.violations[0].field.as_str(), problem.violations[0].reason),
                ("request_id", reason)
            );
        }
    }
}

//! The envelope of a command, made from the call it came by: who asks, by which RPC, under which id, with what content, in
//! which trace. Parsing happens here once; the domain only sees the result.

use contracts::access::Rule;
use decider::{Class, Classify, Problem, ProblemKind};
use eventsourcing::{Request, RequestKey};
use kernel::clock::Timestamp;
use privacy::Pepper;
use prost::Message;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::grpc::context::Context;
use crate::grpc::trace::traceparent;
use crate::tokens::caller::caller;

/// Why a call makes no command.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The caller has to ask otherwise.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// Nothing told by which RPC the call came: it did not pass admission.
    #[error("the call does not say by which RPC it came")]
    WithoutRule,
}

impl Classify for CommandError {
    fn classify(&self) -> Class {
        match self {
            Self::Refused(problem) => problem.classify(),
            Self::WithoutRule => Class::ours(),
        }
    }
}

/// The envelope of a mutating call. The id's scope is the caller (account, staff or peer) and the RPC's path, which comes
/// from the row of the caller table that admitted the call (docs/adr/0002).
///
/// # Errors
/// `REQUEST_ID_REQUIRED` or `REQUEST_ID_INVALID` on field `request_id`; `UNAUTHENTICATED` for an anonymous caller,
/// whose scope must be given to [`command_scoped`].
pub fn command<T: Message>(
    context: &Context,
    request: &tonic::Request<T>,
    request_id: &str,
) -> Result<Request, CommandError> {
    let scope = caller(request)
        .scope()
        .ok_or_else(|| Problem::new(ProblemKind::Unauthenticated, "UNAUTHENTICATED"))?;
    envelope(&context.pepper, context.clock.now(), &scope, request, request_id)
}

/// As [`command`], for calls without a known caller: the scope is what stands for one (a login id, a keyed hash of
/// a user id), so that two strangers cannot collide. It must hold no personal value.
pub fn command_scoped<T: Message>(
    context: &Context,
    scope: &str,
    request: &tonic::Request<T>,
    request_id: &str,
) -> Result<Request, CommandError> {
    envelope(
        &context.pepper,
        context.clock.now(),
        &format!("scope:{scope}"),
        request,
        request_id,
    )
}

/// The envelope of a call that no request id repeats, because its answer holds secrets (ID-16): its key comes of an id made
/// for this call alone, and there is no content to compare.
pub fn command_once<T>(
    context: &Context,
    request: &tonic::Request<T>,
    once: Uuid,
) -> Result<Request, CommandError> {
    let key = RequestKey::derive("once", rpc(request)?, once);
    Ok(made_by(request, key, String::new(), context.clock.now()))
}

fn envelope<T: Message>(
    pepper: &Pepper,
    at: Timestamp,
    scope: &str,
    request: &tonic::Request<T>,
    request_id: &str,
) -> Result<Request, CommandError> {
    let invalid = |reason| Problem::invalid("request_id", reason);
    if request_id.is_empty() {
        return Err(invalid("REQUEST_ID_REQUIRED").into());
    }
    let id = Uuid::try_parse(request_id).map_err(|_| invalid("REQUEST_ID_INVALID"))?;
    let key = RequestKey::derive(scope, rpc(request)?, id);
    let payload = Zeroizing::new(request.get_ref().encode_to_vec());
    let payload_hash = hex::encode(pepper.hash("request-payload", &payload));
    Ok(made_by(request, key, payload_hash, at))
}

fn made_by<T>(request: &tonic::Request<T>, key: RequestKey, payload_hash: String, at: Timestamp) -> Request {
    Request {
        key,
        payload_hash,
        actor: caller(request).actor(),
        // One correlation per request, the same when it is retried, without a random source.
        correlation_id: key.derive_id("correlation"),
        causation_id: None,
        traceparent: traceparent(),
        at,
    }
}

/// The path of the RPC, as the caller table names it.
fn rpc<T>(request: &tonic::Request<T>) -> Result<&'static str, CommandError> {
    let rule = request.extensions().get::<&'static Rule>();
    rule.map(|rule| rule.rpc).ok_or(CommandError::WithoutRule)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeSet;

    use contracts::access::rule_of;
    use kernel::ids::{AccountId, SessionId};

    use super::*;
    use crate::tokens::caller::{Caller, Customer};

    const SUBMIT: &str = "/madoguchi.endorsement.v1.EndorsementService/SubmitEndorsement";
    const ID: &str = "7f1b0d0c-0000-4000-8000-000000000001";

    fn called_by(session: u128, content: &str) -> tonic::Request<String> {
        let mut request = tonic::Request::new(content.to_owned());
        request.extensions_mut().insert(rule_of(SUBMIT).unwrap());
        request.extensions_mut().insert(Caller::Customer(Customer {
            account: AccountId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(session)),
            subjects: BTreeSet::new(),
            call_verified: false,
        }));
        request
    }

    fn of(request: &tonic::Request<String>, id: &str) -> Result<Request, CommandError> {
        let pepper = Pepper::from_hex(&"0f".repeat(32)).unwrap();
        let at = "2026-11-16T03:00:00Z".parse().unwrap();
        envelope(&pepper, at, &caller(request).scope().unwrap(), request, id)
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
    fn a_call_that_was_not_admitted_makes_no_command() {
        let mut request = called_by(1, "a");
        request.extensions_mut().remove::<&'static Rule>();
        assert!(matches!(of(&request, ID), Err(CommandError::WithoutRule)));
    }

    #[test]
    fn a_missing_or_malformed_request_id_names_the_field() {
        for (id, reason) in [("", "REQUEST_ID_REQUIRED"), ("17", "REQUEST_ID_INVALID")] {
            let CommandError::Refused(problem) = of(&called_by(1, "a"), id).unwrap_err() else {
                panic!("{id} is refused");
            };
            assert_eq!(
                (problem.violations[0].field.as_str(), problem.violations[0].reason),
                ("request_id", reason)
            );
        }
    }
}

//! What caller and server agree on before messages flow: how they are compressed, and that each is held against its limits.

use std::sync::Arc;

use decider::{Problem, ProblemKind};
use http::{HeaderMap, HeaderValue, Request};
use tonic::{Code, Status, body::Body};

use crate::grpc::request_body::{Encoding, RequestBody};
use crate::grpc::rooms::Terms;
use crate::grpc::scope::Scope;
use crate::limits::Limits;

/// How the caller has compressed its messages.
const ENCODING: &str = "grpc-encoding";
/// How answers may be compressed; in an answer, how requests may be.
const ACCEPTED: &str = "grpc-accept-encoding";

/// The request whose messages reach the handler only within their limits, and uncompressed.
///
/// # Errors
/// `ENCODING_UNKNOWN`, with what is known, as the gRPC specification asks; an RPC without limits, for which no server starts.
pub(crate) fn within_limits(
    limits: &Arc<Limits>,
    rpc: &str,
    terms: Terms,
    mut request: Request<Body>,
) -> Result<Request<Body>, Box<Status>> {
    let Some(method) = limits.of_rpc(rpc) else {
        return Err(Box::new(Scope::current().internal()));
    };
    let encoding = encoding(request.headers())?;
    request.headers_mut().remove(ENCODING);
    if !method.compressible {
        request.headers_mut().remove(ACCEPTED);
    }
    let scope = Scope::current();
    let limits = limits.clone();
    Ok(request.map(|body| Body::new(RequestBody::new(body, (limits, method), encoding, (scope, terms)))))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Box<Status>> {
    match headers.get(ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Encoding::Identity),
        Some(b"gzip") => Ok(Encoding::Gzip),
        Some(_) => {
            let problem = Problem::new(ProblemKind::FailedPrecondition, "ENCODING_UNKNOWN");
            let mut status = Scope::current().coded(Code::Unimplemented, &problem);
            let known = tonic::metadata::MetadataValue::from_static("gzip,identity");
            status.metadata_mut().insert(ACCEPTED, known);
            Err(Box::new(status))
        }
    }
}

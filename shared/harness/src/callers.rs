//! Callers with real tokens: customers by the key that stands in for identity's, staff by the insurer's (`World`).

use kernel::{SubjectId, Timestamp};
use testkit::customer_issuer::CustomerIssuer;
use tonic::Request;
use uuid::Uuid;

pub(crate) fn identity() -> CustomerIssuer {
    CustomerIssuer::from_seed(1)
}

/// The access token of an account that sees these subjects, proven by `amr`.
pub fn access_token(account: Uuid, subjects: &[SubjectId], amr: &[&str], now: Timestamp) -> String {
    identity()
        .access_token(account, subjects, amr, now.as_second())
        .unwrap()
}

/// The token of a login whose password was right.
pub fn login_token(account: Uuid, login: Uuid, subjects: &[SubjectId], now: Timestamp) -> String {
    identity()
        .login_token(account, login, subjects, now.as_second())
        .unwrap()
}

/// A call with this bearer token or secret.
pub fn bearing<T>(message: T, bearer: &str) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    request
}

/// A call of somebody who reads `language`.
pub fn in_language<T>(mut request: Request<T>, language: &str) -> Request<T> {
    request
        .metadata_mut()
        .insert("accept-language", language.parse().unwrap());
    request
}

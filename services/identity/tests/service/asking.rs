//! Calls in the languages that answers are written in.

use tonic::Request;

pub(crate) fn reading<T>(mut request: Request<T>, language: &str) -> Request<T> {
    let language = language.parse().unwrap();
    request.metadata_mut().insert("accept-language", language);
    request
}

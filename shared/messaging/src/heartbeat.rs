//! The relay's word on how far it published, outside the stream, so that a lost tail of the stream is noticed.

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use eventsourcing::Position;

use crate::headers;
use crate::signing::{self, Authenticity, Forgery, PublicKeys, Signer, Statement};

/// Sends the last published position; without one, a heartbeat that names none. A lost heartbeat is no failure: the
/// next one follows.
pub(crate) async fn send(
    nats: &Client,
    (source, subject): (&str, &str),
    published: Option<&Position>,
    signer: &Signer,
) {
    let mut headers = published.map_or_else(HeaderMap::new, headers::position_headers);
    signer.sign(&Statement::of_heartbeat(source, published), &mut headers);
    if let Err(error) = nats
        .publish_with_headers(subject.to_owned(), headers, Bytes::new())
        .await
    {
        tracing::debug!(%error, "a heartbeat was not sent");
    }
}

/// The position a heartbeat of `source` names, if there is one, and whose it is.
pub(crate) fn read(
    source: &str,
    message: &async_nats::Message,
    keys: &PublicKeys,
) -> (Option<Position>, Authenticity) {
    let none = HeaderMap::new();
    let headers = message.headers.as_ref().unwrap_or(&none);
    let Ok(published) = headers::read_position(headers) else {
        return (None, Authenticity::Forged(Forgery::Malformed));
    };
    let statement = Statement::of_heartbeat(source, published.as_ref());
    (published, signing::authenticity(headers, &statement, keys))
}

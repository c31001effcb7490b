//! The relay's word on how far it published, outside the stream, so that a lost tail of the stream is noticed.

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use eventsourcing::Position;

use crate::headers;

/// Sends the last published position; without one, a heartbeat that names none. A lost heartbeat is no failure: the
/// next one follows.
pub(crate) async fn send(nats: &Client, subject: &str, published: Option<&Position>) {
    let headers = published.map_or_else(HeaderMap::new, headers::position_headers);
    if let Err(error) = nats
        .publish_with_headers(subject.to_owned(), headers, Bytes::new())
        .await
    {
        tracing::debug!(%error, "a heartbeat was not sent");
    }
}

/// The position a heartbeat names, if it is one.
pub(crate) fn read(message: &async_nats::Message) -> Result<Option<Position>, headers::HeaderError> {
    message.headers.as_ref().map_or(Ok(None), headers::read_position)
}

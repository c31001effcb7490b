//! Calls as no generated client makes them: bytes for a message, any compression, any metadata.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::HeaderMap;
use prost::Message as _;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, body::Body};
use tower::{Service as _, ServiceExt as _};

/// Messages as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// One call of one message.
pub(crate) async fn send(
    channel: &Channel,
    rpc: &str,
    metadata: &[(&'static str, &str)],
    (message, compressed): (Vec<u8>, Option<CompressionEncoding>),
) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    if let Some(encoding) = compressed {
        client = client.send_compressed(encoding);
    }
    client.ready().await.unwrap();
    let mut request = Request::new(Bytes::from(message));
    for (key, value) in metadata {
        request.metadata_mut().insert(*key, value.parse().unwrap());
    }
    let path = http::uri::PathAndQuery::try_from(rpc).unwrap();
    client.unary(request, path, Raw).await.map(|_| ())
}

/// One call with this body, which is text because that is what a body is made of most easily; the headers of its answer.
pub(crate) async fn post(
    channel: &Channel,
    rpc: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> HeaderMap {
    let mut request = http::Request::post(rpc)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (key, value) in headers {
        request = request.header(*key, *value);
    }
    let request = request.body(Body::new(body.to_owned())).unwrap();
    let answer = channel.clone().ready().await.unwrap().call(request).await;
    answer.unwrap().headers().clone()
}

/// The code that the details say, which must be the status's own.
pub(crate) fn code_in_details(status: &Status) -> Code {
    let details = tonic_types::pb::Status::decode(status.details()).unwrap();
    Code::from(details.code)
}

//! The request body as handlers get it: every message decompressed, whole, no larger than its rules allow, and held against
//! them. A message that is not ends the call with its reason; nothing decodes it.

use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use decider::{Problem, ProblemKind};
use flate2::read::MultiGzDecoder;
use http_body::Frame;
use tonic::{Status, body::Body};

use crate::grpc::scope::Scope;
use crate::limits::{Limits, MethodLimits};

/// A flag and a length before every message (gRPC over HTTP/2).
const HEAD_BYTES: usize = 5;

/// How a call's messages may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    Identity,
    /// By gzip, each message for itself.
    Gzip,
}

/// The messages of one call.
pub(crate) struct RequestBody {
    inner: Body,
    limits: Arc<Limits>,
    method: MethodLimits,
    encoding: Encoding,
    scope: Scope,
    buffer: BytesMut,
    /// Messages handed on.
    handed_on: u64,
    ended: bool,
}

impl RequestBody {
    pub(crate) fn new(
        inner: Body,
        (limits, method): (Arc<Limits>, MethodLimits),
        encoding: Encoding,
        scope: Scope,
    ) -> Self {
        Self {
            inner,
            limits,
            method,
            encoding,
            scope,
            buffer: BytesMut::new(),
            handed_on: 0,
            ended: false,
        }
    }

    /// The next message, if all of it is there: flag, length and bytes, uncompressed and within its limits.
    fn message(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some((&flag, length)) = self.buffer.split_first().and_then(|(flag, rest)| {
            let (length, _) = rest.split_first_chunk::<4>()?;
            Some((
                flag,
                usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX),
            ))
        }) else {
            return Ok(None);
        };
        if length > self.method.most_bytes {
            return Err(self.too_large());
        }
        if self.buffer.len() - HEAD_BYTES < length {
            return Ok(None);
        }
        let framed = self.buffer.split_to(HEAD_BYTES + length).freeze();
        let framed = match (flag, self.encoding) {
            (0, _) => framed,
            (1, Encoding::Gzip) => self.decompressed(&framed[HEAD_BYTES..])?,
            _ => return Err(unreadable()),
        };
        self.limits.check(self.method, &framed[HEAD_BYTES..])?;
        Ok(Some(framed))
    }

    /// Never more than the limit is unpacked, however small it came. A gzip may have several members (RFC 1952), and nothing
    /// else behind them.
    fn decompressed(&self, packed: &[u8]) -> Result<Bytes, Problem> {
        let most = self.method.most_bytes;
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(packed)
            .take(most as u64 + 1)
            .read_to_end(&mut unpacked)
            .map_err(|_| unreadable())?;
        if unpacked.len() > most {
            return Err(self.too_large());
        }
        let mut framed = BytesMut::with_capacity(HEAD_BYTES + unpacked.len());
        framed.put_u8(0);
        framed.put_u32(u32::try_from(unpacked.len()).map_err(|_| self.too_large())?);
        framed.extend_from_slice(&unpacked);
        Ok(framed.freeze())
    }

    fn too_large(&self) -> Problem {
        Problem::new(ProblemKind::ResourceExhausted, "MESSAGE_TOO_LARGE")
            .with("max_bytes", self.method.most_bytes.to_string())
    }

    /// The caller has said all.
    fn end(&self) -> Result<(), Problem> {
        if !self.buffer.is_empty() {
            return Err(unreadable());
        }
        if self.handed_on == 0 && !self.method.streams {
            return Err(Problem::new(ProblemKind::InvalidArgument, "MESSAGE_MISSING"));
        }
        Ok(())
    }

    /// What nobody else holds is not copied.
    fn add(&mut self, data: Bytes) {
        if !self.buffer.is_empty() {
            return self.buffer.extend_from_slice(&data);
        }
        match data.try_into_mut() {
            Ok(own) => self.buffer = own,
            Err(shared) => self.buffer.extend_from_slice(&shared),
        }
    }

    fn refuse(&mut self, problem: &Problem) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ended = true;
        Poll::Ready(Some(Err(self.scope.status(problem))))
    }
}

fn unreadable() -> Problem {
    Problem::new(ProblemKind::InvalidArgument, "MESSAGE_UNREADABLE")
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        while !this.ended {
            match this.message() {
                Ok(Some(message)) => {
                    this.handed_on += 1;
                    return Poll::Ready(Some(Ok(Frame::data(message))));
                }
                Ok(None) => {}
                Err(problem) => return this.refuse(&problem),
            }
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.add(data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(status)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(status)));
                }
                None => {
                    if let Err(problem) = this.end() {
                        return this.refuse(&problem);
                    }
                    this.ended = true;
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(message: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(message).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn all_members_of_a_gzip_are_the_message_and_whatever_else_stands_behind_them_is_refused() {
        let limits = Arc::new(Limits::compile().unwrap());
        let method = limits.of_rpc("/madoguchi.feed.v1.FeedService/Read").unwrap();
        let limited = (limits, method);
        let body = RequestBody::new(Body::empty(), limited, Encoding::Gzip, Scope::current());
        let unpacked = |packed: &[u8]| {
            let framed = body.decompressed(packed).map_err(|problem| problem.reason)?;
            Ok::<_, &str>(framed[HEAD_BYTES..].to_vec())
        };
        let (half, other) = (packed(b"half"), packed(b" and half"));
        assert_eq!(unpacked(&half).unwrap(), b"half");
        assert_eq!(
            unpacked(&[half.as_slice(), &other].concat()).unwrap(),
            b"half and half"
        );
        for behind in [&b"\0"[..], b"and no more", &other[..other.len() - 1]] {
            let refused = unpacked(&[half.as_slice(), behind].concat());
            assert_eq!(refused, Err("MESSAGE_UNREADABLE"), "{behind:?}");
        }
        let large = packed(&vec![0; method.most_bytes / 2 + 1]).repeat(2);
        assert_eq!(unpacked(&large), Err("MESSAGE_TOO_LARGE"));
    }
}

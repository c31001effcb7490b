//! The request body as handlers get it: every message decompressed, whole, no larger than its rules allow, and held against
//! them, within the time that a call may stand still. A message that is not ends the call with its reason; nothing decodes it.

use std::future::Future as _;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use decider::{Problem, ProblemKind};
use flate2::read::MultiGzDecoder;
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tonic::{Code, Status, body::Body};

use crate::grpc::rooms::Terms;
use crate::grpc::scope::Scope;
use crate::grpc::stalled::timer;
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
    arrival: Arrival,
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
        (scope, terms): (Scope, Terms),
    ) -> Self {
        Self {
            inner,
            arrival: Arrival::new(terms, method.streams),
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

    fn late(&mut self) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.ended = true;
        let problem = Problem::new(ProblemKind::Unavailable, "MESSAGE_LATE");
        let problem = problem.with("seconds", self.arrival.terms.idle.as_secs().to_string());
        Poll::Ready(Some(Err(self.scope.coded(Code::DeadlineExceeded, &problem))))
    }
}

/// Until when more must come.
struct Arrival {
    terms: Terms,
    /// When a caller of many messages must have ended; of one message the call's deadline says so.
    ends: Option<Instant>,
    /// Since when the call stands still.
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Arrival {
    fn new(terms: Terms, streams: bool) -> Self {
        let now = Instant::now();
        Self {
            terms,
            ends: terms.total.filter(|_| streams).map(|total| now + total),
            since: terms.whole.then_some(now),
            timer: None,
        }
    }

    /// A whole message; the next one has its own time.
    fn message_came(&mut self) {
        self.since = None;
    }

    /// Some bytes, which are enough where a message need not be whole in time.
    fn data_came(&mut self) {
        if !self.terms.whole {
            self.since = None;
        }
    }

    /// Nothing is there; is it time to give up? Time counts from here, not while the handler was busy with something else.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        let until = since + self.terms.idle;
        let until = self.ends.map_or(until, |ends| until.min(ends));
        timer(&mut self.timer, until).as_mut().poll(cx).is_ready()
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
                    this.arrival.message_came();
                    return Poll::Ready(Some(Ok(Frame::data(message))));
                }
                Ok(None) => {}
                Err(problem) => return this.refuse(&problem),
            }
            let polled = Pin::new(&mut this.inner).poll_frame(cx);
            if polled.is_pending() && this.arrival.is_late(cx) {
                return this.late();
            }
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        this.arrival.data_came();
                        this.add(data);
                    }
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
    use std::time::Duration;

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
        let terms = Terms {
            total: None,
            idle: Duration::from_secs(1),
            whole: true,
        };
        let body = RequestBody::new(Body::empty(), limited, Encoding::Gzip, (Scope::current(), terms));
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

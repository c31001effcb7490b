//! The response body as admission hands it out: polled inside the call's scope and span, holding the call's permit, and
//! telling the call's outcome when it ends (a stream's status comes in its trailers).

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use opentelemetry::{KeyValue, metrics::Histogram};
use tonic::{Code, Status, body::Body};
use tracing::Span;

use crate::grpc::rooms::Place;
use crate::grpc::scope::Scope;
use crate::grpc::stalled::Departure;

/// What ends with the call, however it ends.
pub(crate) struct Outcome {
    pub(crate) span: Span,
    pub(crate) path: &'static str,
    pub(crate) started: Instant,
    pub(crate) durations: Histogram<f64>,
    pub(crate) told: bool,
}

impl Outcome {
    /// Records code and duration once.
    pub(crate) fn tell(&mut self, code: Code) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let elapsed = self.started.elapsed();
        let code_number = i32::from(code);
        self.span.record("rpc.grpc.status_code", code_number);
        if matches!(code, Code::Internal | Code::Unknown | Code::DataLoss) {
            self.span.record("otel.status_code", "ERROR");
        }
        let rpc = self.path.trim_start_matches('/');
        let trace = crate::grpc::trace::trace_id(&self.span);
        self.span.in_scope(|| {
            if rpc.starts_with("grpc.health.") {
                tracing::trace!(rpc, rpc.code = ?code, "call answered");
            } else {
                tracing::info!(rpc, rpc.code = ?code, duration_ms = elapsed.as_secs_f64() * 1e3, trace.id = trace, "call answered");
            }
        });
        let attributes = [
            KeyValue::new("rpc", rpc),
            KeyValue::new("code", i64::from(code_number)),
        ];
        self.durations.record(elapsed.as_secs_f64(), &attributes);
    }
}

impl Drop for Outcome {
    /// The caller went away before the end.
    fn drop(&mut self) {
        self.tell(Code::Cancelled);
    }
}

/// A response body inside its call.
pub(crate) struct CallBody {
    pub(crate) inner: Body,
    pub(crate) scope: Scope,
    pub(crate) outcome: Outcome,
    pub(crate) taking: Taking,
    pub(crate) _place: Option<Place>,
}

/// How the answer is taken.
pub(crate) struct Taking {
    departure: Option<Arc<Departure>>,
    idle: Duration,
}

impl Taking {
    /// Each part within `idle`, from now on.
    pub(crate) fn within(idle: Duration) -> Self {
        let departure = Departure::current();
        let taking = Self { departure, idle };
        taking.note(true);
        taking
    }

    /// Whether a part is waiting to be taken, or being made.
    fn note(&self, waits: bool) {
        match &self.departure {
            Some(departure) if waits => departure.waits(self.idle),
            Some(departure) => departure.goes_on(),
            None => {}
        }
    }
}

/// The status in headers (an answer of errors alone) or trailers.
pub(crate) fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers
        .get("grpc-status")
        .map(|value| Code::from_bytes(value.as_bytes()))
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Self {
            inner,
            scope,
            outcome,
            taking,
            ..
        } = this;
        let entered = outcome.span.clone().entered();
        let polled = scope.around_poll(|| Pin::new(inner).poll_frame(cx));
        drop(entered);
        taking.note(polled.is_ready());
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(code) = frame.trailers_ref().and_then(code_in) {
                    outcome.tell(code);
                }
            }
            Poll::Ready(Some(Err(status))) => outcome.tell(status.code()),
            Poll::Ready(None) => outcome.tell(Code::Ok),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

//! W3C trace context in and out of gRPC metadata, and the one span and log line every call gets.

use http::HeaderMap;
use messaging::{join_trace, traceparent_of};
use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The current span as a `traceparent`, for events, messages and outgoing calls; `None` outside any trace.
pub fn traceparent() -> Option<String> {
    traceparent_of(&Span::current())
}

/// The span of one call, named by its RPC, child of the caller's trace.
pub(crate) fn rpc_span(path: &str, headers: &HeaderMap) -> Span {
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    let span = tracing::info_span!(
        "rpc",
        otel.name = %format_args!("{service}/{method}"),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = tracing::field::Empty,
        caller.kind = tracing::field::Empty,
    );
    let parent = headers.get("traceparent").and_then(|parent| parent.to_str().ok());
    if let Some(parent) = parent {
        join_trace(&span, parent);
    }
    span
}

/// The trace a span belongs to, for log lines; `None` outside any trace.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    (trace != opentelemetry::TraceId::INVALID).then(|| trace.to_string())
}

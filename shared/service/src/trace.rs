//! W3C trace context in and out of gRPC metadata, and the one span and log line every call gets.

use http::HeaderMap;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The current span as a `traceparent`, for events, messages and outgoing calls; `None` outside any trace.
pub fn traceparent() -> Option<String> {
    struct Parent(Option<String>);
    impl Injector for Parent {
        fn set(&mut self, key: &str, value: String) {
            if key == "traceparent" {
                self.0 = Some(value);
            }
        }
    }
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut parent = Parent(None);
    TraceContextPropagator::new().inject_context(&context, &mut parent);
    parent.0
}

/// The caller's trace, if its metadata names one.
fn parent(headers: &HeaderMap) -> Context {
    struct Metadata<'a>(&'a HeaderMap);
    impl Extractor for Metadata<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }
        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(http::HeaderName::as_str).collect()
        }
    }
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Metadata(headers))
}

/// Makes a span the child of a trace that came with an event.
pub(crate) fn join(span: &Span, traceparent: &str) {
    struct Parent<'a>(&'a str);
    impl Extractor for Parent<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            (key == "traceparent").then_some(self.0)
        }
        fn keys(&self) -> Vec<&str> {
            vec!["traceparent"]
        }
    }
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Parent(traceparent));
    // Without an OpenTelemetry layer there is no trace to join.
    let _ = span.set_parent(parent);
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
    // Without an OpenTelemetry layer there is no trace to join.
    let _ = span.set_parent(parent(headers));
    span
}

/// The trace a span belongs to, for log lines; `None` outside any trace.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    (trace != opentelemetry::TraceId::INVALID).then(|| trace.to_string())
}

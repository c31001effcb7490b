//! W3C trace context, as messages, events and calls carry it: `00-<trace id>-<span id>-<flags>`. Read and written here rather
//! than by a global propagator, so that a trace holds together whatever the process configured.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::delivery::Delivery;

/// The span of one message, child of the command that caused it.
pub(crate) fn message_span(consumer: &'static str, delivery: &Delivery) -> Span {
    let span = tracing::info_span!(
        "apply message",
        otel.kind = "consumer",
        messaging.consumer = consumer,
        messaging.source = delivery.source,
        messaging.subject = %delivery.subject,
        messaging.event_id = %delivery.event_id,
    );
    if let Some(parent) = &delivery.traceparent {
        join_trace(&span, parent);
    }
    span
}

/// Makes a span the child of a trace that came with a call, an event or a message; what is no trace parent is ignored.
pub fn join_trace(span: &Span, traceparent: &str) {
    if let Some(parent) = parse(traceparent) {
        // Without an OpenTelemetry layer there is no trace to join.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// A span as a `traceparent`; nothing outside any trace.
pub fn traceparent_of(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| {
        let flags = span.trace_flags() & TraceFlags::SAMPLED;
        format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), flags)
    })
}

fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // A later version may append parts; "ff" is no version.
    if version.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    if trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & TraceFlags::SAMPLED.to_u8());
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_trace_parent_is_read_as_w3c_defines_it() {
        let context = parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(context.is_sampled() && context.is_remote());
    }

    #[test]
    fn only_the_flag_that_is_known_is_read_and_a_later_version_may_say_more() {
        let of = |version: &str, rest: &str| {
            parse(&format!(
                "{version}-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{rest}"
            ))
        };
        assert!(!of("00", "00").unwrap().is_sampled());
        assert!(!of("00", "fe").unwrap().is_sampled());
        assert_eq!(of("00", "ff").unwrap().trace_flags(), TraceFlags::SAMPLED);
        assert!(of("01", "01-more").unwrap().is_sampled());
        for (version, rest) in [("0", "01"), ("00", "1"), ("00", "xx")] {
            assert!(of(version, rest).is_none(), "{version} {rest}");
        }
    }

    #[test]
    fn what_is_no_trace_parent_is_ignored() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}

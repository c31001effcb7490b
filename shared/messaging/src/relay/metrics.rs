//! What operators see of a relay: how far it is behind its store.

use eventsourcing::RecordedEvent;
use kernel::clock::{Clock, SystemClock, Timestamp};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};

use crate::gauges;
use crate::publisher::Reason;
use crate::repair::SendRepair;

/// The instruments of one relay, in the process's meter.
#[derive(Debug)]
pub(super) struct Metrics {
    lag: Gauge<f64>,
    published: Counter<u64>,
    repairs: Counter<u64>,
    set_aside: Counter<u64>,
    labels: [KeyValue; 1],
}

impl Metrics {
    pub(super) fn new(service: &'static str) -> Self {
        let meter = opentelemetry::global::meter("messaging");
        Self {
            lag: gauges::relay_lag(),
            published: meter
                .u64_counter("madoguchi.relay.published")
                .with_description("Events acknowledged by JetStream")
                .build(),
            repairs: meter
                .u64_counter("madoguchi.relay.repairs")
                .with_description(
                    "Times the stream was not as the relay left it, by cause; each was repaired",
                )
                .build(),
            set_aside: meter
                .u64_counter("madoguchi.relay.set_aside")
                .with_description("Events that could not be published and were passed over, by reason")
                .build(),
            labels: [KeyValue::new("service", service)],
        }
    }

    /// `event` is the oldest that waits for its acknowledgement.
    pub(super) fn pending(&self, event: &RecordedEvent) {
        self.lag.record(age_s(event.recorded_at), &self.labels);
    }

    pub(super) fn published(&self) {
        self.published.add(1, &self.labels);
    }

    pub(super) fn repaired(&self, cause: SendRepair) {
        let [service] = self.labels.clone();
        self.repairs
            .add(1, &[service, KeyValue::new("cause", cause.as_str())]);
    }

    pub(super) fn set_aside(&self, reason: Reason) {
        let [service] = self.labels.clone();
        self.set_aside
            .add(1, &[service, KeyValue::new("reason", reason.name())]);
    }

    pub(super) fn caught_up(&self) {
        self.lag.record(0.0, &self.labels);
    }
}

/// Seconds since `recorded_at`; a clock that is behind the database's counts as none.
fn age_s(recorded_at: Timestamp) -> f64 {
    SystemClock
        .now()
        .duration_since(recorded_at)
        .as_secs_f64()
        .max(0.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_event_is_as_old_as_it_is_and_never_younger_than_now() {
        let now = SystemClock.now();
        let age = age_s(now - Duration::from_hours(1));
        assert!((3_600.0..3_700.0).contains(&age), "{age}");
        let ahead = age_s(now + Duration::from_hours(1));
        assert!(ahead.abs() < f64::EPSILON, "{ahead}");
    }
}

//! How much is parked, for dashboards and alarms.

use opentelemetry::KeyValue;
use opentelemetry::metrics::Gauge;

use super::rows::Count;

/// The gauge of one subscription.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    messages: Gauge<i64>,
    labels: [KeyValue; 2],
}

impl Metrics {
    pub(super) fn new(consumer: &'static str, source: &'static str) -> Self {
        let meter = opentelemetry::global::meter("messaging");
        Self {
            messages: meter
                .i64_gauge("madoguchi.parking.messages")
                .with_description(
                    "Messages parked for their content, and messages waiting behind them; the greatest over replicas counts",
                )
                .build(),
            labels: [
                KeyValue::new("consumer", consumer),
                KeyValue::new("source", source),
            ],
        }
    }

    pub(super) fn record(&self, count: &Count) {
        for (state, messages) in [("parked", count.parked), ("waiting", count.waiting)] {
            let [consumer, source] = self.labels.clone();
            self.messages
                .record(messages, &[consumer, source, KeyValue::new("state", state)]);
        }
    }
}

//! What a subscription tells about itself: to answers that state their lag, to health, and to metrics.

use std::time::{Duration, Instant};

use eventsourcing::Position;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};
use tokio::sync::watch;

use crate::delivery::Via;
use crate::gauges;
use crate::repair::ReadRepair;

/// What one instance knows of its subscription. A standby knows nothing but that it stands by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscriptionStatus {
    /// This instance applies messages.
    pub active: bool,
    /// The last message applied.
    pub position: Option<Position>,
    /// The last event the source is known to have published.
    pub head: Option<Position>,
    /// Since when the source is known to be ahead.
    behind_since: Option<Instant>,
}

impl SubscriptionStatus {
    /// For how long this instance has known of events it has not applied.
    pub fn lag(&self) -> Duration {
        self.behind_since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

/// Keeps the status and the instruments.
#[derive(Debug)]
pub(super) struct Reporter {
    status: watch::Sender<SubscriptionStatus>,
    lag: Gauge<f64>,
    applied: Counter<u64>,
    repairs: Counter<u64>,
    labels: [KeyValue; 2],
}

impl Reporter {
    pub(super) fn new(consumer: &'static str, source: &'static str) -> Self {
        let meter = opentelemetry::global::meter("messaging");
        Self {
            status: watch::Sender::new(SubscriptionStatus::default()),
            lag: gauges::subscription_lag(),
            applied: meter
                .u64_counter("madoguchi.subscription.applied")
                .with_description("Messages applied, by the way they came")
                .build(),
            repairs: meter
                .u64_counter("madoguchi.subscription.repairs")
                .with_description(
                    "What the stream did not bring as it should, by cause; each was repaired from the feed",
                )
                .build(),
            labels: [
                KeyValue::new("consumer", consumer),
                KeyValue::new("source", source),
            ],
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<SubscriptionStatus> {
        self.status.subscribe()
    }

    pub(super) fn active(&self, active: bool) {
        self.status.send_modify(|status| {
            *status = SubscriptionStatus {
                active,
                ..SubscriptionStatus::default()
            }
        });
    }

    /// The source has published up to `head`.
    pub(super) fn head(&self, head: Position) {
        self.update(|status| status.head = status.head.max(Some(head)));
    }

    pub(super) fn position(&self, position: Option<Position>) {
        self.update(|status| {
            status.position = position;
            status.head = status.head.max(position);
        });
    }

    pub(super) fn applied(&self, messages: usize, via: Via) {
        let [consumer, source] = self.labels.clone();
        self.applied.add(
            messages as u64,
            &[consumer, source, KeyValue::new("via", via.as_str())],
        );
    }

    pub(super) fn repaired(&self, cause: ReadRepair) {
        let [consumer, source] = self.labels.clone();
        let cause = KeyValue::new("cause", cause.as_str());
        self.repairs.add(1, &[consumer, source, cause]);
    }

    fn update(&self, change: impl FnOnce(&mut SubscriptionStatus)) {
        self.status.send_modify(|status| {
            change(status);
            status.behind_since = match status.behind_since {
                _ if status.head <= status.position => None,
                None => Some(Instant::now()),
                since => since,
            };
            self.lag.record(status.lag().as_secs_f64(), &self.labels);
        });
    }
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use eventsourcing::Cursor;
    use kernel::EventId;
    use uuid::Uuid;

    use super::*;

    fn at(place: u64) -> Position {
        Position {
            cursor: Cursor::postgres(1, 1, place),
            event_id: EventId::from_uuid(Uuid::from_u128(place.into())),
        }
    }

    #[test]
    fn a_standby_knows_nothing_but_that_it_stands_by() {
        let reporter = Reporter::new("ledger", "tally");
        let status = reporter.subscribe();
        assert_eq!(*status.borrow(), SubscriptionStatus::default());
        reporter.active(true);
        assert!(status.borrow().active);
        reporter.head(at(1));
        reporter.active(false);
        assert_eq!(*status.borrow(), SubscriptionStatus::default());
    }

    #[test]
    fn what_is_known_and_not_applied_is_lag_from_the_first_word_of_it() {
        let reporter = Reporter::new("ledger", "tally");
        let status = reporter.subscribe();
        let seen = || {
            let status = status.borrow();
            (status.position, status.head, status.behind_since)
        };
        reporter.head(at(2));
        let (_, _, since) = seen();
        assert!(since.is_some());
        reporter.head(at(3));
        reporter.head(at(1));
        reporter.position(Some(at(2)));
        assert_eq!(seen(), (Some(at(2)), Some(at(3)), since), "still behind");
        reporter.position(Some(at(3)));
        assert_eq!(seen(), (Some(at(3)), Some(at(3)), None));
        assert_eq!(status.borrow().lag(), Duration::ZERO);
        reporter.position(Some(at(4)));
        assert_eq!(
            seen(),
            (Some(at(4)), Some(at(4)), None),
            "what was applied was published"
        );
    }

    #[test]
    fn the_lag_is_how_long_it_has_been_behind() {
        let long = Duration::from_mins(1);
        let behind = SubscriptionStatus {
            behind_since: Some(Instant::now().checked_sub(long).unwrap()),
            ..SubscriptionStatus::default()
        };
        assert!(behind.lag() >= long);
    }
}

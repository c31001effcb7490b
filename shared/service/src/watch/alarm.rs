//! An alarm: one line when it is raised, one when it is over, and a metric in between.

use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Gauge;

/// What may be alarming. The name is the metric's label and the heading in docs/operations.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    RelayLag,
    HeldBack,
    SubscriptionLag,
    Parked,
    SetAside,
    ForgedMessages,
    CalendarRunsOut,
    DatabaseAway,
    KeyringAway,
    NatsAway,
    RotationOverdue,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RelayLag => "relay-lag",
            Self::HeldBack => "held-back",
            Self::SubscriptionLag => "subscription-lag",
            Self::Parked => "parked",
            Self::SetAside => "set-aside",
            Self::ForgedMessages => "forged-messages",
            Self::CalendarRunsOut => "calendar-runs-out",
            Self::DatabaseAway => "database-away",
            Self::KeyringAway => "keyring-away",
            Self::NatsAway => "nats-away",
            Self::RotationOverdue => "rotation-overdue",
        }
    }

    /// The first thing to do about it.
    const fn advice(self) -> &'static str {
        match self {
            Self::RelayLag => {
                "check that NATS answers and look for this service's relay in its log; nothing is lost"
            }
            Self::HeldBack => {
                "followers, relay and views of every service of the instance wait for it: commit it, or end it with \
                 pg_terminate_backend or ROLLBACK PREPARED"
            }
            Self::SubscriptionLag => "look for this consumer in the log, and at its source and database",
            Self::Parked => {
                "see madoguchi-operate parked list, then upgrade, replay or discard; its entity waits, the rest goes on"
            }
            Self::SetAside => {
                "see madoguchi-operate set-aside list, then run a release that can carry it, and set-aside retry"
            }
            Self::ForgedMessages => {
                "nothing of them was applied: find out who can write to NATS and change its passwords"
            }
            Self::CalendarRunsOut => {
                "add the next years' holidays to the calendar of the rulebook; without it weekdays alone decide"
            }
            Self::DatabaseAway => "check the database server, and whether all connections are in use",
            Self::KeyringAway => {
                "check the keyring's database server; what needs keys that are not cached is refused"
            }
            Self::NatsAway => "check the NATS server; commands go on, others hear of them later",
            Self::RotationOverdue => {
                "the former key goes on signing: look in the log for what keeps the next one from being announced"
            }
        }
    }
}

/// One alarm of one process, for example that of one of its subscriptions.
#[derive(Debug)]
pub(super) struct Alarm {
    kind: Kind,
    raised: Option<Instant>,
    gauge: Gauge<u64>,
    labels: Vec<KeyValue>,
}

impl Alarm {
    /// `labels` tell it from others of its kind.
    pub(super) fn new(kind: Kind, labels: &[KeyValue]) -> Self {
        let gauge = opentelemetry::global::meter("service")
            .u64_gauge("madoguchi.alarm")
            .with_description("1 while this alarm is raised, else 0")
            .build();
        let mut labels = labels.to_vec();
        labels.push(KeyValue::new("alarm", kind.name()));
        Self {
            kind,
            raised: None,
            gauge,
            labels,
        }
    }

    /// Whether this is too much. Once raised an alarm is over only below half of the limit, so that a value that stays near it
    /// does not fill the log.
    pub(super) fn exceeds(&self, limit: Duration, value: Duration) -> bool {
        value > limit || (self.raised.is_some() && value > limit / 2)
    }

    /// `found` says what is wrong, if anything is.
    pub(super) fn judge(&mut self, found: Option<&str>) {
        let alarm = self.kind.name();
        match (found, self.raised) {
            (Some(found), None) => {
                self.raised = Some(Instant::now());
                let advice = self.kind.advice();
                tracing::warn!(alarm, "{found}; {advice} (docs/operations.md#{alarm})");
            }
            (None, Some(since)) => {
                self.raised = None;
                tracing::info!(alarm, after_s = since.elapsed().as_secs(), "the alarm is over");
            }
            _ => {}
        }
        self.gauge.record(u64::from(self.raised.is_some()), &self.labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_near_its_limit_does_not_come_and_go() {
        let limit = Duration::from_mins(1);
        let mut alarm = Alarm::new(Kind::RelayLag, &[]);
        assert!(!alarm.exceeds(limit, limit));
        assert!(alarm.exceeds(limit, Duration::from_secs(61)));
        alarm.judge(Some("the relay is 61 s behind its store"));
        assert!(alarm.exceeds(limit, Duration::from_secs(31)));
        assert!(!alarm.exceeds(limit, Duration::from_secs(30)));
        alarm.judge(None);
        assert!(!alarm.exceeds(limit, Duration::from_secs(31)));
    }
}

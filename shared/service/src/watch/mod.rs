//! What every service tells operators by itself: how far it is behind, who holds it back, what does not answer, what runs
//! out. It measures from outside what it watches, so that what hangs is seen too. docs/operations.md has an entry for each.

mod alarm;
mod held_back;
pub(crate) mod settings;

use std::{
    convert::Infallible,
    future::Future,
    time::{Duration, Instant},
};

use kernel::clock::{Clock, SystemClock, Timestamp};
use messaging::{Filter, SubscriptionStatus, gauges, set_aside};
use opentelemetry::{KeyValue, metrics::Gauge};
use tokio::time::MissedTickBehavior;

use crate::grpc::context::Context;
use alarm::{Alarm, Kind};
use held_back::{HeldBack, Holder};
use settings::AlarmSettings;

/// How long one measurement may take: something that does not answer must not hide the rest. As long may a connection be away
/// that comes back by itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long a forged message is worth an alarm.
const FORGED_WITHIN: Duration = Duration::from_hours(1);

/// How far a subscription has come, now and from now on.
pub type SubscriptionHandle = tokio::sync::watch::Receiver<SubscriptionStatus>;

/// A subscription of this process.
pub(crate) struct WatchedSubscription {
    pub(crate) consumer: String,
    pub(crate) source: String,
    pub(crate) status: SubscriptionHandle,
}

/// For how long a rotation of keys is overdue, by the Clock's now.
pub(crate) type Overdue = Box<dyn Fn(Timestamp) -> Duration + Send>;

/// Looks at everything again and again.
pub(crate) struct Watch {
    context: Context,
    settings: AlarmSettings,
    publishes: bool,
    subscriptions: Vec<(WatchedSubscription, Vec<KeyValue>, Alarm)>,
    relay: Alarm,
    held_back: (HeldBack, Alarm),
    parked: Alarm,
    set_aside: Alarm,
    forged: Alarm,
    calendar: Alarm,
    database: Alarm,
    keyring: Alarm,
    nats: (Absence, Alarm),
    rotation: (Option<Overdue>, Alarm),
    gauges: Gauges,
}

/// Since when a connection is away that comes back by itself.
#[derive(Default)]
struct Absence {
    since: Option<Instant>,
}

impl Absence {
    fn lasts(&mut self, connected: bool, now: Instant) -> Duration {
        self.since = (!connected).then(|| self.since.unwrap_or(now));
        self.since
            .map_or(Duration::ZERO, |since| now.duration_since(since))
    }
}

struct Gauges {
    relay_lag: Gauge<f64>,
    subscription_lag: Gauge<f64>,
    held_back: Gauge<f64>,
    calendar: Gauge<i64>,
    rotation: Gauge<f64>,
    up: Gauge<u64>,
}

impl Gauges {
    fn new() -> Self {
        let meter = opentelemetry::global::meter("service");
        Self {
            relay_lag: gauges::relay_lag(),
            subscription_lag: gauges::subscription_lag(),
            held_back: meter
                .f64_gauge("madoguchi.store.held_back")
                .with_unit("s")
                .with_description(
                    "Age of the oldest transaction of the instance that followers of stores wait for",
                )
                .build(),
            calendar: meter
                .i64_gauge("madoguchi.calendar.days_left")
                .with_unit("d")
                .with_description("Days until the holiday calendar runs out")
                .build(),
            rotation: meter
                .f64_gauge("madoguchi.signing_keys.overdue")
                .with_unit("s")
                .with_description("For how long the next signing key should have been announced")
                .build(),
            up: meter
                .u64_gauge("madoguchi.dependency.up")
                .with_description(
                    "1 while what the service works with answers: its database, the keyring, NATS",
                )
                .build(),
        }
    }
}

impl Watch {
    pub(crate) fn new(
        context: Context,
        settings: AlarmSettings,
        publishes: bool,
        subscriptions: Vec<WatchedSubscription>,
    ) -> Self {
        let service = [KeyValue::new("service", context.name)];
        let alarm = |kind| Alarm::new(kind, &service);
        let subscriptions = subscriptions.into_iter().map(|watched| {
            let labels = vec![
                KeyValue::new("consumer", watched.consumer.clone()),
                KeyValue::new("source", watched.source.clone()),
            ];
            let alarm = Alarm::new(Kind::SubscriptionLag, &labels);
            (watched, labels, alarm)
        });
        Self {
            subscriptions: subscriptions.collect(),
            relay: alarm(Kind::RelayLag),
            held_back: (HeldBack::default(), alarm(Kind::HeldBack)),
            parked: alarm(Kind::Parked),
            set_aside: alarm(Kind::SetAside),
            forged: alarm(Kind::ForgedMessages),
            calendar: alarm(Kind::CalendarRunsOut),
            database: alarm(Kind::DatabaseAway),
            keyring: alarm(Kind::KeyringAway),
            nats: (Absence::default(), alarm(Kind::NatsAway)),
            rotation: (None, alarm(Kind::RotationOverdue)),
            gauges: Gauges::new(),
            context,
            settings,
            publishes,
        }
    }

    /// Looks at the service's signing keys too, where it has some.
    pub(crate) fn rotation(mut self, overdue: Option<Overdue>) -> Self {
        self.rotation.0 = overdue;
        self
    }

    /// Until the service stops.
    pub(crate) async fn run(mut self) -> Result<(), Infallible> {
        let shutdown = self.context.shutdown.clone();
        let mut tick = tokio::time::interval(self.settings.every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = tick.tick() => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = self.look() => {}
            }
        }
    }

    async fn look(&mut self) {
        self.look_at_calendar();
        self.look_at_subscriptions();
        self.look_at_nats();
        self.look_at_rotation();
        self.look_at_keyring().await;
        // The rest is asked of the database.
        if self.look_at_database().await {
            self.look_at_relay().await;
            self.look_at_parked_messages().await;
            self.look_at_set_aside().await;
            self.look_at_forged_messages().await;
            self.look_at_transactions().await;
        }
    }

    fn look_at_calendar(&mut self) {
        let (calendar, now) = (&self.context.rulebook.holidays, self.context.clock.now());
        let days_left = calendar.days_left(now);
        self.gauges.calendar.record(days_left, &self.service());
        let found = calendar
            .runs_out_within(now, self.settings.calendar_days)
            .then(|| format!("the holiday calendar ends on {}", calendar.validity().1));
        self.calendar.judge(found.as_deref());
    }

    /// A standby applies nothing and knows nothing of its lag.
    fn look_at_subscriptions(&mut self) {
        for (watched, labels, alarm) in &mut self.subscriptions {
            let status = *watched.status.borrow();
            let lag = status.lag();
            if status.active {
                self.gauges.subscription_lag.record(lag.as_secs_f64(), labels);
            }
            let found = (status.active && alarm.exceeds(self.settings.subscription_lag, lag)).then(|| {
                format!(
                    "consumer {} is {} s behind {}",
                    watched.consumer,
                    lag.as_secs(),
                    watched.source
                )
            });
            alarm.judge(found.as_deref());
        }
    }

    /// The connection is made in the background, at the start too: a service that has just begun has no cause for alarm.
    fn look_at_nats(&mut self) {
        let Some(nats) = &self.context.nats else { return };
        let connected = nats.connection_state() == async_nats::connection::State::Connected;
        self.dependency("nats", connected);
        let (absence, alarm) = &mut self.nats;
        let too_long = absence.lasts(connected, Instant::now()) > ANSWER_WITHIN;
        alarm.judge(too_long.then_some("NATS does not answer"));
    }

    fn look_at_rotation(&mut self) {
        let (Some(overdue), alarm) = (&self.rotation.0, &mut self.rotation.1) else {
            return;
        };
        let late = overdue(self.context.clock.now());
        let found = alarm.exceeds(self.settings.rotation_overdue, late).then(|| {
            format!(
                "the next signing key should have been announced {} s ago",
                late.as_secs()
            )
        });
        alarm.judge(found.as_deref());
        self.gauges.rotation.record(late.as_secs_f64(), &self.service());
    }

    async fn look_at_keyring(&mut self) {
        let answers = in_time(self.context.keyring.answers()).await.is_some();
        self.dependency("keyring", answers);
        self.keyring
            .judge((!answers).then_some("the keyring's database does not answer"));
    }

    async fn look_at_database(&mut self) -> bool {
        let asked = sqlx::query("SELECT 1").execute(&self.context.pool);
        let answers = in_time(asked).await.is_some();
        self.dependency("database", answers);
        self.database
            .judge((!answers).then_some("the service's database does not answer"));
        answers
    }

    /// From the checkpoint and the store, so that it does not matter which instance's relay is active, if any is.
    async fn look_at_relay(&mut self) {
        if !self.publishes {
            return;
        }
        let Some(lag) = in_time(relay_lag(&self.context)).await else {
            return;
        };
        self.gauges.relay_lag.record(lag.as_secs_f64(), &self.service());
        let found = self
            .relay
            .exceeds(self.settings.relay_lag, lag)
            .then(|| format!("the relay is {} s behind its store", lag.as_secs()));
        self.relay.judge(found.as_deref());
    }

    /// How many there are, its own gauge says; one is enough to look after.
    async fn look_at_parked_messages(&mut self) {
        let all = Filter::default();
        let first = messaging::parked_messages(&self.context.pool, &all, None, 1);
        let Some(first) = in_time(first).await else {
            return;
        };
        let found = first.first().map(|first| {
            format!(
                "a message of {} is parked for consumer {}",
                first.source, first.consumer
            )
        });
        self.parked.judge(found.as_deref());
    }

    async fn look_at_set_aside(&mut self) {
        let Some(first) = in_time(set_aside::list(&self.context.pool, None, 1)).await else {
            return;
        };
        let found = first.first().map(|first| {
            format!(
                "event {} of stream {} is set aside by {} ({})",
                first.withheld.position.event_id,
                first.withheld.stream,
                first.follower,
                first.withheld.reason.name()
            )
        });
        self.set_aside.judge(found.as_deref());
    }

    async fn look_at_forged_messages(&mut self) {
        let Some(last) = in_time(messaging::last_rejected(&self.context.pool, FORGED_WITHIN)).await else {
            return;
        };
        let found = last.map(|last| {
            format!(
                "a message of {} for consumer {} is one that it did not send ({}, {})",
                last.source, last.consumer, last.reason, last.subject
            )
        });
        self.forged.judge(found.as_deref());
    }

    async fn look_at_transactions(&mut self) {
        let (held_back, alarm) = &mut self.held_back;
        let Some(holder) = in_time(held_back.look(&self.context.pool)).await else {
            return;
        };
        let age = holder.as_ref().map_or(Duration::ZERO, |holder| holder.age);
        let found = holder
            .filter(|holder| alarm.exceeds(self.settings.held_back, holder.age))
            .map(|Holder { who, age }| format!("a transaction has been open for {} s: {who}", age.as_secs()));
        alarm.judge(found.as_deref());
        self.gauges.held_back.record(age.as_secs_f64(), &self.service());
    }

    fn dependency(&self, name: &'static str, up: bool) {
        let [service] = self.service();
        self.gauges
            .up
            .record(u64::from(up), &[service, KeyValue::new("dependency", name)]);
    }

    fn service(&self) -> [KeyValue; 1] {
        [KeyValue::new("service", self.context.name)]
    }
}

/// Age of the oldest event the relay has not followed yet. By the system's clock, which stamped the event.
async fn relay_lag(context: &Context) -> Result<Duration, Box<dyn std::error::Error + Send + Sync>> {
    let position = messaging::relay_position(&context.pool, context.name).await?;
    let after = position.map(|position| position.cursor);
    let waiting = context.store.scan(after, 1).await?;
    let age = waiting
        .first()
        .and_then(|entry| entry.as_ref().ok())
        .map(|event| SystemClock.now().duration_since(event.recorded_at));
    Ok(age
        .and_then(|age| Duration::try_from(age).ok())
        .unwrap_or_default())
}

/// The answer, if one came in time. What failed shows as a dependency that does not answer, not as a line of its own
/// every few seconds.
async fn in_time<T, E>(asked: impl Future<Output = Result<T, E>>) -> Option<T> {
    tokio::time::timeout(ANSWER_WITHIN, asked).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_begins_when_it_is_seen_and_anew_after_a_connection() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut absence = Absence::default();
        assert_eq!(absence.lasts(false, start), Duration::ZERO);
        assert_eq!(absence.lasts(false, after(6)), Duration::from_secs(6));
        assert_eq!(absence.lasts(true, after(7)), Duration::ZERO);
        assert_eq!(absence.lasts(false, after(8)), Duration::ZERO);
        assert_eq!(absence.lasts(false, after(9)), Duration::from_secs(1));
    }
}

//! Section `[alarms]`: from when on operators are told.

use std::time::Duration;

use crate::config::keys::Keys;

/// How often is looked, and what is too much.
#[derive(Debug, Clone)]
pub(crate) struct AlarmSettings {
    pub(super) every: Duration,
    pub(super) relay_lag: Duration,
    pub(super) held_back: Duration,
    pub(super) subscription_lag: Duration,
    pub(super) calendar_days: u32,
    pub(super) rotation_overdue: Duration,
}

impl AlarmSettings {
    pub(crate) fn read(keys: &mut Keys) -> Option<Self> {
        let every_ms: Option<u32> = keys.or("alarms.every_ms", || 10_000);
        if every_ms == Some(0) {
            keys.wrong("alarms.every_ms", "must be greater than 0");
            return None;
        }
        let relay_lag_s: Option<u32> = keys.or("alarms.relay_lag_s", || 60);
        let held_back_s: Option<u32> = keys.or("alarms.held_back_s", || 60);
        let subscription_lag_s: Option<u32> = keys.or("alarms.subscription_lag_s", || 60);
        let calendar_days: Option<u32> = keys.or("alarms.calendar_days", || 60);
        let rotation_overdue_s: Option<u32> = keys.or("alarms.rotation_overdue_s", || 3_600);
        let seconds = |value: u32| Duration::from_secs(value.into());
        Some(Self {
            every: Duration::from_millis(every_ms?.into()),
            relay_lag: seconds(relay_lag_s?),
            held_back: seconds(held_back_s?),
            subscription_lag: seconds(subscription_lag_s?),
            calendar_days: calendar_days?,
            rotation_overdue: seconds(rotation_overdue_s?),
        })
    }
}

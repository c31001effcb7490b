//! How far behind things are, as operators see it. Two parts of a process write each gauge, whoever does the work and a watch
//! that also sees when that work stands still, so that both must mean the same instrument.

use opentelemetry::metrics::Gauge;

/// By `service`: the age in seconds of the oldest event the relay has not sent.
pub fn relay_lag() -> Gauge<f64> {
    opentelemetry::global::meter("messaging")
        .f64_gauge("madoguchi.relay.lag")
        .with_unit("s")
        .with_description("Age of the oldest event that JetStream has not acknowledged; 0 when none waits")
        .build()
}

/// By `consumer` and `source`: for how many seconds the consumer has known of events it has not applied.
pub fn subscription_lag() -> Gauge<f64> {
    opentelemetry::global::meter("messaging")
        .f64_gauge("madoguchi.subscription.lag")
        .with_unit("s")
        .with_description("For how long a published event is known that is not applied; 0 when there is none")
        .build()
}

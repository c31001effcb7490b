//! What operators see of reported calls: how their callers were read, so that a notation that nobody reads is noticed (OP-9).

use contracts::phone_verification::v1::CallerReading;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};

/// Instruments of one meter.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    reported: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self {
            reported: meter
                .u64_counter("madoguchi.calls.reported")
                .with_description("Calls that were reported, by how their caller was read")
                .build(),
        }
    }

    pub(crate) fn reported(&self, caller: CallerReading) {
        let caller = caller.as_str_name().trim_start_matches("CALLER_READING_");
        self.reported.add(1, &[KeyValue::new("caller", caller)]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics};
    use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
    use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

    use super::*;

    /// Counts by the value of their one label.
    #[derive(Clone, Default)]
    struct Exported(Arc<Mutex<BTreeMap<String, u64>>>);

    impl PushMetricExporter for Exported {
        async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
            for metric in metrics.scope_metrics().flat_map(ScopeMetrics::metrics) {
                if let AggregatedMetrics::U64(MetricData::Sum(sum)) = metric.data() {
                    let counts = sum.data_points().map(|point| {
                        let caller = point.attributes().next().unwrap().value.to_string();
                        (caller, point.value())
                    });
                    self.0.lock().unwrap().extend(counts);
                }
            }
            Ok(())
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }

        fn temporality(&self) -> Temporality {
            Temporality::Cumulative
        }
    }

    #[test]
    fn op_9_callers_are_counted_by_how_they_were_read() {
        let exported = Exported::default();
        let reader = PeriodicReader::builder(exported.clone())
            .with_interval(Duration::from_hours(1))
            .build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let metrics = Metrics::new(&provider.meter("test"));
        for caller in [
            CallerReading::Unreadable,
            CallerReading::Number,
            CallerReading::ServiceConflict,
            CallerReading::Unreadable,
        ] {
            metrics.reported(caller);
        }
        provider.force_flush().unwrap();
        let counts = exported.0.lock().unwrap().clone();
        let counts: Vec<_> = counts.iter().map(|(caller, count)| (&**caller, *count)).collect();
        assert_eq!(
            counts,
            [("NUMBER", 1), ("SERVICE_CONFLICT", 1), ("UNREADABLE", 2)]
        );
    }
}

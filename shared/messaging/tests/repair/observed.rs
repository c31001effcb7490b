//! What operators would see: counters by cause, parked messages by state, how relay and consumers are, and log lines.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, GaugeDataPoint, MetricData, ResourceMetrics, ScopeMetrics, SumDataPoint,
};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use testkit::wait_for;
use tokio::sync::{Mutex as Turn, MutexGuard};

use crate::tally::DEADLINE;

static TURN: Turn<()> = Turn::const_new(());
static PROCESS: OnceLock<Process> = OnceLock::new();

struct Process {
    provider: SdkMeterProvider,
    metrics: Metrics,
    lines: Lines,
}

#[derive(Clone, Default)]
struct Metrics {
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
    parked: Arc<Mutex<BTreeMap<String, i64>>>,
    lag_s: Arc<Mutex<Option<f64>>>,
    published: Arc<Mutex<u64>>,
    applied: Arc<Mutex<BTreeMap<String, u64>>>,
}

fn label<'a>(mut labels: impl Iterator<Item = &'a KeyValue>, key: &str) -> Option<String> {
    match &labels.find(|label| label.key.as_str() == key)?.value {
        Value::String(value) => Some(value.to_string()),
        _ => None,
    }
}

impl PushMetricExporter for Metrics {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        for metric in metrics.scope_metrics().flat_map(ScopeMetrics::metrics) {
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum))
                    if metric.name() == "madoguchi.relay.published" =>
                {
                    let points = sum.data_points().map(SumDataPoint::value);
                    *self.published.lock().unwrap() = points.sum();
                }
                AggregatedMetrics::U64(MetricData::Sum(sum))
                    if metric.name() == "madoguchi.subscription.applied" =>
                {
                    let ways = sum
                        .data_points()
                        .filter_map(|point| Some((label(point.attributes(), "via")?, point.value())));
                    self.applied.lock().unwrap().extend(ways);
                }
                AggregatedMetrics::F64(MetricData::Gauge(gauge))
                    if metric.name() == "madoguchi.relay.lag" =>
                {
                    let mut points = gauge.data_points().map(GaugeDataPoint::value);
                    *self.lag_s.lock().unwrap() = points.next();
                }
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    let causes = sum
                        .data_points()
                        .filter_map(|point| Some((label(point.attributes(), "cause")?, point.value())));
                    self.counts.lock().unwrap().extend(causes);
                }
                AggregatedMetrics::I64(MetricData::Gauge(gauge))
                    if metric.name() == "madoguchi.parking.messages" =>
                {
                    let states = gauge
                        .data_points()
                        .filter_map(|point| Some((label(point.attributes(), "state")?, point.value())));
                    self.parked.lock().unwrap().extend(states);
                }
                _ => {}
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

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn process() -> &'static Process {
    PROCESS.get_or_init(|| {
        let (metrics, lines) = (Metrics::default(), Lines::default());
        let writer = lines.clone();
        tracing_subscriber::fmt()
            .with_env_filter("info")
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        let reader = PeriodicReader::builder(metrics.clone())
            .with_interval(Duration::from_hours(1))
            .build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        opentelemetry::global::set_meter_provider(provider.clone());
        Process {
            provider,
            metrics,
            lines,
        }
    })
}

/// A test's turn; what it sees is its own.
pub(crate) struct Observed {
    before: BTreeMap<String, u64>,
    published_before: u64,
    applied_before: BTreeMap<String, u64>,
    lines_before: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Observed {
    pub(crate) async fn turn() -> Self {
        let turn = TURN.lock().await;
        let lines_before = process().lines.0.lock().unwrap().len();
        let Metrics {
            published, applied, ..
        } = metrics();
        let published_before = *published.lock().unwrap();
        let applied_before = applied.lock().unwrap().clone();
        Self {
            before: counts(),
            published_before,
            applied_before,
            lines_before,
            _turn: turn,
        }
    }

    /// Waits until this cause was counted and this line was logged.
    pub(crate) async fn sees(&self, cause: &str, line: &str) {
        wait_for(cause, DEADLINE, async || {
            let (since, lines) = (self.since(), self.lines());
            let counted = since.get(cause).is_some_and(|count| *count > 0);
            if counted && lines.contains(line) {
                Ok(())
            } else {
                Err((since, lines))
            }
        })
        .await;
    }

    /// What was counted in this turn.
    pub(crate) fn since(&self) -> BTreeMap<String, u64> {
        since(counts(), &self.before)
    }

    /// Waits until the gauge tells so many messages parked for their content, and so many waiting behind them.
    pub(crate) async fn shows_parked(&self, parked: i64, waiting: i64) {
        let expected = [("parked".to_owned(), parked), ("waiting".to_owned(), waiting)].into();
        wait_for("the gauge of parked messages", DEADLINE, async || {
            let shown = metrics().parked.lock().unwrap().clone();
            (shown == expected).then_some(()).ok_or(shown)
        })
        .await;
    }

    /// Waits until the relay's lag in seconds is as wanted.
    pub(crate) async fn shows_lag(&self, what: &str, wanted: impl Fn(f64) -> bool) {
        wait_for(what, DEADLINE, async || {
            let shown = *metrics().lag_s.lock().unwrap();
            shown.is_some_and(&wanted).then_some(()).ok_or(shown)
        })
        .await;
    }

    /// How many events JetStream has acknowledged to relays in this turn.
    pub(crate) fn published(&self) -> u64 {
        *metrics().published.lock().unwrap() - self.published_before
    }

    /// Waits until consumers say that they applied so many messages in this turn, by the way they came.
    pub(crate) async fn shows_applied(&self, expected: &[(&str, u64)]) {
        let expected = expected.iter().map(|(way, count)| ((*way).to_owned(), *count));
        let expected: BTreeMap<String, u64> = expected.collect();
        wait_for("the count of applied messages", DEADLINE, async || {
            let shown = since(metrics().applied.lock().unwrap().clone(), &self.applied_before);
            (shown == expected).then_some(()).ok_or(shown)
        })
        .await;
    }

    /// Waits until this line was logged.
    pub(crate) async fn says(&self, line: &str) {
        wait_for(line, DEADLINE, async || {
            let lines = self.lines();
            lines.contains(line).then_some(()).ok_or(lines)
        })
        .await;
    }

    fn lines(&self) -> String {
        let lines = process().lines.0.lock().unwrap();
        String::from_utf8_lossy(&lines[self.lines_before..]).into_owned()
    }
}

/// What has come since, without what has not grown.
fn since(mut now: BTreeMap<String, u64>, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    for (key, before) in before {
        if let Some(count) = now.get_mut(key) {
            *count -= before;
        }
    }
    now.retain(|_, count| *count > 0);
    now
}

fn counts() -> BTreeMap<String, u64> {
    metrics().counts.lock().unwrap().clone()
}

/// As they stand now.
fn metrics() -> &'static Metrics {
    let process = process();
    process.provider.force_flush().unwrap();
    &process.metrics
}

//! Logs, traces, metrics. Traces always exist, so that events and messages carry one; they leave the process only where
//! an OTLP endpoint is set. Log lines stand alone, with dotted fields, and never hold personal data.

use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry::{KeyValue, global, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::keys::{Configuration, Keys, NO_TLS};
use crate::config::start_error::StartError;

/// How long the flush at the end may take.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);
const METRICS_EVERY: Duration = Duration::from_secs(10);

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    Human,
    Json,
}

/// Section `[telemetry]`.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    endpoint: Option<String>,
    format: LogFormat,
    filter: String,
}

impl Configuration for TelemetrySettings {
    fn read(keys: &mut Keys, section: &str) -> Option<Self> {
        let endpoint_key = format!("{section}.otlp_endpoint");
        let endpoint = keys.optional::<String>(&endpoint_key);
        if let Some(Some(url)) = &endpoint {
            if url.starts_with("https://") {
                keys.wrong(&endpoint_key, NO_TLS);
            } else if !url.starts_with("http://") {
                keys.wrong(&endpoint_key, "is not an http:// URL");
            }
        }
        let format_key = format!("{section}.log_format");
        let format = keys
            .or(&format_key, || "human".to_owned())
            .and_then(|format| match format.as_str() {
                "human" => Some(LogFormat::Human),
                "json" => Some(LogFormat::Json),
                _ => {
                    keys.wrong(&format_key, "must be human or json");
                    None
                }
            });
        let filter_key = format!("{section}.log");
        let filter = keys.or(&filter_key, || "info".to_owned()).and_then(|filter| {
            let checked = EnvFilter::try_new(&filter).map(|_| filter);
            keys.checked(&filter_key, checked)
        });
        Some(Self {
            endpoint: endpoint?,
            format: format?,
            filter: filter?,
        })
    }
}

impl TelemetrySettings {
    /// For tests: traces and metrics to this endpoint, logs by this filter, human.
    pub fn to_endpoint(endpoint: impl Into<String>, filter: impl Into<String>) -> Self {
        Self {
            endpoint: Some(endpoint.into()),
            format: LogFormat::Human,
            filter: filter.into(),
        }
    }
}

/// What must be flushed at the end.
pub struct Telemetry {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

/// Installs logs, traces and metrics for the process. Inside a tokio runtime, once.
///
/// # Errors
/// When the exporter cannot be built or something installed a subscriber before.
pub fn install(service: &'static str, settings: &TelemetrySettings) -> Result<Telemetry, StartError> {
    let failed = |error| StartError::new("preparing telemetry (telemetry.otlp_endpoint)", error);
    let resource = Resource::builder()
        .with_service_name(format!("madoguchi-{service}"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let mut traces = SdkTracerProvider::builder().with_resource(resource.clone());
    let mut metrics = SdkMeterProvider::builder().with_resource(resource);
    if let Some(endpoint) = &settings.endpoint {
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build();
        traces = traces.with_batch_exporter(spans.map_err(|error| failed(Box::new(error)))?);
        let figures = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build();
        let figures = figures.map_err(|error| failed(Box::new(error)))?;
        let reader = opentelemetry_sdk::metrics::PeriodicReader::builder(figures)
            .with_interval(METRICS_EVERY)
            .build();
        metrics = metrics.with_reader(reader);
    }
    let telemetry = Telemetry {
        traces: traces.build(),
        metrics: metrics.build(),
    };
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(telemetry.traces.clone());
    global::set_meter_provider(telemetry.metrics.clone());
    subscribe(service, settings, &telemetry)?;
    Ok(telemetry)
}

fn subscribe(
    service: &'static str,
    settings: &TelemetrySettings,
    telemetry: &Telemetry,
) -> Result<(), StartError> {
    let filter =
        EnvFilter::try_new(&settings.filter).map_err(|error| StartError::setting("telemetry.log", error))?;
    // Colours are for people; a log file has none.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match settings.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let spans = tracing_opentelemetry::layer()
        .with_tracer(telemetry.traces.tracer(service))
        // The exporter's own calls would make spans of their own for ever. A dynamic filter, although this one is not:
        // with a static one tracing-subscriber 0.3 caches "always" and then judges a span by whatever was asked on the
        // thread before, such as sqlx's look whether queries are logged; most spans were lost that way.
        .with_filter(tracing_subscriber::filter::dynamic_filter_fn(|metadata, _| {
            let target = metadata.target();
            metadata.is_span()
                && !["h2", "hyper", "tonic", "tower", "opentelemetry"]
                    .iter()
                    .any(|own| target.starts_with(own))
        }));
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(spans)
        .try_init()
        .map_err(|error| StartError::new("installing logs", error))
}

impl Telemetry {
    /// Sends what is held back. Blocks for at most three seconds each; call it off the runtime's threads.
    pub fn flush(self) {
        // Nothing is left to log to when this fails.
        let _ = self.traces.shutdown_with_timeout(FLUSH_WITHIN);
        let _ = self.metrics.shutdown_with_timeout(FLUSH_WITHIN);
    }

    /// Sends what is held back and goes on: tests.
    pub fn force_flush(&self) {
        let _ = self.traces.force_flush();
        let _ = self.metrics.force_flush();
    }
}

//! An OTLP receiver: what a collector would get of traces and metrics, kept for a test to look at. Loopback, own port.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

/// A span with the service that sent it.
#[derive(Debug, Clone)]
pub struct ReceivedSpan {
    /// `service.name` of the sender.
    pub service: String,
    /// As sent.
    pub span: Span,
}

#[derive(Debug, Clone, Default)]
struct Received {
    spans: Arc<Mutex<Vec<ReceivedSpan>>>,
    metrics: Arc<Mutex<BTreeSet<String>>>,
    /// The last value by name and labels; histograms have none.
    values: Arc<Mutex<BTreeMap<Series, f64>>>,
}

/// A metric's name and its labels, each `key=value`.
type Series = (String, BTreeSet<String>);

/// Receives until the runtime it was started on ends.
#[derive(Debug, Clone)]
pub struct OtlpReceiver {
    endpoint: String,
    received: Received,
}

impl OtlpReceiver {
    /// Listens on a free port of the loopback.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> std::io::Result<Self> {
        let received = Received::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let server = Server::builder()
            .add_service(TraceServiceServer::new(received.clone()))
            .add_service(MetricsServiceServer::new(received.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        #[allow(
            clippy::disallowed_methods,
            reason = "the receiver ends with the test's runtime"
        )]
        tokio::spawn(server);
        Ok(Self { endpoint, received })
    }

    /// What exporters are pointed at.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The spans received so far.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        let spans = self.received.spans.lock();
        spans.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of the metrics received so far.
    pub fn metrics(&self) -> BTreeSet<String> {
        let metrics = self.received.metrics.lock();
        metrics.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last value received of a gauge or counter whose labels include these, each `key=value`.
    pub fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let values = self.received.values.lock();
        let values = values.unwrap_or_else(PoisonError::into_inner);
        let matches = |(of, has): &Series| of == name && labels.iter().all(|label| has.contains(*label));
        values
            .iter()
            .find(|(series, _)| matches(series))
            .map(|(_, value)| *value)
    }
}

fn points(metric: &Metric) -> &[NumberDataPoint] {
    match &metric.data {
        Some(Data::Gauge(gauge)) => &gauge.data_points,
        Some(Data::Sum(sum)) => &sum.data_points,
        _ => &[],
    }
}

fn labels(attributes: &[KeyValue]) -> BTreeSet<String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(value) => Some(format!("{}={value}", attribute.key)),
        _ => None,
    };
    attributes.iter().filter_map(text).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a test compares small numbers")]
fn number(point: &NumberDataPoint) -> Option<f64> {
    match point.value? {
        number_data_point::Value::AsDouble(value) => Some(value),
        number_data_point::Value::AsInt(value) => Some(value as f64),
    }
}

fn service_name(resource: Option<&Resource>) -> String {
    let attributes = resource.map(|resource| resource.attributes.as_slice());
    let name = attributes
        .unwrap_or_default()
        .iter()
        .find(|attribute| attribute.key == "service.name");
    match name
        .and_then(|name| name.value.as_ref())
        .and_then(|value| value.value.as_ref())
    {
        Some(Value::StringValue(name)) => name.clone(),
        _ => String::new(),
    }
}

#[async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in request.into_inner().resource_spans {
            let service = service_name(resource.resource.as_ref());
            let sent = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(sent.map(|span| ReceivedSpan {
                service: service.clone(),
                span,
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[async_trait]
impl MetricsService for Received {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request
            .into_inner()
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        let received: Vec<Metric> = scopes.flat_map(|scope| scope.metrics).collect();
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        for metric in &received {
            for point in points(metric) {
                if let Some(value) = number(point) {
                    values.insert((metric.name.clone(), labels(&point.attributes)), value);
                }
            }
        }
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.extend(received.into_iter().map(|metric| metric.name));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

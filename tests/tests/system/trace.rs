//! One trace from the customer's call through the store, the relay and NATS to the view's row, as an OTLP collector gets it
//! from the services' own processes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use testkit::{OtlpReceiver, ReceivedSpan, wait_for};

use crate::setup::{data_folder, play_journey_with};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_goes_from_the_customers_call_through_nats_to_the_views_row() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let endpoint = receiver.endpoint().to_owned();
    let folder = data_folder();
    let journey = tokio::task::spawn_blocking(move || {
        play_journey_with(folder.path(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)])
    });
    journey.await.unwrap();

    // The services have flushed before they ended. A changed phone number is heard by phone verification and the views.
    wait_for("the trace of a submitted endorsement", SOON, async || {
        let spans = receiver.spans();
        let mut traces: BTreeMap<Vec<u8>, Vec<&ReceivedSpan>> = BTreeMap::new();
        for received in &spans {
            traces
                .entry(received.span.trace_id.clone())
                .or_default()
                .push(received);
        }
        let whole = traces.values().find(|trace| is_whole(trace));
        whole.map(|_| ()).ok_or_else(|| {
            let submitted = traces.values().filter(|trace| submission(trace).is_some());
            submitted.map(|trace| names(trace)).collect::<Vec<_>>()
        })
    })
    .await;

    let metrics = receiver.metrics();
    for name in [
        "rpc.server.duration",
        "madoguchi.relay.published",
        "madoguchi.subscription.applied",
    ] {
        assert!(metrics.contains(name), "{name} is not among {metrics:?}");
    }
}

fn names(trace: &[&ReceivedSpan]) -> BTreeSet<(String, String)> {
    trace
        .iter()
        .map(|received| (received.service.clone(), received.span.name.clone()))
        .collect()
}

fn submission<'a>(trace: &[&'a ReceivedSpan]) -> Option<&'a ReceivedSpan> {
    let called = |received: &&&ReceivedSpan| {
        received
            .span
            .name
            .ends_with("EndorsementService/SubmitEndorsement")
    };
    trace.iter().find(called).copied()
}

/// The call's span at endorsement, and below it, over NATS, a message applied by each of the two that listen.
fn is_whole(trace: &[&ReceivedSpan]) -> bool {
    let Some(call) = submission(trace) else {
        return false;
    };
    let heard = |service: &str| {
        trace.iter().any(|received| {
            received.service == service
                && received.span.name == "apply message"
                && received.span.parent_span_id == call.span.span_id
        })
    };
    call.service == "madoguchi-endorsement"
        && heard("madoguchi-views")
        && heard("madoguchi-phone-verification")
}

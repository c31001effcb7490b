//! The one place of the suite that waits by the clock: where time itself is the fault (a delayed connection, a paused
//! process), and between two commands of a worker, so that a machine of two cores is kept busy and not choked.

use std::time::Duration;

#[allow(
    clippy::disallowed_methods,
    reason = "the passing of time is the fault, or the client's pace; nothing is waited for"
)]
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

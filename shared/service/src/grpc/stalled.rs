//! Answers that are not taken. HTTP/2 lets a caller close its window and keep an answer waiting for ever, with everything that
//! the answer holds. Each stream is watched by whoever runs it, and dropped when its answer has stood still too long.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::{Instant, Sleep};
use tokio_util::task::TaskTracker;

tokio::task_local! {
    static STREAM: Arc<Departure>;
}

/// Until when the next part of a stream's answer must be taken, if one is waiting.
#[derive(Debug, Default)]
pub(crate) struct Departure(Mutex<Option<Instant>>);

impl Departure {
    /// Of the stream this is called in; none outside a server.
    pub(crate) fn current() -> Option<Arc<Self>> {
        STREAM.try_with(Arc::clone).ok()
    }

    /// A part is ready and must be taken within `idle`.
    pub(crate) fn waits(&self, idle: Duration) {
        self.set(Some(Instant::now() + idle));
    }

    /// The caller takes what comes; the next part is being made.
    pub(crate) fn goes_on(&self) {
        self.set(None);
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the streams of a server.
#[derive(Clone)]
pub(crate) struct Streams(pub(crate) TaskTracker);

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(Watched {
            stream: Box::pin(stream),
            departure: Arc::default(),
            timer: None,
        });
    }
}

struct Watched<F> {
    stream: Pin<Box<F>>,
    departure: Arc<Departure>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let stream = this.stream.as_mut();
        if STREAM
            .sync_scope(this.departure.clone(), || stream.poll(cx))
            .is_ready()
        {
            return Poll::Ready(());
        }
        let Some(until) = this.departure.until() else {
            this.timer = None;
            return Poll::Pending;
        };
        if timer(&mut this.timer, until).as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        tracing::debug!("an answer was not taken in time; its stream is reset");
        Poll::Ready(())
    }
}

/// The timer of a deadline that may move.
pub(crate) fn timer(slot: &mut Option<Pin<Box<Sleep>>>, until: Instant) -> &mut Pin<Box<Sleep>> {
    #[allow(
        clippy::disallowed_methods,
        reason = "a deadline polled beside what it bounds, which `timeout` cannot be in a poll function"
    )]
    let timer = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
    if timer.deadline() != until {
        timer.as_mut().reset(until);
    }
    timer
}

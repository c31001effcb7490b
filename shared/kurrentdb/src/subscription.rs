//! One subscription to everything of a service, in the server's order.
//!
//! The client library's subscription spins for ever, inside one poll, when the server ends it without an error: it would
//! take a thread of the runtime with it, and nothing could cancel it. All it does on each turn is to log a warning, so
//! the polls run with a log subscriber of our own that listens for exactly that and breaks out by unwinding.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use eventstore::{
    Client, Error, Position, StreamPosition, SubscribeToAllOptions, Subscription, SubscriptionEvent,
    SubscriptionFilter,
};
use tracing::dispatcher::{self, Dispatch};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};

/// Events the server looks at between two signs of life, which are also the pages it reads.
const WINDOW: u32 = 1_000;

/// What the subscription said, or how it ended.
pub(crate) enum Notice {
    Event(Box<eventstore::RecordedEvent>),
    CaughtUp,
    FellBehind,
    /// A sign of life: confirmed, or a stretch without an event of ours was passed.
    Alive,
    Failed(Error),
    /// The server ended it without an error.
    Ended,
}

/// The next thing a subscription says. It owns the subscription, because the library loses it when a wait is cancelled.
pub(crate) type Next = Pin<Box<dyn Future<Output = (Option<Subscription>, Notice)> + Send>>;

/// Subscribes to all streams of `service` after a position; connects when first polled.
pub(crate) async fn subscribe(client: &Client, service: &str, after: Option<Position>) -> Next {
    let filter = SubscriptionFilter::on_stream_name()
        .add_prefix(format!("{service}."))
        .max(WINDOW);
    let position = after.map_or(StreamPosition::Start, StreamPosition::Position);
    // Without the library's own retries: they forget what they have passed, and hide a dead connection.
    let options = SubscribeToAllOptions::default().filter(filter).position(position);
    next(client.subscribe_to_all(&options).await)
}

/// Waits for what the subscription says next.
pub(crate) fn next(mut subscription: Subscription) -> Next {
    let waiting = async move {
        let notice = match subscription.next_subscription_event().await {
            Ok(SubscriptionEvent::EventAppeared(event)) => match event.event {
                Some(event) => Notice::Event(Box::new(event)),
                None => Notice::Alive,
            },
            Ok(SubscriptionEvent::CaughtUp) => Notice::CaughtUp,
            Ok(SubscriptionEvent::FellBehind) => Notice::FellBehind,
            Ok(_) => Notice::Alive,
            Err(error) => return (None, Notice::Failed(error)),
        };
        (Some(subscription), notice)
    };
    Box::pin(Unspinning {
        inner: Box::pin(waiting),
    })
}

struct Unspinning {
    inner: Next,
}

impl Future for Unspinning {
    type Output = (Option<Subscription>, Notice);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        static LISTENER: OnceLock<Dispatch> = OnceLock::new();
        let listener = LISTENER.get_or_init(|| Dispatch::new(Listener));
        TURNS.set(0);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            dispatcher::with_default(listener, || self.inner.as_mut().poll(context))
        }));
        match polled {
            Ok(polled) => polled,
            Err(payload) if is_spin(&*payload) => Poll::Ready((None, Notice::Ended)),
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Carried by the unwinding; the panic hook does not run for it.
struct Spins;

fn is_spin(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Spins>()
}

/// Messages of a kind that the library does not know cause the same warning, one each, and are no end.
const TURNS_OF_A_SPIN: u32 = 64;

thread_local! {
    /// Warnings since the poll began. A poll does not leave its thread.
    static TURNS: Cell<u32> = const { Cell::new(0) };
}

/// Hears the one warning of the library's subscription and nothing else. The library's other words are not missed: what
/// happens to a subscription is logged by whoever follows it.
struct Listener;

fn is_the_warning(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && *metadata.level() == Level::WARN && metadata.target() == "eventstore::commands"
}

impl tracing::Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_the_warning(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_the_warning(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        if !is_the_warning(event.metadata()) {
            return;
        }
        let turns = TURNS.get() + 1;
        TURNS.set(turns);
        if turns >= TURNS_OF_A_SPIN {
            resume_unwind(Box::new(Spins));
        }
    }

    // No span is enabled, so none of these is reached.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::NoSubscriber;

    use super::*;

    /// What comes of a wait that does this in one poll and then says it is alive.
    async fn notice_after(doing: impl FnOnce() + Send + 'static) -> Notice {
        let waiting = async move {
            doing();
            (None, Notice::Alive)
        };
        let inner: Next = Box::pin(waiting);
        Unspinning { inner }.await.1
    }

    fn warn() {
        tracing::warn!(target: "eventstore::commands", "the library's warning");
    }

    #[tokio::test]
    async fn a_wait_that_warns_without_end_in_one_poll_is_ended() {
        // Beside another listener of the process each of the two is asked about each event.
        let _other = Dispatch::new(NoSubscriber::default());
        let notice = notice_after(|| (0..TURNS_OF_A_SPIN).for_each(|_| warn())).await;
        assert!(matches!(notice, Notice::Ended));
    }

    #[tokio::test]
    async fn a_few_warnings_in_each_poll_are_no_end() {
        for _ in 0..3 {
            let notice = notice_after(|| (1..TURNS_OF_A_SPIN).for_each(|_| warn())).await;
            assert!(matches!(notice, Notice::Alive));
        }
    }

    #[tokio::test]
    async fn other_words_are_no_end_however_many() {
        let notice = notice_after(|| {
            for _ in 0..2 * TURNS_OF_A_SPIN {
                tracing::error!(target: "eventstore::commands", "another level");
                tracing::warn!(target: "eventstore::operations", "another place");
                let _span = tracing::warn_span!(target: "eventstore::commands", "a span").entered();
            }
        });
        assert!(matches!(notice.await, Notice::Alive));
    }

    #[tokio::test]
    #[should_panic(expected = "of its own")]
    async fn a_panic_of_its_own_goes_on() {
        notice_after(|| panic!("of its own")).await;
    }
}

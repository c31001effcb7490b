//! Following a store in a test: so many events, then the end, and no waiting without a deadline.

use std::time::Duration;

use eventsourcing::{Followed, RecordedEvent, StoreError};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::time::timeout;

use crate::checker::Seen;

/// Longer than anything takes here, on a machine however busy.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Events as the checker wants them.
pub fn seen_of(events: &[RecordedEvent]) -> Vec<Seen> {
    let seen = |event: &RecordedEvent| Seen {
        id: event.id,
        stream: event.stream.clone(),
        revision: event.revision,
    };
    events.iter().map(seen).collect()
}

/// What following a store gives.
pub type Following = BoxStream<'static, Result<Followed, StoreError>>;

/// The next `count` events, and then the end. Not "until caught up": transactions of other tests of the instance can
/// hide the last events for a while.
pub async fn take_all(follower: &mut Following, count: usize) -> Vec<RecordedEvent> {
    let events = take(follower, count).await;
    let next = timeout(DEADLINE, follower.next())
        .await
        .expect("the follower never caught up");
    assert_eq!(next.unwrap().unwrap(), Followed::CaughtUp, "after {count} events");
    events
}

/// The next `count` events.
pub async fn take(follower: &mut Following, count: usize) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    while events.len() < count {
        let Ok(next) = timeout(DEADLINE, follower.next()).await else {
            panic!("waited in vain for event {} of {count}", events.len() + 1);
        };
        if let Followed::Event(event) = next.unwrap().unwrap() {
            events.push(event);
        }
    }
    events
}

//! Following: pages until the end, then a wake by this process's appends, or a short poll for what other processes commit
//! and for what waits behind an older transaction. Nothing is notified inside an append: that made it seven times slower.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::cursor::Cursor;
use crate::postgres::PostgresStore;
use crate::store::{EventStore, Followed, StoreError};
use crate::unreadable::{Entry, entry_position};

const PAGE: usize = 256;
/// The pause after the last sign of life, doubled up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(4);
/// How late an event of another process is seen at most, at rest.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

struct Follower {
    store: PostgresStore,
    woken: watch::Receiver<()>,
    after: Option<Cursor>,
    page: std::vec::IntoIter<Entry>,
    caught_up: bool,
    pause: Duration,
}

pub(super) fn follow(
    store: PostgresStore,
    woken: watch::Receiver<()>,
    after: Option<Cursor>,
) -> BoxStream<'static, Result<Followed, StoreError>> {
    let page = Vec::new().into_iter();
    let follower = Follower {
        store,
        woken,
        after,
        page,
        caught_up: false,
        pause: SHORTEST_PAUSE,
    };
    stream::try_unfold(follower, |mut follower| async move {
        let step = follower.next().await?;
        Ok(Some((step, follower)))
    })
    .boxed()
}

impl Follower {
    async fn next(&mut self) -> Result<Followed, StoreError> {
        loop {
            if let Some(entry) = self.page.next() {
                self.after = Some(entry_position(&entry).cursor);
                return Ok(entry.into());
            }
            // Marked before reading: an append after the read must not be slept through.
            self.woken.mark_unchanged();
            let page = self.store.scan(self.after, PAGE).await?;
            if !page.is_empty() {
                self.page = page.into_iter();
                self.caught_up = false;
                self.pause = SHORTEST_PAUSE;
            } else if self.caught_up {
                self.rest().await;
            } else {
                self.caught_up = true;
                return Ok(Followed::CaughtUp);
            }
        }
    }

    async fn rest(&mut self) {
        // The sender lives as long as the store this follower holds, so waiting ends by a wake or by the pause.
        let woken = timeout(self.pause, self.woken.changed()).await.is_ok();
        self.pause = if woken {
            SHORTEST_PAUSE
        } else {
            LONGEST_PAUSE.min(self.pause * 2)
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn at_rest_the_pauses_grow_and_an_append_ends_them() {
        let pool = PostgresStore::pool_options().connect_lazy("postgres://nobody@127.0.0.1:1/nothing");
        let store = PostgresStore::new(pool.unwrap());
        let appended = store.appended.clone();
        let mut follower = Follower {
            woken: appended.subscribe(),
            store,
            after: None,
            page: Vec::new().into_iter(),
            caught_up: true,
            pause: SHORTEST_PAUSE,
        };
        let (began, mut rested) = (Instant::now(), Duration::ZERO);
        let mut expected = SHORTEST_PAUSE;
        while rested < LONGEST_PAUSE * 3 {
            assert_eq!(follower.pause, expected);
            follower.rest().await;
            rested += expected;
            expected = LONGEST_PAUSE.min(expected * 2);
        }
        assert!(began.elapsed() >= rested);
        assert_eq!(follower.pause, LONGEST_PAUSE);

        follower.pause = Duration::from_hours(1);
        appended.send_replace(());
        follower.rest().await;
        assert_eq!(follower.pause, SHORTEST_PAUSE);
    }
}

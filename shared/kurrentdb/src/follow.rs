//! Following: one subscription from the last cursor, ended by its first error. The checkpoint is our own, commit and
//! prepare of the last event; a subscription that starts at one gives what comes after it, and gives nothing twice.

use std::sync::Arc;
use std::task::Poll;

use eventsourcing::{Cursor, Followed, StoreError, entry_position};
use eventstore::Position;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::timeout;

use crate::connection::{Connection, Lent};
use crate::failure::{NoAnswer, store_failure};
use crate::records;
use crate::subscription::{self, Next, Notice};

struct Follower {
    connection: Arc<Connection>,
    service: &'static str,
    after: Option<Cursor>,
    subscribed: Option<Subscribed>,
}

struct Subscribed {
    lent: Lent,
    next: Next,
    /// The server still reads its log for us: whatever it does, it gives signs of life.
    behind: bool,
    /// The end was reached and said, and nothing has come since.
    notice: bool,
}

pub(crate) fn follow(
    connection: Arc<Connection>,
    service: &'static str,
    after: Option<Cursor>,
) -> BoxStream<'static, Result<Followed, StoreError>> {
    let follower = Follower {
        connection,
        service,
        after,
        subscribed: None,
    };
    stream::try_unfold(follower, |mut follower| async move {
        let step = follower.next().await?;
        Ok(Some((step, follower)))
    })
    .boxed()
}

impl Follower {
    async fn next(&mut self) -> Result<Followed, StoreError> {
        let mut subscribed = match self.subscribed.take() {
            Some(subscribed) => subscribed,
            None => self.subscribe().await?,
        };
        loop {
            let Some(notice) = self.hear(&mut subscribed).await? else {
                self.subscribed = Some(subscribed);
                return Ok(Followed::CaughtUp);
            };
            match notice {
                Notice::Event(event) => {
                    let entry = records::entry(&event)?.map(|marked| marked.event);
                    let cursor = entry_position(&entry).cursor;
                    // The server starts after the position it was given; one that repeats it doubles nothing.
                    if self.after.is_some_and(|after| cursor <= after) {
                        continue;
                    }
                    self.after = Some(cursor);
                    subscribed.notice = false;
                    self.subscribed = Some(subscribed);
                    return Ok(entry.into());
                }
                Notice::CaughtUp => subscribed.behind = false,
                Notice::FellBehind => subscribed.behind = true,
                Notice::Alive => {}
                Notice::Failed(error) => {
                    self.connection.failed(&subscribed.lent, &error);
                    return Err(store_failure(error));
                }
                Notice::Ended => {
                    self.connection.put_aside(&subscribed.lent);
                    return Err(StoreError::Unavailable(
                        "the server ended the subscription".into(),
                    ));
                }
            }
        }
    }

    async fn subscribe(&mut self) -> Result<Subscribed, StoreError> {
        let after = match self.after {
            None => None,
            Some(after) if after.tag() == Cursor::KURRENTDB => Some(Position {
                commit: after.a(),
                prepare: after.b(),
            }),
            Some(_) => {
                return Err(StoreError::Refused(
                    "the cursor is another backend's; nothing follows it here".into(),
                ));
            }
        };
        let lent = self.connection.lend()?;
        let next = subscription::subscribe(&lent.client, self.service, after).await;
        Ok(Subscribed {
            lent,
            next,
            behind: true,
            notice: false,
        })
    }

    /// What the subscription says next; nothing where its end is reached and that has to be said.
    async fn hear(&mut self, subscribed: &mut Subscribed) -> Result<Option<Notice>, StoreError> {
        if !subscribed.behind && !subscribed.notice {
            // Live, and perhaps there is something already. The wait itself goes on: it is never dropped.
            match futures::poll!(subscribed.next.as_mut()) {
                Poll::Ready(heard) => return Ok(Some(self.note(subscribed, heard))),
                Poll::Pending => {
                    subscribed.notice = true;
                    return Ok(None);
                }
            }
        }
        let heard = if subscribed.behind {
            let deadline = self.connection.deadline();
            let Ok(heard) = timeout(deadline, subscribed.next.as_mut()).await else {
                self.connection.put_aside(&subscribed.lent);
                return Err(StoreError::Unavailable(Box::new(NoAnswer(deadline))));
            };
            heard
        } else {
            // At rest the server has nothing to say; the connection's keep-alive notices when it is gone.
            subscribed.next.as_mut().await
        };
        Ok(Some(self.note(subscribed, heard)))
    }

    fn note(&self, subscribed: &mut Subscribed, heard: (Option<eventstore::Subscription>, Notice)) -> Notice {
        let (subscription, notice) = heard;
        if let Some(subscription) = subscription {
            subscribed.next = subscription::next(subscription);
            self.connection.succeeded(&subscribed.lent);
        }
        notice
    }
}

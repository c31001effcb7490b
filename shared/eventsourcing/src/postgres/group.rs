//! Group commit (docs/adr/0012): appends that arrive while others are being committed share the next transaction. A group
//! is closed before its transaction begins, so nobody joins one that already has its transaction id.
//!
//! A group is committed by a task, never by one of its callers: a caller that is cancelled, or simply not polled, holds up
//! nobody. A task lives while appends wait, and its callers wait for it, so it needs no other tracking.

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection as _, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::timeout;

use crate::postgres::append::{Answer, Item, alone, append};
use crate::postgres::connection::enter;
use crate::postgres::failure::{append_failure, shared_failure, store_failure, undone};
use crate::store::{AppendError, Appended, StoreError};

/// How many groups are committed at the same time: one writes while the other waits for the disk.
const LANES: usize = 2;
/// A group that takes longer (a lock, a dying disk) gives its place to another, so that it holds up nobody else.
const HELD_UP: Duration = Duration::from_millis(250);
/// Connections for appends at most, with those of groups that are held up.
pub(super) const MOST_LANES: usize = 8;
/// What shares a transaction at most: enough to make its cost small, little enough to be done in milliseconds.
const GROUP_EVENTS: usize = 256;
const GROUP_BYTES: usize = 1024 * 1024;
/// What may wait at most, each append counted as a KiB at least. Whoever comes then waits, in order of arrival.
const ROOM_KIB: u32 = 16 * 1024;
/// A connection unused for longer is tried before an append is trusted to it.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long an append may take; the server gives up before, after its `statement_timeout`. A connection whose other side has
/// gone without a word would be waited for until the kernel gives it up.
const ANSWERED: Duration = Duration::from_secs(35);

pub(super) struct Groups {
    /// For what is appended alone, and for how to connect.
    pool: PgPool,
    /// Wakes followers, once for a group.
    appended: Arc<watch::Sender<()>>,
    room: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Tasks that are committing, without and with those held up.
    lanes: usize,
    all_lanes: usize,
    idle: Vec<Link>,
}

struct Waiting {
    item: Item,
    reply: oneshot::Sender<Reply>,
    room: OwnedSemaphorePermit,
}

enum Reply {
    Settled(Result<Appended, AppendError>),
    /// The group could not settle it; nothing of it was done.
    Alone(Item),
}

/// A connection that nobody else uses, and so one that never stands inside a transaction.
struct Link {
    connection: PgConnection,
    used: Instant,
}

impl fmt::Debug for Groups {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Groups")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl Groups {
    pub(super) fn new(pool: PgPool, appended: Arc<watch::Sender<()>>) -> Arc<Self> {
        Arc::new(Self {
            pool,
            appended,
            room: Arc::new(Semaphore::new(ROOM_KIB as usize)),
            state: Mutex::default(),
        })
    }

    /// Appends with whoever else is waiting. Cancelled before its group was closed nothing is appended, later it may be.
    pub(super) async fn append(self: &Arc<Self>, item: Item) -> Result<Appended, AppendError> {
        let room = self.room_for(&item).await?;
        let (reply, replied) = oneshot::channel();
        self.join(Waiting { item, reply, room });
        match replied.await {
            Ok(Reply::Settled(outcome)) => outcome,
            Ok(Reply::Alone(item)) => {
                let appended = alone(&self.pool, item).await?;
                self.appended.send_replace(());
                Ok(appended)
            }
            Err(torn_down) => Err(StoreError::Unavailable(Box::new(torn_down)).into()),
        }
    }

    async fn room_for(&self, item: &Item) -> Result<OwnedSemaphorePermit, StoreError> {
        let size_kib = u32::try_from(item.size_bytes() / 1024 + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(size_kib.min(ROOM_KIB));
        match timeout(self.pool.options().get_acquire_timeout(), room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) => Err(store_failure(Error::PoolClosed)),
            Err(_) => Err(store_failure(Error::PoolTimedOut)),
        }
    }

    fn join(self: &Arc<Self>, waiting: Waiting) {
        let mut state = self.state();
        state.waiting.push_back(waiting);
        self.start_lane(&mut state);
    }

    /// Lets another lane begin if one may.
    #[allow(
        clippy::disallowed_methods,
        reason = "those who wait for the group are tracked, and wait for this task"
    )]
    fn start_lane(self: &Arc<Self>, state: &mut State) {
        if state.lanes < LANES && state.all_lanes < MOST_LANES {
            state.lanes += 1;
            state.all_lanes += 1;
            tokio::spawn(Arc::clone(self).run_lane(state.idle.pop()));
        }
    }

    async fn run_lane(self: Arc<Self>, mut link: Option<Link>) {
        let mut counted = true;
        while let Some(group) = self.next_group(&mut link, &mut counted) {
            // A panic, by whatever mistake, is the end of this group and not of all appends to come.
            let commit = AssertUnwindSafe(self.commit(link.take(), group)).catch_unwind();
            let mut commit = pin!(commit);
            let committed = if let Ok(committed) = timeout(HELD_UP, &mut commit).await {
                committed
            } else {
                self.step_aside();
                counted = false;
                commit.await
            };
            link = committed.unwrap_or_default();
        }
    }

    /// Closes the next group. `None`: there is none, or others see to it, and the lane has ended.
    fn next_group(&self, link: &mut Option<Link>, counted: &mut bool) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        if !*counted && state.lanes < LANES {
            state.lanes += 1;
            *counted = true;
        }
        let group = if *counted { state.close_group() } else { Vec::new() };
        if group.is_empty() {
            state.lanes -= usize::from(*counted);
            state.all_lanes -= 1;
            if state.idle.len() < LANES {
                state.idle.extend(link.take());
            }
            return None;
        }
        Some(group)
    }

    fn step_aside(self: &Arc<Self>) {
        let mut state = self.state();
        state.lanes -= 1;
        if !state.waiting.is_empty() {
            self.start_lane(&mut state);
        }
    }

    /// Commits a group and answers everybody in it; the connection if it can still be used.
    async fn commit(&self, link: Option<Link>, group: Vec<Waiting>) -> Option<Link> {
        let (mut items, mut replies) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for waiting in group {
            items.push(waiting.item);
            replies.push((waiting.reply, waiting.room));
        }
        let mut link = match self.ready(link).await {
            Ok(link) => link,
            Err(error) => {
                refuse(replies, error);
                return None;
            }
        };
        let answers = match timeout(ANSWERED, append(&mut link.connection, false, &items)).await {
            Ok(answers) => answers,
            Err(_) => Err(no_answer()),
        };
        link.used = Instant::now();
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) if undone(&error) && items.len() == 1 => {
                vec![Answer::Settled(Err(append_failure(error)))]
            }
            // One of them, and nobody knows which, made the statement fail: each for itself then.
            Err(error) if undone(&error) => items.iter().map(|_| Answer::Unsettled).collect(),
            Err(error) => {
                refuse(replies, error);
                return None;
            }
        };
        if answers
            .iter()
            .any(|answer| matches!(answer, Answer::Settled(Ok(_))))
        {
            self.appended.send_replace(());
        }
        for (((reply, _room), item), answer) in replies.into_iter().zip(items).zip(answers) {
            // Who was cancelled hears no answer.
            let _ = reply.send(match answer {
                Answer::Settled(outcome) => Reply::Settled(outcome),
                Answer::Unsettled => Reply::Alone(item),
            });
        }
        Some(link)
    }

    /// A connection that can be trusted with appends.
    async fn ready(&self, link: Option<Link>) -> Result<Link, Error> {
        let within = self.pool.options().get_acquire_timeout();
        if let Some(mut link) = link
            && (link.used.elapsed() < TRUSTED
                || matches!(timeout(within, link.connection.ping()).await, Ok(Ok(()))))
        {
            return Ok(link);
        }
        let options = self.pool.connect_options();
        let connect = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            enter(&mut connection).await?;
            Ok(Link {
                connection,
                used: Instant::now(),
            })
        };
        match timeout(within, connect).await {
            Ok(link) => link,
            Err(_) => Err(Error::PoolTimedOut),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes from the front what fits one transaction, without those whose caller is gone.
    fn close_group(&mut self) -> Vec<Waiting> {
        let mut group = Vec::new();
        let (mut events, mut size_bytes) = (0, 0);
        while let Some(waiting) = self.waiting.pop_front() {
            if waiting.reply.is_closed() {
                continue;
            }
            events += waiting.item.events();
            size_bytes += waiting.item.size_bytes();
            if !group.is_empty() && (events > GROUP_EVENTS || size_bytes > GROUP_BYTES) {
                self.waiting.push_front(waiting);
                break;
            }
            group.push(waiting);
        }
        group
    }
}

/// Nothing is known about the group: everybody is told the same.
fn no_answer() -> Error {
    Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "the server does not answer an append",
    ))
}

fn refuse(replies: Vec<(oneshot::Sender<Reply>, OwnedSemaphorePermit)>, error: Error) {
    let error = Arc::new(error);
    for (reply, _room) in replies {
        let _ = reply.send(Reply::Settled(Err(shared_failure(&error).into())));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;

//! The client: imports, registrations, logins by call, changed numbers, pictures, all through gRPC and all noted. It goes on
//! until it is told to stop, and ends what it has begun.

mod customer;
mod images;
mod imports;
mod login;
mod phones;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use client::{Bearer, Client};
use dev::stack::Secrets;
use kernel::{Clock as _, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::calls::{Calls, NoAnswer};
use crate::failure::Failure;
use crate::pace::pass;
use customer::Customer;

/// Customers who register and log in at the same time: each costs two password hashes.
const REGISTRARS: usize = 2;
/// Customers who change numbers and hand in pictures at the same time.
const ACTORS: usize = 3;
/// New customers that wait to register; below it the next stretch of the book is imported.
const WAITING: usize = 6;
/// Logged-in customers at most; who is over is forgotten, or nobody new would come.
const ACTIVE: usize = 24;
/// Between two commands of a worker.
const PAUSE: Duration = Duration::from_millis(15);
/// Commands of one round at most: a round whose faults do not end is ended.
const MAX_COMMANDS: usize = 20_000;
const STAFF_TOKEN_S: u32 = 3_600;

/// The client's state over all rounds.
pub(crate) struct Work<'a> {
    pub(crate) client: Client,
    pub(crate) calls: Calls<'a>,
    secrets: &'a Secrets,
    seed: u64,
    next_stretch: AtomicU32,
    next_touch: AtomicU32,
    waiting: Mutex<VecDeque<Customer>>,
    active: Mutex<VecDeque<Customer>>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(client: Client, calls: Calls<'a>, secrets: &'a Secrets, seed: u64) -> Self {
        Self {
            client,
            calls,
            secrets,
            seed,
            next_stretch: AtomicU32::new(0),
            next_touch: AtomicU32::new(0),
            waiting: Mutex::default(),
            active: Mutex::default(),
        }
    }

    /// Works until `stop`.
    pub(crate) async fn run(&self, stop: &CancellationToken) -> Result<(), Failure> {
        let end = self.calls.sent() + MAX_COMMANDS;
        let going = || !stop.is_cancelled() && self.calls.sent() < end;
        let importing = self.repeat(&going, async || self.import().await);
        let registrars = (0..REGISTRARS).map(|_| self.repeat(&going, async || self.register_one().await));
        let actors = (0..ACTORS).map(|_| self.repeat(&going, async || self.act().await));
        futures::try_join!(
            importing,
            futures::future::try_join_all(registrars),
            futures::future::try_join_all(actors),
        )?;
        Ok(())
    }

    /// Does the same again and again. What was refused, or given up, leaves the next one as good a try.
    async fn repeat(
        &self,
        going: &impl Fn() -> bool,
        step: impl AsyncFn() -> Result<(), NoAnswer>,
    ) -> Result<(), Failure> {
        while going() {
            if let Err(NoAnswer::Suite(failure)) = step().await {
                return Err(failure);
            }
            pass(PAUSE).await;
        }
        Ok(())
    }

    async fn import(&self) -> Result<(), NoAnswer> {
        let waiting = self.waiting.lock().map_or(0, |waiting| waiting.len());
        if waiting < WAITING {
            let stretch = self.next_stretch.fetch_add(1, Ordering::Relaxed);
            let new = self.import_stretch(stretch).await?;
            put(&self.waiting, new);
            return Ok(());
        }
        self.touch(self.next_touch.fetch_add(1, Ordering::Relaxed)).await
    }

    async fn register_one(&self) -> Result<(), NoAnswer> {
        let Some(mut customer) = take(&self.waiting) else {
            return Ok(());
        };
        self.register(&mut customer).await?;
        self.log_in(&mut customer).await?;
        put(&self.active, [customer]);
        Ok(())
    }

    /// One thing a logged-in customer does.
    async fn act(&self) -> Result<(), NoAnswer> {
        let Some(mut customer) = take(&self.active) else {
            return Ok(());
        };
        let done = match self.calls.below(10) {
            0..5 if !customer.scheduled => self.change_phone(&mut customer).await,
            9 => self.log_in(&mut customer).await,
            _ => self.hand_in(&customer).await,
        };
        // Tokens end, and a clock that is off ends them early: then the customer logs in again.
        let again =
            matches!(&done, Err(NoAnswer::Refused(refusal)) if refusal.code == tonic::Code::Unauthenticated);
        let kept = if again {
            self.log_in(&mut customer).await.is_ok()
        } else {
            true
        };
        let room = self.active.lock().is_ok_and(|active| active.len() < ACTIVE);
        if kept && room {
            put(&self.active, [customer]);
        }
        done
    }

    /// For calls in the name of a member of staff.
    pub(crate) fn staff(&self, id: &str, role: &str) -> Result<Bearer, Failure> {
        let now_s = SystemClock.now().as_second();
        Ok(Bearer::new(&self.secrets.staff().token(
            id,
            &[role],
            now_s,
            STAFF_TOKEN_S,
        )?))
    }
}

fn take(queue: &Mutex<VecDeque<Customer>>) -> Option<Customer> {
    queue.lock().ok()?.pop_front()
}

fn put(queue: &Mutex<VecDeque<Customer>>, customers: impl IntoIterator<Item = Customer>) {
    if let Ok(mut queue) = queue.lock() {
        queue.extend(customers);
    }
}

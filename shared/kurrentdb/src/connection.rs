//! The one connection of a store. The client library gives up for ever after a failed connect and keeps to a node that
//! went away, so a client that failed is put aside and another one built, with growing pauses; calls in between fail at
//! once instead of queueing.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use eventsourcing::StoreError;
use eventstore::{Client, Error, ReadAllOptions, StreamPosition};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::failure::{NoAnswer, connection_is_dead, store_failure};
use crate::settings::KurrentSettings;

/// The pause after the first failure, doubled up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The first version that says of a position that no record begins there, in a word that can be told from other failures;
/// the word that a subscriber has caught up is older.
const OLDEST_SERVER: (usize, usize) = (24, 2);

/// A server too old to be told apart from a broken one, or to be followed.
#[derive(Debug, thiserror::Error)]
#[error("the server is version {0}; KurrentDB or EventStoreDB {major}.{minor} or later is needed", major = OLDEST_SERVER.0, minor = OLDEST_SERVER.1)]
struct TooOld(String);

/// The client in use.
struct Slot {
    client: Client,
    /// Tells a failure of this client from a late one of the client before.
    generation: u64,
    /// Since when, and until when, no other one is built.
    aside: Option<Instant>,
    pause: Duration,
}

/// A client and which one it is.
pub(crate) struct Lent {
    pub(crate) client: Client,
    generation: u64,
}

pub(crate) struct Connection {
    settings: KurrentSettings,
    slot: Mutex<Slot>,
    connected: watch::Sender<bool>,
}

impl Connection {
    /// Builds the first client, which connects at its first call. Must be called inside a tokio runtime.
    pub(crate) fn new(settings: KurrentSettings) -> Result<Self, StoreError> {
        let client = Client::new(settings.client.clone()).map_err(store_failure)?;
        Ok(Self {
            settings,
            slot: Mutex::new(Slot {
                client,
                generation: 0,
                aside: None,
                pause: SHORTEST_PAUSE,
            }),
            connected: watch::Sender::new(true),
        })
    }

    pub(crate) const fn deadline(&self) -> Duration {
        self.settings.deadline
    }

    /// Whether the last call reached the server, now and from now on.
    pub(crate) fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    /// A client that has not failed yet; a new one where the last has, and its pause is over.
    pub(crate) fn lend(&self) -> Result<Lent, StoreError> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = slot.aside {
            if Instant::now() < until {
                return Err(StoreError::Unavailable(
                    "KurrentDB is being reconnected to".into(),
                ));
            }
            slot.client = Client::new(self.settings.client.clone()).map_err(store_failure)?;
            slot.generation += 1;
            slot.aside = None;
        }
        Ok(Lent {
            client: slot.client.clone(),
            generation: slot.generation,
        })
    }

    /// One call with a deadline, its failure noted.
    pub(crate) async fn call<T, F>(&self, call: impl FnOnce(Client) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let lent = self.lend().map_err(CallError::Store)?;
        let deadline = self.deadline();
        match timeout(deadline, call(lent.client.clone())).await {
            Ok(Ok(answer)) => {
                self.succeeded(&lent);
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.failed(&lent, &error);
                Err(CallError::Answer(error))
            }
            Err(_) => {
                self.put_aside(&lent);
                Err(CallError::Store(StoreError::Unavailable(Box::new(NoAnswer(
                    deadline,
                )))))
            }
        }
    }

    /// Asks the server for its version and for the end of its log, which every reader needs the right to read.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        let version = self
            .call(async |client| {
                let version = client.server_info().await?.version();
                let newest = ReadAllOptions::default()
                    .position(StreamPosition::End)
                    .max_count(1);
                client.read_all(&newest).await?.next().await?;
                Ok(version)
            })
            .await
            .map_err(StoreError::from)?;
        if version < OLDEST_SERVER {
            return Err(StoreError::Refused(Box::new(TooOld(version.to_string()))));
        }
        Ok(())
    }

    pub(crate) fn succeeded(&self, lent: &Lent) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.generation == lent.generation && slot.aside.is_none() {
            slot.pause = SHORTEST_PAUSE;
            self.say(true);
        }
    }

    /// A refusal is an answer: only a connection that failed is put aside.
    pub(crate) fn failed(&self, lent: &Lent, error: &Error) {
        if connection_is_dead(error) {
            self.put_aside(lent);
        } else {
            self.succeeded(lent);
        }
    }

    pub(crate) fn put_aside(&self, lent: &Lent) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.generation != lent.generation || slot.aside.is_some() {
            return;
        }
        slot.aside = Some(Instant::now() + slot.pause);
        slot.pause = LONGEST_PAUSE.min(slot.pause * 2);
        self.say(false);
    }

    fn say(&self, connected: bool) {
        let changed = self
            .connected
            .send_if_modified(|now| std::mem::replace(now, connected) != connected);
        match (changed, connected) {
            (true, true) => tracing::info!("connected to KurrentDB"),
            (true, false) => tracing::warn!("the connection to KurrentDB is lost; a new one is being made"),
            (false, _) => {}
        }
    }
}

/// Why a call gave no answer of the kind asked for.
pub(crate) enum CallError {
    /// The library's word, for whoever finds a meaning in it.
    Answer(Error),
    /// There was no client, or no answer in time.
    Store(StoreError),
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Answer(error) => store_failure(error),
            CallError::Store(error) => error,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    /// Never called: nothing is asked of a server here.
    fn connection() -> Connection {
        Connection::new(KurrentSettings::parse("esdb://127.0.0.1:1?tls=false").unwrap()).unwrap()
    }

    impl Connection {
        fn with_slot<T>(&self, change: impl FnOnce(&mut Slot) -> T) -> T {
            change(&mut self.slot.lock().unwrap())
        }

        fn pause_is_over(&self) {
            self.with_slot(|slot| slot.aside = Some(Instant::now()));
        }
    }

    #[tokio::test]
    async fn a_client_that_failed_is_lent_no_more_and_another_one_when_its_pause_is_over() {
        let connection = connection();
        let connected = connection.connected();
        let first = connection.lend().unwrap();
        let before = Instant::now();
        connection.failed(&first, &Error::ConnectionClosed);
        assert!(!*connected.borrow());
        let until = connection.with_slot(|slot| slot.aside.replace(Instant::now() + LONG));
        assert!(until.unwrap() >= before + SHORTEST_PAUSE);
        assert!(connection.lend().is_err());

        connection.pause_is_over();
        let second = connection.lend().unwrap();
        assert_ne!(second.generation, first.generation);
        // What is heard of the first one now says nothing about the second.
        connection.succeeded(&first);
        assert!(!*connected.borrow());
        connection.succeeded(&second);
        assert!(*connected.borrow());
        connection.failed(&first, &Error::ConnectionClosed);
        assert!(*connected.borrow());
        assert_eq!(connection.lend().unwrap().generation, second.generation);
    }

    #[tokio::test]
    async fn a_client_put_aside_is_not_put_aside_again_nor_in_use_for_what_comes_late() {
        let connection = connection();
        let lent = connection.lend().unwrap();
        connection.put_aside(&lent);
        let pause = connection.with_slot(|slot| slot.pause);
        connection.put_aside(&lent);
        connection.succeeded(&lent);
        assert_eq!(connection.with_slot(|slot| slot.pause), pause);
        assert!(!*connection.connected().borrow());
    }

    #[tokio::test]
    async fn pauses_grow_up_to_the_longest_and_are_short_again_after_a_success() {
        let connection = connection();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let lent = connection.lend().unwrap();
            connection.put_aside(&lent);
            pauses.push(connection.with_slot(|slot| slot.pause.as_millis()));
            connection.pause_is_over();
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
        let lent = connection.lend().unwrap();
        connection.succeeded(&lent);
        assert_eq!(connection.with_slot(|slot| slot.pause), SHORTEST_PAUSE);
    }

    #[tokio::test]
    async fn only_a_change_is_told() {
        let connection = connection();
        let mut connected = connection.connected();
        let lent = connection.lend().unwrap();
        connection.succeeded(&lent);
        assert!(!connected.has_changed().unwrap());
        connection.failed(&lent, &Error::AccessDenied);
        assert!(!connected.has_changed().unwrap(), "a refusal is an answer");
        connection.put_aside(&lent);
        assert!(!*connected.borrow_and_update());
    }
}

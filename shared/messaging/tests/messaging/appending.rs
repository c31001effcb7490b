//! How the service that counts appends its events.

use std::sync::atomic::Ordering;

use eventsourcing::{AppendError, Expected, StreamName};
use testkit::wait_for;
use uuid::Uuid;

use crate::tally::{DEADLINE, Event, SOURCE, new_event, random};
use crate::world::World;

impl World {
    /// Appends `events` events, every third of them not public.
    pub(crate) async fn append(&self, events: u64) {
        for _ in 0..events {
            let number = self.counted.fetch_add(1, Ordering::SeqCst);
            let event = if number % 3 == 2 {
                Event::Noted {}
            } else {
                Event::Counted { number, about: None }
            };
            self.append_one(number, event).await;
        }
    }

    /// Appends one published event for each of `entities`; gives their numbers.
    pub(crate) async fn append_about(&self, entities: &[Uuid]) -> Vec<u64> {
        let mut numbers = Vec::with_capacity(entities.len());
        for entity in entities {
            let number = self.counted.fetch_add(1, Ordering::SeqCst);
            let about = Some(*entity);
            self.append_one(number, Event::Counted { number, about }).await;
            numbers.push(number);
        }
        numbers
    }

    /// Appends one published event whose payload tells nothing.
    pub(crate) async fn append_garbled(&self) {
        let number = self.counted.fetch_add(1, Ordering::SeqCst);
        self.append_one(number, Event::Garbled {}).await;
    }

    /// An event about `entity` that no message can carry.
    pub(crate) async fn append_too_large(&self, about: Uuid) -> u64 {
        let number = self.counted.fetch_add(1, Ordering::SeqCst);
        self.append_one(number, Event::Overflowed { number, about }).await;
        number
    }

    /// An event whose message is large.
    pub(crate) async fn append_grown(&self) {
        let number = self.counted.fetch_add(1, Ordering::SeqCst);
        self.append_one(number, Event::Grown {}).await;
    }

    /// Appends so many events to one stream at once, published ones or others.
    pub(crate) async fn append_at_once(&self, events: u64, published: bool) {
        let batch = (0..events).map(|_| {
            let number = self.counted.fetch_add(1, Ordering::SeqCst);
            let event = if published {
                Event::Counted { number, about: None }
            } else {
                Event::Noted {}
            };
            new_event(number, &event)
        });
        let stream = StreamName::new(SOURCE, "tally", random());
        let append = self.store.append(&stream, Expected::NoStream, batch.collect());
        append.await.unwrap();
        self.stored.fetch_add(events, Ordering::SeqCst);
    }

    async fn append_one(&self, number: u64, event: Event) {
        let event = new_event(number, &event);
        let stream = StreamName::new(SOURCE, "tally", random());
        // Repeated as a client would whose connection was cut.
        wait_for("the event to be appended", DEADLINE, async || {
            let append = self
                .store
                .append(&stream, Expected::NoStream, vec![event.clone()]);
            match append.await {
                Ok(_) | Err(AppendError::Duplicate) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await;
        self.stored.fetch_add(1, Ordering::SeqCst);
    }
}

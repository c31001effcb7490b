//! The whole service on real PostgreSQL and NATS, listening to four stand-ins whose events are made here by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod any_content;
mod audit;
mod book;
mod consistency;
mod contracts_view;
mod erased;
mod erasure;
mod history;
mod parking;
mod pictures;
mod queue;
mod rebuild;
mod reminders;
mod restored;
mod staff;
mod submissions;
mod world;

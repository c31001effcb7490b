//! The whole service on real PostgreSQL and NATS, started in process on a port of the system's choice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod book;
mod changes;
mod erasure;
mod events;
mod fixtures;
mod imports;
mod mistakes;
mod refusals;
mod walk;
mod world;

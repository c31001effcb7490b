//! The runtime against a real PostgreSQL, with a probe for a service.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "../probe/mod.rs"]
mod probe;

mod callers;
mod client_address;
mod configuration;
mod counter;
mod door;
mod errors;
mod event_store;
mod imports;
mod lifecycle;
mod loops;
mod neighbours;
mod parking;
mod protocol;
mod raw;
mod request_keys;
mod staff_tokens;
mod walk;
mod walls;

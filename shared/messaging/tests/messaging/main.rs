//! Relay, subscription and feed against real PostgreSQL and NATS: whatever happens to the transport, a consumer ends
//! equal to a replay of the source's store, each event applied once and in order.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod appending;
mod divergence;
mod exclusive;
mod feed;
mod flow;
mod gate;
mod handover;
mod kurrentdb;
mod ledger;
mod parking;
#[allow(dead_code, reason = "another test binary uses all of it")]
mod pen;
mod refill;
mod replay;
mod running;
mod set_aside;
mod tally;
mod transport_loss;
mod world;

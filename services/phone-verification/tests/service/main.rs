//! The service as a whole, on real PostgreSQL and NATS: numbers come from an endorsement by NATS, login tokens are signed
//! by an identity, calls are reported by a carrier.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking; a test binary has no outside"
)]

mod calls;
mod erasure;
mod households;
mod kill;
mod numbers;
mod opening;
mod quotas;
mod world;

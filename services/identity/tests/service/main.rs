//! The whole service against real PostgreSQL and NATS. Endorsement and phone verification are stand-ins that publish
//! through the same relay, so what identity hears comes the way it does in production.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod asking;
mod crash;
mod enumeration;
mod erasure;
mod erasure_crash;
mod erasure_walk;
mod forged;
mod holding;
mod import;
mod keyring;
mod login;
mod mistakes;
mod refresh;
mod registration;
mod session;
mod signing_keys;
mod throttle;
mod walk;
mod world;

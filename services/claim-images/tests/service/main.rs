//! The whole service on real PostgreSQL and NATS with real photographs, started in process on a port of the system's
//! choice; pictures are decoded by the real program as a child.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod breakage;
mod callers;
mod custody;
mod derivatives;
mod erasure;
mod imports;
mod journey;
mod judging;
mod kills;
#[path = "../mutants/mod.rs"]
mod mutants;
mod mutated;
mod quotas;
mod refusals;
mod resuming;
mod walk;
mod world;

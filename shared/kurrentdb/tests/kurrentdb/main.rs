//! The KurrentDB backend: what every store must do, on the server in process or on the real one that `KURRENTDB_URL` names;
//! and what only the one in process can be told to do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod backend;
mod contract;
mod faults;
mod foreign;
mod repository;

//! What every backend of the event store must do, and a repository over it: scenarios over the trait alone. Each backend's
//! tests name them by the two macros below, and use what else is here for tests of their own.
#![warn(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "tests are made of it, and a test fails by panicking"
)]

pub mod backend;
pub mod checker;
#[allow(missing_docs, reason = "a scenario's name says all there is to say")]
pub mod contract;
pub mod drill;
pub mod following;
#[allow(missing_docs, reason = "a scenario's name says all there is to say")]
pub mod repository;
mod scenarios;
pub mod stage;

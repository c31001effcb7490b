//! The event store and the repository against real servers. One program, so that its tests share one server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod backend;
mod bounded;
mod cancelled;
mod contract;
mod crowd;
mod group;
mod order;
mod repository;
mod restore;
mod scene;
mod unavailable;
mod unique;
mod wild;

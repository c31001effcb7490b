//! The invariants of the layout, checked on the dependency graph and on the syntax of the sources, so that a shortcut fails
//! here and not in review.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod circles;
mod crates;
mod domains;
mod layout;
mod modules;
mod paths;
mod sizes;
mod workspace;

//! What several services must say alike, asked of each of them: the services run in this process, on private servers, by one
//! clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod login_number;
mod signing_keys;
mod trio;

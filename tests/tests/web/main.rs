//! The customers' pages against the real services, as a browser without script meets them. They rely on the programs having
//! been built (`make build`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod accidents;
mod browser;
mod change;
mod login;
mod pages;
mod photos;
mod register;
mod security;
mod sessions;
#[path = "../system/setup.rs"]
#[allow(dead_code, reason = "the journey is not played here")]
mod setup;
mod stage;

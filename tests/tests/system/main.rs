//! Tests of the whole: every service as a process of its own, as `make run` starts them. They rely on the programs having
//! been built (`make build`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod backup;
mod bus;
mod cases;
mod example;
mod floods;
mod haystack;
mod import_files;
mod import_fuzz;
mod import_rows;
mod journey;
mod kill;
mod kurrentdb;
mod plaintext;
mod rebuild;
mod rest;
mod restored;
mod roles;
mod setup;
mod trace;
mod unreadable;

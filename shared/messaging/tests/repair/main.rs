//! Every case of docs/adr/0013's table: what is broken, the cause that is counted, the line that is logged, and a consumer
//! that ends equal to a replay of its source. One at a time, because counters and lines are the process's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    dead_code,
    reason = "the world is shared with another test binary, neither uses all of it"
)]

#[path = "../messaging/appending.rs"]
mod appending;
#[path = "../messaging/gate.rs"]
mod gate;
#[path = "../messaging/ledger.rs"]
mod ledger;
mod observed;
#[path = "../messaging/pen.rs"]
mod pen;
#[path = "../messaging/running.rs"]
mod running;
#[path = "../messaging/tally.rs"]
mod tally;
#[path = "../messaging/world.rs"]
mod world;

mod forged;
mod keys;
mod reading;
mod sending;
mod server;
mod standby;

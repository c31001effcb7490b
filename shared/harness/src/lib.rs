//! A service in process with its world, for the services' own tests: databases, a prefix on NATS, a clock, settings,
//! stand-ins for its neighbours, and callers with real tokens. A dev-dependency everywhere; on its errors it panics.
#![warn(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking, and only tests use this"
)]

mod callers;
mod carried;
mod forged;
mod instance;
mod refusals;
mod seal;
mod settings;
mod stand_in;
mod tested;
mod world;

pub use callers::{access_token, bearing, in_language, login_token};
pub use carried::assert_whatever_is_stored_fits_a_message;
pub use instance::Instance;
pub use refusals::{assert_refused, reason, violations};
pub use seal::{Seal, phones};
pub use settings::{MASTER_KEY, PEPPER, Settings, secret_of};
pub use stand_in::StandIn;
pub use tested::Tested;
pub use world::{STAFF, World};

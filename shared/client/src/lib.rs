//! What a program needs to talk to the services as their callers do: typed clients with deadlines, refusals decoded, the
//! flows log in, change and hand in, the core system's files and their import. Prints nothing, keeps no session.
#![warn(missing_docs)]

mod address;
mod bearer;
pub mod change;
mod connection;
pub mod files;
pub mod import;
pub mod login;
mod refusal;
mod request_id;
mod services;
mod upload;
pub mod wait;

pub use address::{Address, AddressError, SERVICES};
pub use bearer::{Bearer, Language};
pub use connection::Connection;
pub use refusal::{Refusal, Violation, answered};
pub use request_id::request_id;
pub use services::{Client, ParkingAdmin, SetAsideAdmin};
pub use upload::{CHUNK_BYTES, Upload, UploadSource, send as send_submission};

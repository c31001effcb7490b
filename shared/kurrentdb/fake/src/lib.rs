//! A KurrentDB in process: as much of the wire as our backend uses, for machines where no real one can be had. It takes and
//! refuses appends by the rules of the real server, gives positions that are no numbers in a row, keeps records of its
//! own between ours, and can be told to fail: refuse, fall silent, cut in the middle, tell a wrong revision, and repeat an
//! event after a reconnect. What it does not do it refuses as UNIMPLEMENTED; what it cannot show is in docs/adr/0011.
#![warn(missing_docs)]

mod calls;
mod connections;
mod environment;
mod expectation;
mod faults;
mod log;
mod metadata;
mod node;
mod reading;
mod render;
mod server;
mod subscription;
mod wire;

pub use environment::{KURRENTDB_URL_VARIABLE, real_url};
pub use faults::Cut;
pub use server::{KurrentDb, KurrentDbOptions};

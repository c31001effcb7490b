//! Runs: a second generation of the tables is filled from the feeds while the first serves, compared with it, and takes its
//! place (a rebuild) or is thrown away (an audit). Everything a run needs to go on after a crash is in the database.

mod compare;
mod fill;
mod registry;
mod worker;

pub(crate) use registry::{Begun, Comparison, Kind, Registry, Run};
pub(crate) use worker::Worker;

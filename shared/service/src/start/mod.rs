//! From the command line to a serving process and to its end.

pub(crate) mod database;
mod event_store;
mod help;
pub(crate) mod in_process;
pub(crate) mod keyring;
pub(crate) mod lifecycle;
mod nats;
pub(crate) mod program;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod telemetry;

//! gRPC in and out: who is admitted, what a handler works with, how an answer and an error read, how others are called.

mod access;
pub(crate) mod admission;
mod body;
pub(crate) mod client_address;
pub(crate) mod command;
mod connections;
pub(crate) mod consistency;
pub(crate) mod context;
pub(crate) mod identity_keys;
pub(crate) mod messages;
mod negotiation;
pub(crate) mod paging;
pub(crate) mod parking;
pub(crate) mod peers;
pub(crate) mod problem;
pub(crate) mod request_body;
mod rooms;
pub(crate) mod scope;
pub(crate) mod served;
pub(crate) mod server;
pub(crate) mod settings;
pub(crate) mod shown;
mod stalled;
pub(crate) mod status;
mod timeout;
pub(crate) mod trace;

//! Configuration: reading it key by key, what must not be printed, and what is wrong at the start.

pub mod keys;
pub(crate) mod secret;
pub(crate) mod start_error;

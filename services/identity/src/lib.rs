//! Identity: registers policyholders, logs them in with a phone call as second factor, issues the tokens other services
//! accept.

pub mod domain;

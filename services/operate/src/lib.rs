//! What operators run on a deployment, whoever started it: `madoguchi-operate`. Knows a deployment by the services' settings
//! files, by their addresses and by a staff token, and by nothing else.

pub mod backup;
pub mod cli;
pub mod deployment;
mod failure;
pub mod housekeeping;
mod output;

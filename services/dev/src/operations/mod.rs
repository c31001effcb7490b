//! What operators do to the databases and files of a deployment, their own or that of `make run`: told apart by the
//! services' settings files alone. docs/operations.md says when to do what.

pub mod backup;
pub mod housekeeping;
mod places;

pub use places::{Places, PlacesError};

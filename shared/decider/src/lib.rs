//! The words a domain is written in: the decider, a rejection in the caller's terms, and how deciders and their events are
//! tested. Pure: with `kernel` and `rulebook` all that a domain sees.
#![warn(missing_docs)]

mod classify;
#[cfg(feature = "database")]
pub mod database;
mod decider;
pub mod event_type;
pub mod fixtures;
mod problem;
mod row_order;
pub mod specification;
mod violations;

pub use classify::{Blame, Class, Classify, Defect};
pub use decider::Decider;
pub use event_type::event_types;
pub use problem::{Explain, FieldViolation, Problem, ProblemKind};
pub use row_order::{AsOf, OutOfOrder};
pub use violations::Violations;

//! The generations of the view tables (docs/adr/0014) and the runs that fill them: a second generation is filled from the feeds
//! while the first serves, compared with it, and takes its place (a rebuild) or is thrown away (an audit). Everything a run
//! needs to go on after a crash is in the database.

pub(crate) mod admin;
mod compare;
mod fill;
pub(crate) mod freshness;
pub(crate) mod generation;
pub(crate) mod registry;
pub(crate) mod restored;
pub(crate) mod worker;

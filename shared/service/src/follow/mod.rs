//! What a service follows: its own events, its deadlines, other services' events. Nothing runs until the start has
//! returned.

pub(crate) mod deadlines;
pub(crate) mod erasure;
pub(crate) mod reaction;
pub(crate) mod set_aside;
pub(crate) mod set_aside_admin;
pub(crate) mod wiring;

//! What comes in: connections, who asks, forms, and requests of other sites, which are refused.

pub(crate) mod cross_site;
pub(crate) mod form;
pub(crate) mod listener;
pub(crate) mod visitor;

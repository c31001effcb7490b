//! What surrounds every page: the listener, the visitor, the headers, the refusal of cross-site requests.

pub(crate) mod cross_site;
pub(crate) mod form;
pub(crate) mod frame;
pub(crate) mod listener;
pub(crate) mod visitor;

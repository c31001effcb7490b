//! What still breaks a rule. Nothing is ever added here; what is mended is taken out, and the lists go when they are empty.

/// The beginnings of circles as the test tells them.
pub(crate) const CIRCLES: [&str; 0] = [];

/// Programs whose root is used from inside.
pub(crate) const ROOT: [&str; 0] = [];

/// Files over the limit.
pub(crate) const FILES: [&str; 0] = [];

/// Functions over the limit, by file and name.
pub(crate) const FUNCTIONS: [(&str, &str); 0] = [];

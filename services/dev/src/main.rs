//! The `madoguchi` program.
fn main() {}

//! Only tests: see `tests/architecture`.

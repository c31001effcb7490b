//! Nothing to call: the tests are under `tests/`.

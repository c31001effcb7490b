//! The contract of every store, on KurrentDB.

store_suite::contract_tests!(crate::backend::Kurrent);

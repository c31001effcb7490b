//! The contract of every store, on PostgreSQL.

store_suite::contract_tests!(crate::backend::Postgres);

//! What a repository must do over any store, on PostgreSQL.

store_suite::repository_tests!(crate::backend::Postgres);

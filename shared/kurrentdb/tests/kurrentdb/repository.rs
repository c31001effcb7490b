//! What a repository must do over any store, on KurrentDB.

store_suite::repository_tests!(crate::backend::Kurrent);

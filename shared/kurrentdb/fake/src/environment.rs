//! The one environment variable that tests of this event store listen to: they have no configuration file.

/// Connection string of a KurrentDB; when set, tests use it and start none in process.
pub const KURRENTDB_URL_VARIABLE: &str = "KURRENTDB_URL";

/// The real server that tests are to use instead of one in process, if one is named; an empty name counts as none.
#[allow(
    clippy::disallowed_methods,
    reason = "the one place here that reads the environment"
)]
pub fn real_url() -> Option<String> {
    std::env::var(KURRENTDB_URL_VARIABLE)
        .ok()
        .filter(|url| !url.is_empty())
}

//! The environment variables the testkit listens to, read here and nowhere else: tests have no configuration file.

/// URL of a PostgreSQL server whose user may create databases; when set, tests use it and start none.
pub const POSTGRES_URL_VARIABLE: &str = "MADOGUCHI_TEST_POSTGRES_URL";
/// URL of a NATS server with JetStream; when set, tests use it and start none.
pub const NATS_URL_VARIABLE: &str = "MADOGUCHI_TEST_NATS_URL";
/// Folder of `initdb` and `postgres`, for installations in unusual places.
pub(crate) const POSTGRES_BIN_VARIABLE: &str = "PG_BIN";
/// Path of the `nats-server` program, for installations in unusual places.
pub(crate) const NATS_SERVER_VARIABLE: &str = "NATS_SERVER";

/// The value of a variable; an empty one counts as unset.
#[allow(
    clippy::disallowed_methods,
    reason = "the testkit's one place that reads the environment"
)]
pub(crate) fn read(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// How much a long test does: what the variable says, or what is enough in passing.
///
/// # Panics
///
/// Where the variable is no number.
#[must_use]
pub fn length_of_run(variable: &str, in_passing: u32) -> u32 {
    read(variable).map_or(in_passing, |value| {
        value
            .parse()
            .unwrap_or_else(|error| panic!("{variable}={value}: {error}"))
    })
}

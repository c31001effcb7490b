//! A rejection in the caller's terms. Texts for people are found by the reason at the edge; here are only codes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Why a request was refused, for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The class of problem; decides the status code.
    pub kind: ProblemKind,
    /// `UPPER_SNAKE`, stable; key of the localized message.
    pub reason: &'static str,
    /// Values the message is rendered with. Never personal.
    pub metadata: BTreeMap<&'static str, String>,
    /// Which fields of the request are wrong.
    pub violations: Vec<FieldViolation>,
    /// How many more are wrong than are named there.
    pub more_violations: usize,
    /// When the same request may succeed, where waiting helps.
    pub retry_after: Option<Duration>,
}

/// The classes of problems, named as gRPC names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The request is malformed whatever the state.
    InvalidArgument,
    /// The state does not allow it.
    FailedPrecondition,
    /// There is no such thing for this caller.
    NotFound,
    /// It is there already, otherwise.
    AlreadyExists,
    /// This caller may not.
    PermissionDenied,
    /// Nobody known is calling.
    Unauthenticated,
    /// Too many, too fast.
    ResourceExhausted,
    /// Somebody else was quicker; the request can be repeated.
    Aborted,
    /// Not now.
    Unavailable,
}

/// One field of the request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request message, such as `phones[0].number`.
    pub field: String,
    /// `UPPER_SNAKE` reason or rule.
    pub reason: &'static str,
    /// What the text of this reason is rendered with, before the problem's metadata: the limit that was passed. Never
    /// personal.
    pub facts: BTreeMap<&'static str, String>,
}

impl FieldViolation {
    /// A field and what is wrong with it.
    pub fn new(field: impl Into<String>, reason: &'static str) -> Self {
        Self {
            field: field.into(),
            reason,
            facts: BTreeMap::new(),
        }
    }

    /// Adds a value for the text.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.facts.insert(key, value.into());
        self
    }
}

/// An error that can be told to the caller.
pub trait Explain: std::error::Error + Send + Sync + 'static {
    /// The error in the caller's terms.
    fn explain(&self) -> Problem;
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for Problem {}

impl Explain for Problem {
    fn explain(&self) -> Problem {
        self.clone()
    }
}

impl Problem {
    /// A problem without details.
    pub const fn new(kind: ProblemKind, reason: &'static str) -> Self {
        Self {
            kind,
            reason,
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            more_violations: 0,
            retry_after: None,
        }
    }

    /// One wrong field of the request.
    pub fn invalid(field: impl Into<String>, reason: &'static str) -> Self {
        Self::new(ProblemKind::InvalidArgument, "INVALID_ARGUMENT").field(field, reason)
    }

    /// Adds a value for the message.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.metadata.insert(key, value.into());
        self
    }

    /// Adds several facts.
    #[must_use]
    pub fn with_all(mut self, facts: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.metadata.extend(facts);
        self
    }

    /// Adds a wrong field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, reason: &'static str) -> Self {
        self.violations.push(FieldViolation::new(field, reason));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

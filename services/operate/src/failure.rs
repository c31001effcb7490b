//! Why a command did not do what was asked: told once, with what to do, and as the program's exit code.

use std::process::ExitCode;

use client::Refusal;
use client::files::FileError;
use client::import::ImportError;
use serde::Serialize;

use crate::backup::BackupError;
use crate::deployment::{DeploymentError, PlacesError};
use crate::housekeeping::HousekeepingError;

/// What kind of failure it is; documented in `--help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The command was done, and what it found wants somebody.
    Found,
    /// What was typed, or a file or variable that was named, is not right.
    Usage,
    /// A service refused: the token does not allow it, there is no such thing, it is not the time for it.
    Refused,
    /// A service, or what it stands on, is away: the same again may succeed.
    Unavailable,
    /// Databases or files are not as they must be.
    Failed,
}

impl Kind {
    const fn exit_code(self) -> u8 {
        match self {
            Self::Found => 1,
            // What clap ends with as well.
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unavailable => 4,
            Self::Failed => 5,
        }
    }
}

/// For `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done
  1  done, and what was found wants somebody: rows differ, messages failed again, rows of a file were refused
  2  what was typed, a file or a variable is not right; nothing was done
  3  a service refused: the token does not allow it, there is no such thing, it is not the time for it
  4  a service or a database is away: the same command again may succeed, and has one effect
  5  databases or files are not as they must be; the message says what to do";

/// A failure, with what to do about it where that is known.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// `UPPER_SNAKE`, where a service gave one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) hint: &'static str,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reason: String::new(),
            hint: "",
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    #[must_use]
    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.exit_code())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if self.hint.is_empty() {
            Ok(())
        } else {
            write!(f, "\n  {}", self.hint)
        }
    }
}

/// The whole chain: a database's own words are in the last one.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        use tonic::Code;
        let (kind, hint) = match refusal.code {
            Code::Unauthenticated => (
                Kind::Refused,
                "name a staff token that has not expired: --token-file FILE, or MADOGUCHI_TOKEN",
            ),
            Code::PermissionDenied => (
                Kind::Refused,
                "the token's roles do not allow it; docs/operations.md says whose command it is",
            ),
            _ if refusal.is_transient() => (
                Kind::Unavailable,
                "look whether the service runs and its address is right, then do the same again",
            ),
            Code::Internal | Code::Unknown | Code::DataLoss => (
                Kind::Failed,
                "a fault of the service: its log has the cause, under the time of this call",
            ),
            _ => (Kind::Refused, ""),
        };
        Self {
            kind,
            message: refusal.to_string(),
            reason: refusal.reason,
            hint,
        }
    }
}

impl From<DeploymentError> for Failure {
    fn from(error: DeploymentError) -> Self {
        Self::usage(chain(&error))
    }
}

impl From<PlacesError> for Failure {
    fn from(error: PlacesError) -> Self {
        Self::usage(chain(&error))
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let kind = match &error {
            BackupError::Unmatched { .. } | BackupError::Url { .. } | BackupError::NotEmpty { .. } => {
                Kind::Usage
            }
            BackupError::NoPause { .. } => Kind::Unavailable,
            BackupError::Database { source, .. } => of_database(source),
            _ => Kind::Failed,
        };
        Self::new(kind, chain(&error))
    }
}

impl From<HousekeepingError> for Failure {
    fn from(error: HousekeepingError) -> Self {
        let kind = match &error {
            HousekeepingError::Busy { .. } => Kind::Unavailable,
            HousekeepingError::Database { source, .. } => of_database(source),
            _ => Kind::Failed,
        };
        Self::new(kind, chain(&error)).hint("what was done stays done; run it again at any time")
    }
}

const fn of_database(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => Kind::Unavailable,
        _ => Kind::Failed,
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Refused { file, refusal } => {
                let failure = Self::from(*refusal);
                Self {
                    message: format!("{file}: {}", failure.message),
                    ..failure
                }
            }
            ImportError::Stuck { .. } => Self::new(Kind::Unavailable, chain(&error)),
            ImportError::Content(FileError::Count { .. })
            | ImportError::Count { .. }
            | ImportError::Answer { .. } => Self::new(Kind::Failed, chain(&error)),
            ImportError::Content(_) | ImportError::State { .. } => Self::usage(chain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    fn of(status: Status) -> Failure {
        Failure::from(Refusal::from(status))
    }

    #[test]
    fn what_a_service_answers_becomes_an_exit_code_and_says_what_to_do() {
        let away = of(Status::unavailable("views at http://a:1: connection refused"));
        assert_eq!(away.kind, Kind::Unavailable);
        assert!(away.to_string().contains("views at http://a:1") && !away.hint.is_empty());
        assert_eq!(of(Status::deadline_exceeded("")).kind, Kind::Unavailable);
        let unknown = of(Status::unauthenticated(""));
        assert!(unknown.kind == Kind::Refused && unknown.hint.contains("--token-file"));
        assert_eq!(of(Status::permission_denied("")).kind, Kind::Refused);
        assert_eq!(of(Status::not_found("")).kind, Kind::Refused);
        assert_eq!(of(Status::data_loss("")).kind, Kind::Failed);
    }

    #[test]
    fn every_exit_code_is_documented() {
        for kind in [
            Kind::Found,
            Kind::Usage,
            Kind::Refused,
            Kind::Unavailable,
            Kind::Failed,
        ] {
            let line = format!("\n  {}  ", kind.exit_code());
            assert!(EXIT_CODES.contains(&line), "{kind:?}");
        }
    }
}

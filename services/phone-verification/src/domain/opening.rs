//! Why a challenge is not opened, and what the customer is told (PV-3, PV-9). Texts are in `messages.toml`.

use std::time::Duration;

use decider::{Explain, Problem, ProblemKind};

use rulebook::Contact;

/// A challenge that was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpeningRejection {
    /// No number counts at this instant (PV-3): only people can help.
    #[error("the account has no usable number")]
    NoUsableNumber { contact: Box<Contact> },
    /// As many challenges as may be are open for one of the caller numbers (PV-9).
    #[error("too many challenges are open for one of the numbers")]
    TooManyChallenges {
        /// When one of them ends at the latest.
        retry_after: Duration,
    },
    /// On every line a challenge of one of the numbers is open already (PV-8).
    #[error("no line is free for these numbers")]
    LinesBusy {
        /// When the first of them ends at the latest.
        retry_after: Duration,
    },
    /// The login has opened as many challenges as it may (PV-9).
    #[error("the login has opened {max} challenges")]
    LoginUsedUp { max: u32 },
    /// The login has opened one a moment ago (PV-9).
    #[error("the login has opened a challenge just now")]
    OpenedJustNow {
        /// When it may open the next one.
        retry_after: Duration,
    },
    /// A newer login of the account has a challenge (PV-9).
    #[error("a newer login of the account has a challenge")]
    LoginSuperseded,
    /// There is no such challenge for this login.
    #[error("the login has no such challenge")]
    ChallengeNotFound,
}

impl Explain for OpeningRejection {
    fn explain(&self) -> Problem {
        use ProblemKind::{FailedPrecondition, NotFound, ResourceExhausted};
        match self {
            Self::NoUsableNumber { contact } => {
                Problem::new(FailedPrecondition, "NO_USABLE_NUMBER").with_all(contact.facts())
            }
            Self::TooManyChallenges { retry_after } => waiting(
                Problem::new(ResourceExhausted, "TOO_MANY_CHALLENGES"),
                *retry_after,
            ),
            Self::LinesBusy { retry_after } => {
                waiting(Problem::new(ResourceExhausted, "LINES_BUSY"), *retry_after)
            }
            Self::LoginUsedUp { max } => {
                Problem::new(ResourceExhausted, "LOGIN_USED_UP").with("max", max.to_string())
            }
            Self::OpenedJustNow { retry_after } => waiting(
                Problem::new(ResourceExhausted, "CHALLENGE_OPENED_JUST_NOW"),
                *retry_after,
            ),
            Self::LoginSuperseded => Problem::new(FailedPrecondition, "LOGIN_SUPERSEDED"),
            Self::ChallengeNotFound => Problem::new(NotFound, "CHALLENGE_NOT_FOUND"),
        }
    }
}

fn waiting(problem: Problem, retry_after: Duration) -> Problem {
    problem
        .with("retry_after_s", retry_after.as_secs().to_string())
        .retry_after(retry_after)
}

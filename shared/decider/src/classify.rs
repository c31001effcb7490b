//! What a failure means, said once per error: to a caller, to a reaction and to a message alike. Whoever consumes it decides
//! what follows (a status, another try, parking), never what the error means.

use std::time::Duration;

use crate::problem::{Explain, Problem, ProblemKind};

/// How long a caller is asked to wait when something the call needs is away.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(2);

/// What a failure means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// What was asked is refused, and asking again gets the same answer while the state stays.
    Refused(Problem),
    /// A transient failure: the same may succeed later, unchanged.
    Unavailable(Problem),
    /// Waiting does not help.
    Defect(Defect),
}

/// A failure that waiting does not mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What has to be mended.
    pub blame: Blame,
    /// What a caller is told of it; nothing but that it happened where this is empty.
    pub told: Option<Problem>,
}

/// What has to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// What is stored or was sent cannot be used, by nobody.
    Content,
    /// The deployment or the program: a missing right, a key that is not configured, a mistake of ours. The content may be
    /// good, so a message is not parked for it.
    Ours,
}

/// An error that says what it means.
pub trait Classify: std::error::Error + Send + Sync + 'static {
    /// What it means.
    fn classify(&self) -> Class;
}

/// A rejection is an answer.
impl<E: Explain> Classify for E {
    fn classify(&self) -> Class {
        Class::Refused(self.explain())
    }
}

impl Class {
    /// Something that is needed is away.
    pub fn unavailable() -> Self {
        Self::Unavailable(
            Problem::new(ProblemKind::Unavailable, "STORE_UNAVAILABLE").retry_after(RETRY_UNAVAILABLE),
        )
    }

    /// What is stored or was sent cannot be used.
    pub const fn content() -> Self {
        Self::defect(Blame::Content)
    }

    /// The deployment or the program has to be mended.
    pub const fn ours() -> Self {
        Self::defect(Blame::Ours)
    }

    const fn defect(blame: Blame) -> Self {
        Self::Defect(Defect { blame, told: None })
    }

    /// Whether what is stored or was sent cannot be used, so that who can do without it goes on.
    pub const fn blames_content(&self) -> bool {
        matches!(
            self,
            Self::Defect(Defect {
                blame: Blame::Content,
                ..
            })
        )
    }

    /// The same, with what a caller is told in place of the usual answer.
    #[must_use]
    pub fn telling(self, problem: Problem) -> Self {
        match self {
            Self::Refused(_) => Self::Refused(problem),
            Self::Unavailable(_) => Self::Unavailable(problem),
            Self::Defect(Defect { blame, .. }) => Self::Defect(Defect {
                blame,
                told: Some(problem),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_refusal_and_what_a_caller_is_told_changes_no_class() {
        let problem = Problem::new(ProblemKind::NotFound, "NO_SUCH_THING");
        assert_eq!(problem.classify(), Class::Refused(problem.clone()));
        let Class::Defect(defect) = Class::ours().telling(problem.clone()) else {
            unreachable!("it was a defect");
        };
        assert_eq!((defect.blame, defect.told), (Blame::Ours, Some(problem.clone())));
        assert_eq!(
            Class::unavailable().telling(problem.clone()),
            Class::Unavailable(problem)
        );
    }
}

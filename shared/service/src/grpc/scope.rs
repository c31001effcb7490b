//! What error rendering must know of the call it happens in: which service answers, and in which language. Admission
//! sets it around a call and around the polling of its response stream, so that handlers need not carry it.

use std::{future::Future, sync::Arc};

use decider::Problem;
use tonic::{Code, Status};

use crate::grpc::messages::{Catalogue, Languages};
use crate::grpc::status::{coded_status, problem_status};

tokio::task_local! {
    static SCOPE: Scope;
}

/// The service and language a call is answered in. Cheap to clone; take one along where work leaves the call's task.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The service's short name.
    pub service: &'static str,
    /// Texts by reason.
    pub catalogue: Arc<Catalogue>,
    /// The caller's languages, best first.
    pub languages: Languages,
}

impl Scope {
    /// The current call's scope; outside a call (unit tests of handlers) one without texts.
    pub fn current() -> Self {
        SCOPE.try_with(Self::clone).unwrap_or_else(|_| Self {
            service: "unknown",
            catalogue: Arc::new(Catalogue::default()),
            languages: Languages::default(),
        })
    }

    /// Runs a future inside this scope.
    pub(crate) async fn around<F: Future>(self, future: F) -> F::Output {
        SCOPE.scope(self, future).await
    }

    /// Runs one poll inside this scope.
    pub(crate) fn around_poll<T>(&self, poll: impl FnOnce() -> T) -> T {
        SCOPE.sync_scope(self.clone(), poll)
    }

    /// Whether the caller reads English rather than Japanese: for data that come in both, as contact routes do.
    pub fn english(&self) -> bool {
        self.languages.best() == crate::grpc::messages::Language::En
    }

    /// A problem's text in the caller's language: for answers that carry texts, as warnings, guidance and import rows do.
    pub fn text(&self, problem: &Problem) -> String {
        self.catalogue
            .render(problem.reason, self.languages.best(), &problem.metadata)
            .unwrap_or_else(|| problem.reason.to_owned())
    }

    /// The problem as this call's caller reads it.
    pub fn status(&self, problem: &Problem) -> Status {
        problem_status(self.service, problem, &self.languages, &self.catalogue)
    }

    /// As [`Self::status`], under a code that no domain problem has.
    pub(crate) fn coded(&self, code: Code, problem: &Problem) -> Status {
        coded_status(code, self.service, problem, &self.languages, &self.catalogue)
    }
}

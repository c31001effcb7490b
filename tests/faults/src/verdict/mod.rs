//! The verdict: what the ledger says was acknowledged against what the stores hold, and the stores against themselves.

mod commands;
mod reactions;
mod settled;
mod streams;
mod transport;
mod truth;
mod views;

use std::time::Duration;

use contracts::names::SERVICES as PUBLISHERS;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::ledger::Ledger;
use truth::Truth;

/// How long everything may take to come to rest once nothing is injected any more.
pub(super) const AT_REST_WITHIN: Duration = Duration::from_mins(2);

/// What is wrong, as lines to be read; none if all is well.
pub(crate) async fn judge(
    environment: &Environment,
    ledger: &Ledger,
    rebuild: bool,
) -> Result<Vec<String>, Failure> {
    let mut problems = settled::wait(&environment.observer.pools).await;
    if !problems.is_empty() {
        // What has not come to rest differs in every other way too.
        return Ok(problems);
    }
    let mut truth = Truth::default();
    for service in PUBLISHERS {
        truth.load(service, environment.pool(service)?).await?;
    }
    problems.extend(commands::judge(&ledger.read()?, &truth));
    problems.extend(streams::judge(&truth));
    problems.extend(reactions::judge(&truth));
    problems.extend(transport::judge(environment).await?);
    if rebuild && problems.is_empty() {
        problems.extend(views::judge(environment).await?);
    }
    Ok(problems)
}

//! The verdict: what the ledger says was acknowledged against what the stores hold, and the stores against themselves.

mod commands;
mod reactions;
mod rest;
mod streams;
mod transport;
mod truth;
mod views;

use std::time::Duration;

use contracts::names::SERVICES as PUBLISHERS;

use crate::failure::Failure;
use crate::ground::Ground;
use crate::ledger::Ledger;
use truth::Truth;

/// How long everything may take to come to rest once nothing strikes any more.
pub(super) const AT_REST_WITHIN: Duration = Duration::from_mins(1);

/// What is wrong, as lines to be read; none if all is well.
pub(crate) async fn judge(ground: &Ground, ledger: &Ledger, rebuild: bool) -> Result<Vec<String>, Failure> {
    let mut problems = rest::wait(&ground.observer.pools).await;
    if !problems.is_empty() {
        // What has not come to rest differs in every other way too.
        return Ok(problems);
    }
    let mut truth = Truth::default();
    for service in PUBLISHERS {
        truth.load(service, ground.pool(service)?).await?;
    }
    problems.extend(commands::judge(&ledger.read()?, &truth));
    problems.extend(streams::judge(&truth));
    problems.extend(reactions::judge(&truth));
    problems.extend(transport::judge(ground).await?);
    if rebuild && problems.is_empty() {
        problems.extend(views::judge(ground).await?);
    }
    Ok(problems)
}

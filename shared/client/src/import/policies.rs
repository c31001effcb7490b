//! Rows that name a contract which no import named, or which is somebody else's: the services of accidents and credentials know
//! no contracts, so it is asked for where contracts are, and told beside the row.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use contracts::common::v1::ImportProblem;
use contracts::endorsement::v1::{CheckPoliciesRequest, PolicyMatch, PolicyOfCustomer};
use uuid::Uuid;

use super::calls::{Calls, Importable, PAUSE, limited};
use super::error::ImportError;
use crate::refusal::Refusal;
use crate::wait::pause;

/// How long one answer is waited for.
const WITHIN: Duration = Duration::from_secs(10);
/// Contracts that this very run has read, for a dry run, in which they are recorded nowhere.
pub(super) type Announced = HashSet<Uuid>;

/// How often endorsement is asked before rows go on unchecked.
const ATTEMPTS: usize = 3;

/// What came of asking for the policies of some rows.
pub(super) enum Checked {
    /// What is wrong with each, row by row.
    Judged(Vec<Option<ImportProblem>>),
    /// Endorsement is away, and nobody waits for it: accidents come in at any time.
    Unchecked,
}

impl Calls<'_> {
    /// What is wrong with the policy each row names.
    pub(super) async fn check_policies<R: Importable>(
        &self,
        rows: &[&R],
        announced: &Announced,
    ) -> Result<Checked, ImportError> {
        let policies: Option<Vec<PolicyOfCustomer>> = rows.iter().map(|row| row.policy()).collect();
        let Some(policies) = policies.filter(|policies| !policies.is_empty()) else {
            return Ok(Checked::Judged(vec![None; rows.len()]));
        };
        let Some(matches) = self.matches::<R>(&policies).await? else {
            return Ok(Checked::Unchecked);
        };
        if matches.len() != rows.len() {
            return Err(ImportError::Answer { file: R::FILE });
        }
        let judged = policies.iter().zip(matches);
        let judged = judged.map(|(policy, found)| problem(policy, found, announced));
        Ok(Checked::Judged(judged.collect()))
    }

    /// Asking changes nothing, so it is repeated as it is.
    async fn matches<R: Importable>(
        &self,
        policies: &[PolicyOfCustomer],
    ) -> Result<Option<Vec<PolicyMatch>>, ImportError> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                pause(PAUSE).await;
            }
            let request = CheckPoliciesRequest {
                policies: policies.to_vec(),
            };
            let mut endorsement = self.client.endorsement(self.administrator);
            match endorsement.check_policies(limited(request, WITHIN)).await {
                Ok(answer) => {
                    self.pace.answered(Instant::now());
                    return Ok(Some(answer.into_inner().matches().collect()));
                }
                Err(status) => {
                    let refusal = Refusal::from(status);
                    if !refusal.is_transient() {
                        return Err(ImportError::Refused {
                            file: R::FILE,
                            refusal: Box::new(refusal),
                        });
                    }
                }
            }
        }
        Ok(None)
    }
}

fn problem(policy: &PolicyOfCustomer, found: PolicyMatch, announced: &Announced) -> Option<ImportProblem> {
    let (field, reason, message) = match found {
        PolicyMatch::Known | PolicyMatch::Unspecified => return None,
        PolicyMatch::Unreadable => (
            "policy_number",
            "POLICY_UNREADABLE",
            "What is recorded of the contract of this number cannot be read.",
        ),
        PolicyMatch::Unknown if is_announced(policy, announced) => return None,
        PolicyMatch::Unknown => (
            "policy_number",
            "POLICY_UNKNOWN",
            "No contract of this number was imported.",
        ),
        PolicyMatch::OtherCustomer => (
            "customer_number",
            "POLICY_OF_ANOTHER",
            "The contract of this number has another policyholder.",
        ),
    };
    Some(ImportProblem {
        field: field.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
    })
}

fn is_announced(policy: &PolicyOfCustomer, announced: &Announced) -> bool {
    crate::files::contract_id(&policy.policy_number, &policy.branch_number)
        .is_ok_and(|id| announced.contains(&id.as_uuid()))
}

//! Rows that name a contract which no import named, or which is somebody else's: the services of accidents and credentials know
//! no contracts, so it is asked for where contracts are, and told beside the row.

use std::collections::HashSet;
use std::time::Instant;

use contracts::common::v1::ImportProblem;
use contracts::endorsement::v1::{CheckPoliciesRequest, PolicyOfCustomer, PolicyStanding};
use uuid::Uuid;

use super::calls::{Calls, Importable};
use super::error::ImportError;

/// Contracts that this very run has read, for a dry run, in which they are recorded nowhere.
pub(super) type Announced = HashSet<Uuid>;

impl Calls<'_> {
    /// What is wrong with the policy each row names, row by row.
    pub(super) async fn check_policies<R: Importable>(
        &self,
        rows: &[R],
        announced: &Announced,
    ) -> Result<Vec<Option<ImportProblem>>, ImportError> {
        let policies: Option<Vec<PolicyOfCustomer>> = rows.iter().map(Importable::policy).collect();
        let Some(policies) = policies.filter(|policies| !policies.is_empty()) else {
            return Ok(vec![None; rows.len()]);
        };
        let standings = self.standings::<R>(&policies).await?;
        if standings.len() != rows.len() {
            return Err(ImportError::Answer { file: R::FILE });
        }
        let judged = policies.iter().zip(standings);
        Ok(judged
            .map(|(policy, standing)| problem(policy, standing, announced))
            .collect())
    }

    async fn standings<R: Importable>(
        &self,
        policies: &[PolicyOfCustomer],
    ) -> Result<Vec<PolicyStanding>, ImportError> {
        loop {
            let request = CheckPoliciesRequest {
                policies: policies.to_vec(),
            };
            let mut endorsement = self.client.endorsement(self.administrator);
            match endorsement.check_policies(request).await {
                Ok(answer) => {
                    self.pace.answered(Instant::now());
                    return Ok(answer.into_inner().standings().collect());
                }
                // Asking is repeated as it is: it changes nothing.
                Err(status) => self.after_failure::<R>(status.into(), 1, true).await?,
            }
        }
    }
}

fn problem(
    policy: &PolicyOfCustomer,
    standing: PolicyStanding,
    announced: &Announced,
) -> Option<ImportProblem> {
    let (field, reason, message) = match standing {
        PolicyStanding::Known | PolicyStanding::Unspecified => return None,
        PolicyStanding::Unknown if is_announced(policy, announced) => return None,
        PolicyStanding::Unknown => (
            "policy_number",
            "POLICY_UNKNOWN",
            "No contract of this number was imported.",
        ),
        PolicyStanding::OtherCustomer => (
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

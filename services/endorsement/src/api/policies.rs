//! Which policies are contracts of whom (EN-16): a file of accidents or credentials belongs to other services, which know no
//! contracts, and shall not name one that does not exist without a word.

use contracts::endorsement::v1::{
    CheckPoliciesRequest, CheckPoliciesResponse, PolicyMatch, PolicyOfCustomer,
};
use decider::{Classify as _, Violations};
use eventsourcing::LoadError;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kernel::ids::{ContractId, SubjectId};
use service::import::columns;
use service::refuse;
use tonic::{Request, Response, Status};

use super::Api;

/// Contracts read at the same time; the database's connections are shared with customers.
const AT_ONCE: usize = 8;

pub(super) async fn check(
    api: &Api,
    request: Request<CheckPoliciesRequest>,
) -> Result<Response<CheckPoliciesResponse>, Status> {
    let policies = request.into_inner().policies;
    let matches = stream::iter(policies.iter().map(read))
        .map(|policy| current(api, policy))
        .buffered(AT_ONCE);
    let matches: Vec<PolicyMatch> = matches.try_collect().await.map_err(refuse)?;
    let matches = matches.into_iter().map(Into::into).collect();
    Ok(Response::new(CheckPoliciesResponse { matches }))
}

/// Nothing where the numbers cannot be read, which the row's own service tells.
fn read(policy: &PolicyOfCustomer) -> Option<(ContractId, Option<SubjectId>)> {
    let mut unread = Violations::default();
    let (contract, ..) = columns::contract(&mut unread, &policy.policy_number, &policy.branch_number)?;
    let customer = columns::customer(&mut unread, "customer_number", &policy.customer_number);
    Some((contract, customer.map(|(subject, _)| subject)))
}

async fn current(
    api: &Api,
    policy: Option<(ContractId, Option<SubjectId>)>,
) -> Result<PolicyMatch, LoadError> {
    let Some((contract, customer)) = policy else {
        return Ok(PolicyMatch::Unknown);
    };
    let loaded = match api.contracts.load(contract).await {
        Err(error) if error.classify().blames_content() => return Ok(PolicyMatch::Unreadable),
        loaded => loaded?,
    };
    let Ok(current) = loaded.state.current() else {
        return Ok(PolicyMatch::Unknown);
    };
    let holder = current.parties.policyholder().subject;
    Ok(if customer.is_none_or(|customer| customer == holder) {
        PolicyMatch::Known
    } else {
        PolicyMatch::OtherCustomer
    })
}

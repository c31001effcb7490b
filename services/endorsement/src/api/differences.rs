//! The list of differences from the core system (EN-16). The contracts that may have one are known by rows; what differs is read
//! from each contract as it stands.

use contracts::endorsement::v1::{Difference as Listed, ListDifferencesRequest, ListDifferencesResponse};
use decider::Classify as _;
use kernel::ids::ContractId;
use service::refuse;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Api;
use crate::domain::{CurrentContract, Difference};

pub(super) async fn list(
    api: &Api,
    request: Request<ListDifferencesRequest>,
) -> Result<Response<ListDifferencesResponse>, Status> {
    let asked = request.into_inner();
    let page = api
        .context
        .page::<Uuid>(&["ListDifferences"], asked.page_size, &asked.page_token)
        .map_err(refuse)?;
    let size = usize::from(page.size);
    let mut contracts = api
        .differing
        .after(page.after, i64::from(page.size) + 1)
        .await
        .map_err(refuse)?;
    let more = contracts.len() > size;
    contracts.truncate(size);
    let next_page_token = match contracts.last() {
        Some(last) if more => page.next_token(last),
        _ => String::new(),
    };
    let (mut differences, mut unreadable_contract_ids) = (Vec::new(), Vec::new());
    for contract in contracts {
        let loaded = match api.contracts.load(ContractId::from_uuid(contract)).await {
            Err(error) if error.classify().blames_content() => {
                unreadable_contract_ids.push(contract.to_string());
                continue;
            }
            loaded => loaded.map_err(refuse)?,
        };
        let Ok(current) = loaded.state.current() else {
            continue;
        };
        let found = current.differences().into_iter();
        differences.extend(found.map(|difference| listed(current, difference)));
    }
    Ok(Response::new(ListDifferencesResponse {
        differences,
        next_page_token,
        unreadable_contract_ids,
    }))
}

fn listed(current: &CurrentContract, difference: Difference) -> Listed {
    Listed {
        contract_id: current.id().to_string(),
        policy_number: current.terms.policy_number.to_string(),
        branch_number: current.terms.branch_number.to_string(),
        role: difference.role.as_str().to_owned(),
        field: difference.kind.field().to_owned(),
        changed_at_us: difference.contradiction.since.as_microsecond(),
        core_as_of_us: difference.contradiction.core_as_of.as_microsecond(),
    }
}

//! Reading a contract.

use contracts::endorsement::v1::{GetContractRequest, GetContractResponse};
use service::refuse;
use tonic::{Request, Response, Status};

use super::{Api, parse, rejected, render, restricted_to};

pub(super) async fn get_contract(
    api: &Api,
    request: Request<GetContractRequest>,
) -> Result<Response<GetContractResponse>, Status> {
    let restricted = restricted_to(&request)?;
    let id = parse::contract_id(&request.get_ref().contract_id).map_err(refuse)?;
    let loaded = api.contracts.load(id).await.map_err(refuse)?;
    let current = loaded.state.current().map_err(rejected)?;
    if let Some(requester) = restricted {
        current.owned_by(&requester).map_err(rejected)?;
    }
    let contract = render::contract(current, &api.context.rulebook, api.now());
    Ok(Response::new(GetContractResponse {
        contract: Some(contract),
    }))
}

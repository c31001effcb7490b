//! Words of the domain in the published language, for answers and integration events alike.

use contracts::endorsement::v1 as proto;
use jiff::civil::Date;
use kernel::ids::ContractId;

use crate::domain::{ContractKind, InsurerRole, InsurerShare, PartyKind, RequestState, RequestSummary};

pub(crate) const fn contract_kind(kind: ContractKind) -> &'static str {
    match kind {
        ContractKind::Individual => "INDIVIDUAL",
        ContractKind::Group => "GROUP",
    }
}

pub(crate) const fn party_kind(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Individual => "INDIVIDUAL",
        PartyKind::Corporate => "CORPORATE",
    }
}

pub(crate) fn insurers(insurers: &[InsurerShare]) -> Vec<proto::InsurerShare> {
    let insurer = |insurer: &InsurerShare| proto::InsurerShare {
        name: insurer.name.clone(),
        role: match insurer.role {
            InsurerRole::Lead => "LEAD".to_owned(),
            InsurerRole::Follower => "FOLLOWER".to_owned(),
        },
        share_basis_points: insurer.share_basis_points,
    };
    insurers.iter().map(insurer).collect()
}

pub(crate) fn date(date: Option<Date>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

pub(crate) fn endorsement(
    contract: ContractId,
    request: &RequestSummary,
    state: RequestState,
) -> proto::Endorsement {
    let state = match state {
        RequestState::Scheduled => proto::EndorsementState::Scheduled,
        RequestState::Effective => proto::EndorsementState::Effective,
        RequestState::Withdrawn => proto::EndorsementState::Withdrawn,
        RequestState::Superseded => proto::EndorsementState::Superseded,
    };
    proto::Endorsement {
        endorsement_id: request.endorsement_id.to_string(),
        receipt_number: request.receipt_number.clone(),
        contract_id: contract.to_string(),
        state: state.into(),
        effective_date: request.effective_date.to_string(),
        effective_at_us: request.effective_at.as_microsecond(),
        submitted_at_us: request.submitted_at.as_microsecond(),
    }
}

//! What others are told of a contract: each domain event as one integration event, its sealed fields copied unopened. Pure,
//! and exhaustive on purpose: a new event does not compile until somebody has decided what is published of it.

use contracts::common::v1 as common;
use contracts::endorsement::v1::{self as proto, endorsement_event};
use eventsourcing::{CodecError, RecordedEvent, decode_sealed};
use kernel::clock::Timestamp;
use kernel::ids::ContractId;
use kernel::{Dated, Personal};
use messaging::{Envelope, Outgoing, Unsealed, outgoing, sealed_to_wire};

use crate::domain::{
    Event, FieldContent, Party, PartyField, PartyFields, RequestState, RequestSummary, Terms,
};
use crate::wire;

/// The entity all events are about.
const ENTITY: &str = "contract";

/// The integration event of a stored event.
pub fn publish(recorded: &RecordedEvent) -> Result<Option<Outgoing>, CodecError> {
    let contract = ContractId::from_uuid(recorded.stream.id());
    let published = to_integration_event(contract, decode_sealed(recorded)?)
        .map_err(|unsealed| unsealed.stored_in(recorded))?;
    let Some((event_name, event)) = published else {
        return Ok(None);
    };
    let message = |envelope: Envelope| proto::EndorsementEvent {
        event_id: envelope.event_id,
        entity_id: envelope.entity_id,
        version: envelope.version,
        occurred_at_us: envelope.occurred_at_us,
        event: Some(event),
    };
    Ok(Some(outgoing(recorded, ENTITY, event_name, message)))
}

/// A published event's name and content.
type Published = (&'static str, endorsement_event::Event);

fn to_integration_event(contract: ContractId, event: Event) -> Result<Option<Published>, Unsealed> {
    let request = |request: &RequestSummary, state| {
        (
            "endorsement_changed",
            endorsement_event::Event::EndorsementChanged(endorsement_changed(contract, request, state)),
        )
    };
    Ok(Some(match event {
        Event::Imported {
            terms,
            policyholder,
            insured,
            object_address,
            ..
        } => (
            "imported",
            endorsement_event::Event::ContractImported(contract_imported(
                terms,
                &policyholder,
                insured.as_ref(),
                &object_address,
            )?),
        ),
        Event::PartyFieldChanged {
            role,
            subject,
            field,
            period_end,
            ..
        } => (
            "party_field_changed",
            endorsement_event::Event::PartyFieldChanged(proto::PartyFieldChanged {
                subject_id: subject.to_string(),
                policyholder: role.is_policyholder(),
                insured: role.is_insured(),
                field: Some(field_content(&field)?),
                period_end_us: period_end.map(Timestamp::as_microsecond),
            }),
        ),
        // One that counts at once is told by its taking effect, which the same append records.
        Event::EndorsementSubmitted { request: summary, .. }
            if summary.effective_at <= summary.submitted_at =>
        {
            return Ok(None);
        }
        Event::EndorsementSubmitted { request: summary, .. } => request(&summary, RequestState::Scheduled),
        Event::EndorsementEffective { request: summary } => request(&summary, RequestState::Effective),
        Event::EndorsementWithdrawn { request: summary, .. } => request(&summary, RequestState::Withdrawn),
        Event::EndorsementSuperseded { request: summary } => request(&summary, RequestState::Superseded),
    }))
}

fn contract_imported(
    terms: Terms,
    policyholder: &Party,
    insured: Option<&Party>,
    object_address: &Personal<String>,
) -> Result<proto::ContractImported, Unsealed> {
    Ok(proto::ContractImported {
        policy_number: terms.policy_number.to_string(),
        branch_number: terms.branch_number.to_string(),
        product: terms.product,
        kind: wire::contract_kind(terms.kind).to_owned(),
        period_start_us: terms.period_start.as_microsecond(),
        period_end_us: terms.period_end.map(Timestamp::as_microsecond),
        policyholder: Some(party(policyholder)?),
        insured: Some(party(insured.unwrap_or(policyholder))?),
        policyholder_is_insured: insured.is_none(),
        object_address: Some(sealed_to_wire(object_address)?),
        insurers: wire::insurers(&terms.insurers),
        offline_reason: terms.offline_reason.unwrap_or_default(),
        last_endorsement_date: wire::date(terms.last_endorsement_date),
        agency_name: terms.agency_name,
    })
}

fn party(party: &Party) -> Result<proto::PublishedParty, Unsealed> {
    Ok(proto::PublishedParty {
        subject_id: party.subject.to_string(),
        kind: wire::party_kind(party.kind).to_owned(),
        name: Some(sealed_to_wire(&party.name)?),
        name_kana: Some(sealed_to_wire(&party.name_kana)?),
        birth_date: party.birth_date.as_ref().map(sealed_to_wire).transpose()?,
        email: party.email.as_ref().map(sealed_to_wire).transpose()?,
        fields: fields(&party.fields)?,
    })
}

/// All fields of a party that customers can change.
fn fields(PartyFields { phones, address }: &PartyFields) -> Result<Vec<proto::PartyField>, Unsealed> {
    Ok(vec![
        field(proto::PartyFieldKind::Phones, phones)?,
        field(proto::PartyFieldKind::Address, address)?,
    ])
}

fn field_content(content: &FieldContent) -> Result<proto::PartyField, Unsealed> {
    match content {
        FieldContent::Phones(phones) => field(proto::PartyFieldKind::Phones, phones),
        FieldContent::Address(address) => field(proto::PartyFieldKind::Address, address),
    }
}

/// What stands; what the core system says instead is nobody's business.
fn field<T>(kind: proto::PartyFieldKind, field: &PartyField<T>) -> Result<proto::PartyField, Unsealed> {
    let sealed = |dated: &Dated<T>| {
        Ok(common::SealedDated {
            value: Some(sealed_to_wire(&dated.value)?),
            counts_from_us: dated.counts_from.as_microsecond(),
            counts_until_us: dated.counts_until.map(Timestamp::as_microsecond),
        })
    };
    Ok(proto::PartyField {
        kind: kind.into(),
        values: field.dated.iter().map(sealed).collect::<Result<_, _>>()?,
    })
}

fn endorsement_changed(
    contract: ContractId,
    request: &RequestSummary,
    state: RequestState,
) -> proto::EndorsementChanged {
    let effective = (state == RequestState::Effective).then_some(request.effective_date);
    proto::EndorsementChanged {
        endorsement: Some(wire::endorsement(contract, request, state)),
        policyholder_subject_id: request.policyholder.to_string(),
        fields: request.fields.clone(),
        last_endorsement_date: wire::date(effective),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use eventsourcing::{Actor, Cursor, Metadata, StreamName};
    use kernel::ids::EventId;
    use prost::Message as _;
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    fn recorded(event_type: &str, data: Value) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new("endorsement", "contract", Uuid::from_u128(5)),
            revision: 3,
            cursor: Cursor::postgres(1, 2, 3),
            id: EventId::from_uuid(Uuid::from_u128(6)),
            event_type: event_type.to_owned(),
            data,
            metadata: Metadata {
                request_key: Uuid::nil(),
                request_index: 0,
                payload_hash: String::new(),
                actor: Actor::Anonymous,
                correlation_id: Uuid::nil(),
                causation_id: None,
                traceparent: None,
                occurred_at: Timestamp::UNIX_EPOCH,
            },
            recorded_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn fixture(name: &str) -> RecordedEvent {
        let path = format!("{}/tests/fixtures/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let fixture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        recorded(fixture["type"].as_str().unwrap(), fixture["data"].clone())
    }

    fn published(name: &str) -> (&'static str, proto::EndorsementEvent) {
        let outgoing = publish(&fixture(name)).unwrap().unwrap();
        assert_eq!(
            (outgoing.entity_kind, outgoing.entity_id),
            ("contract", Uuid::from_u128(5))
        );
        (
            outgoing.event_name,
            proto::EndorsementEvent::decode(&*outgoing.payload).unwrap(),
        )
    }

    #[test]
    fn an_imported_contract_is_published_whole_with_its_fields_sealed() {
        let (name, event) = published("contract.imported.v1");
        assert_eq!((name, event.version), ("imported", 3));
        let Some(endorsement_event::Event::ContractImported(contract)) = event.event else {
            panic!("{name}")
        };
        let insured = contract.insured.unwrap();
        assert!(!contract.policyholder_is_insured);
        let path = |place: usize| {
            insured.fields[place].values[0]
                .value
                .as_ref()
                .unwrap()
                .path
                .clone()
        };
        assert_eq!(path(0), "/insured/fields/phones/dated/0/value");
        assert_eq!(path(1), "/insured/fields/address/dated/0/value");
        assert_eq!(insured.email, None);
        assert_eq!(
            contract.policyholder.unwrap().birth_date.unwrap().algorithm,
            "XC20P"
        );
    }

    #[test]
    fn pv_7_a_changed_field_is_published_whole_with_its_instants() {
        for (name, kind) in [
            (
                "contract.party_field_changed.v1.phones",
                proto::PartyFieldKind::Phones,
            ),
            (
                "contract.party_field_changed.v1.address",
                proto::PartyFieldKind::Address,
            ),
        ] {
            let (name, event) = published(name);
            let Some(endorsement_event::Event::PartyFieldChanged(changed)) = event.event else {
                panic!("{name}")
            };
            assert!(changed.policyholder && changed.insured);
            let field = changed.field.unwrap();
            assert_eq!((field.kind(), field.values.len()), (kind, 2));
            assert_eq!(
                field.values[0].counts_until_us,
                Some(field.values[1].counts_from_us)
            );
            assert_eq!(field.values[1].value.as_ref().unwrap().algorithm, "ERASED");
        }
    }

    #[test]
    fn en_10_every_step_of_a_request_is_published_with_its_state() {
        for (event_type, state, last_endorsement_date) in [
            (
                "contract.endorsement_submitted.v1",
                proto::EndorsementState::Scheduled,
                "",
            ),
            (
                "contract.endorsement_effective.v1",
                proto::EndorsementState::Effective,
                "2026-12-01",
            ),
            (
                "contract.endorsement_withdrawn.v1",
                proto::EndorsementState::Withdrawn,
                "",
            ),
            (
                "contract.endorsement_superseded.v1",
                proto::EndorsementState::Superseded,
                "",
            ),
        ] {
            let (name, event) = published(event_type);
            let Some(endorsement_event::Event::EndorsementChanged(changed)) = event.event else {
                panic!("{name}")
            };
            assert_eq!(changed.endorsement.unwrap().state(), state);
            assert_eq!(changed.last_endorsement_date, last_endorsement_date);
        }
    }

    #[test]
    fn a_change_that_counts_at_once_is_published_once() {
        let mut event = fixture("contract.endorsement_submitted.v1");
        event.data["request"]["effective_at"] = event.data["request"]["submitted_at"].clone();
        assert_eq!(publish(&event).unwrap(), None);
    }

    #[test]
    fn op_4_a_value_in_plaintext_is_never_published() {
        let mut event = fixture("contract.party_field_changed.v1.phones");
        event.data["field"]["dated"][0]["value"] =
            serde_json::json!({"$personal": {"subject": Uuid::nil(), "value": "+819011112222"}});
        let error = publish(&event).unwrap_err();
        assert!(!error.to_string().contains("9011112222"), "{error}");
    }

    #[test]
    fn op_8_whatever_is_stored_fits_a_message() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/events");
        harness::assert_whatever_is_stored_fits_a_message(contracts::names::ENDORSEMENT, folder, publish);
    }
}

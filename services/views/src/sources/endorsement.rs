//! Contracts, what customers can change of their parties, and change requests.

use contracts::common::v1::SealedField;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{
    ContractImported, EndorsementChanged, EndorsementEvent, PartyField, PartyFieldChanged, PartyFieldKind,
    PublishedParty,
};
use kernel::EventId;
use messaging::Malformed;
use serde_json::{Value, json};
use sqlx::PgTransaction;
use uuid::Uuid;

use super::batch::Source;
use super::decrypt::DecryptedFields;
use super::message::{Heading, Inapplicable, heading, id, instant};
use super::rounds::{Rounds, Step};
use crate::model::contract::Contract;
use crate::model::contract_endorsement_date::ContractEndorsementDate;
use crate::model::named::given;
use crate::model::party_field::{self, Parties, PartyField as Row};
use crate::model::request::Request;
use crate::model::{List, Newest};

pub(super) struct Endorsement;

/// What one round of a batch writes.
#[derive(Default)]
pub(super) struct Rows {
    contracts: Newest<Contract>,
    fields: Newest<Row>,
    requests: Newest<Request>,
    dates: Newest<ContractEndorsementDate>,
    parties: Vec<Parties>,
}

impl Source for Endorsement {
    type Message = EndorsementEvent;
    type Rows = Rows;

    fn sealed_fields(message: &EndorsementEvent) -> Vec<&SealedField> {
        let mut fields = Vec::new();
        match &message.event {
            Some(Event::ContractImported(content)) => {
                fields.extend(&content.object_address);
                for party in [&content.policyholder, &content.insured].into_iter().flatten() {
                    fields.extend(&party.name);
                    fields.extend(party.fields.iter().flat_map(sealed_values));
                }
            }
            Some(Event::PartyFieldChanged(changed)) => {
                fields.extend(changed.field.iter().flat_map(sealed_values));
            }
            Some(Event::EndorsementChanged(_)) | None => {}
        }
        fields
    }

    fn subjects(message: &EndorsementEvent) -> Vec<&str> {
        match &message.event {
            Some(Event::ContractImported(content)) => {
                let parties = [&content.policyholder, &content.insured];
                let parties = parties.into_iter().flatten();
                parties.map(|party| party.subject_id.as_str()).collect()
            }
            Some(Event::PartyFieldChanged(changed)) => vec![&changed.subject_id],
            Some(Event::EndorsementChanged(changed)) => vec![&changed.policyholder_subject_id],
            None => Vec::new(),
        }
    }

    fn fold(
        rounds: &mut Rounds<Rows>,
        fields: &mut DecryptedFields,
        event: EventId,
        message: EndorsementEvent,
    ) -> Result<(), Inapplicable> {
        let heading = heading(event, &message.entity_id, message.version, message.occurred_at_us)?;
        match message.event.ok_or(Malformed::UnknownKind)? {
            Event::ContractImported(content) => contract(rounds, fields, &heading, content),
            Event::PartyFieldChanged(changed) => field_changed(rounds, fields, &heading, &changed),
            Event::EndorsementChanged(changed) => request(rounds, &heading, changed),
        }
    }

    async fn write(rows: &Rows, tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
        rows.contracts.write(tx).await?;
        rows.fields.write(tx).await?;
        rows.requests.write(tx).await?;
        rows.dates.write(tx).await?;
        party_field::remove_former_parties(tx, &rows.parties).await
    }
}

fn contract(
    rounds: &mut Rounds<Rows>,
    fields: &mut DecryptedFields,
    heading: &Heading,
    content: ContractImported,
) -> Result<(), Inapplicable> {
    let policyholder = content.policyholder.ok_or(Malformed::Missing("policyholder"))?;
    let insured = content.insured.ok_or(Malformed::Missing("insured"))?;
    let parties = Parties {
        contract_id: heading.entity,
        version: heading.version,
        policyholder: id("policyholder.subject_id", &policyholder.subject_id)?,
        insured: id("insured.subject_id", &insured.subject_id)?,
    };
    let mut name = |party: &PublishedParty| fields.text(heading.event, party.name.as_ref());
    let row = Contract {
        contract_id: heading.entity,
        version: heading.version,
        policy_number: content.policy_number,
        branch_number: content.branch_number,
        product: content.product,
        kind: content.kind,
        period_start: instant(content.period_start_us),
        period_end: content.period_end_us.map(instant),
        policyholder_subject: parties.policyholder,
        policyholder_name: name(&policyholder)?,
        insured_subject: parties.insured,
        insured_name: name(&insured)?,
        object_address: fields.text(heading.event, content.object_address.as_ref())?,
        offline_reason: content.offline_reason,
        imported_endorsement_date: content.last_endorsement_date,
        policyholder_kind: policyholder.kind.clone(),
    };
    let mut of_party = |subject, policyholder, party: &PublishedParty| {
        let rows = party.fields.iter();
        rows.map(|field| field_row(fields, heading, subject, policyholder, field))
            .collect::<Result<Vec<_>, _>>()
    };
    let mut found = of_party(parties.policyholder, true, &policyholder)?;
    if parties.insured != parties.policyholder {
        found.extend(of_party(parties.insured, false, &insured)?);
    }
    let rows = rounds.at(heading.entity, Step::Write);
    rows.contracts.put(row);
    for field in found {
        rows.fields.put(field);
    }
    // The first version of a contract replaces nobody.
    if heading.version > 0 {
        rounds.at(heading.entity, Step::Amend).parties.push(parties);
    }
    Ok(())
}

fn field_changed(
    rounds: &mut Rounds<Rows>,
    fields: &mut DecryptedFields,
    heading: &Heading,
    changed: &PartyFieldChanged,
) -> Result<(), Inapplicable> {
    let subject = id("subject_id", &changed.subject_id)?;
    let field = changed.field.as_ref().ok_or(Malformed::Missing("field"))?;
    let row = field_row(fields, heading, subject, changed.policyholder, field)?;
    rounds.at(heading.entity, Step::Write).fields.put(row);
    Ok(())
}

fn sealed_values(field: &PartyField) -> impl Iterator<Item = &SealedField> {
    field.values.iter().filter_map(|dated| dated.value.as_ref())
}

/// The values that were not erased, in the form that their kind has.
fn field_row(
    fields: &mut DecryptedFields,
    heading: &Heading,
    subject: Uuid,
    policyholder: bool,
    field: &PartyField,
) -> Result<Row, Inapplicable> {
    let kind = match field.kind() {
        PartyFieldKind::Unspecified => return Err(Malformed::UnknownKind.into()),
        kind => kind.as_str_name().trim_start_matches("PARTY_FIELD_KIND_"),
    };
    let mut readable = Vec::with_capacity(field.values.len());
    for dated in &field.values {
        if let Some(value) = fields.value::<Value>(heading.event, dated.value.as_ref())? {
            readable.push(json!({
                "value": value,
                "counts_from_us": dated.counts_from_us,
                "counts_until_us": dated.counts_until_us,
            }));
        }
    }
    Ok(Row {
        contract_id: heading.entity,
        subject_id: subject,
        kind,
        version: heading.version,
        policyholder,
        dated: Value::Array(readable),
    })
}

fn request(
    rounds: &mut Rounds<Rows>,
    heading: &Heading,
    changed: EndorsementChanged,
) -> Result<(), Inapplicable> {
    let request = changed.endorsement.ok_or(Malformed::Missing("endorsement"))?;
    let row = Request {
        endorsement_id: id("endorsement_id", &request.endorsement_id)?,
        version: heading.version,
        policyholder_subject: id("policyholder_subject_id", &changed.policyholder_subject_id)?,
        state: given("state", request.state())?,
        effective_date: request.effective_date,
        fields: List::of_texts(&changed.fields),
        contract_id: heading.entity,
        receipt_number: request.receipt_number,
        submitted_at: instant(request.submitted_at_us),
    };
    let rows = rounds.at(heading.entity, Step::Write);
    rows.requests.put(row);
    if !changed.last_endorsement_date.is_empty() {
        rows.dates.put(ContractEndorsementDate {
            contract_id: heading.entity,
            version: heading.version,
            last_endorsement_date: changed.last_endorsement_date,
        });
    }
    Ok(())
}

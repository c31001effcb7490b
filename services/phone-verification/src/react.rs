//! What endorsement's events mean here: a policyholder's numbers, or that a party's numbers do not count (PV-7). Pure:
//! the numbers stay sealed, opening them is the listener's.

use contracts::common::v1::SealedDated;
use contracts::endorsement::v1::{
    ContractImported, EndorsementEvent, PartyField, PartyFieldChanged, PartyFieldKind,
    endorsement_event::Event,
};
use kernel::clock::instant_of_micros;
use kernel::{ContractId, EventId, SealedField, SubjectId, Timestamp};
use messaging::malformed::id;
use messaging::{Malformed, sealed_from_wire};

/// What is heard of one contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContractUpdate {
    /// The event; its sealed fields are opened with it.
    pub(crate) event_id: EventId,
    pub(crate) contract_id: ContractId,
    /// Revision of the contract's stream.
    pub(crate) version: u64,
    pub(crate) subject: SubjectId,
    pub(crate) update: NumbersUpdate,
}

/// What is heard of a party's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NumbersUpdate {
    /// The party is the policyholder, and these are all the numbers in force or scheduled.
    Policyholder {
        numbers: Vec<SealedNumber>,
        /// End of the contract's term, if it has one.
        period_end: Option<Timestamp>,
    },
    /// The party is not the policyholder.
    NotPolicyholder,
}

/// A number that was not opened yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedNumber {
    pub(crate) field: SealedField,
    /// The first instant at which it counts.
    pub(crate) counts_from: Timestamp,
    /// The first instant at which it no longer counts.
    pub(crate) counts_until: Option<Timestamp>,
}

/// What an event of endorsement says of numbers, if anything.
pub(crate) fn heard(message: EndorsementEvent) -> Result<Option<ContractUpdate>, Malformed> {
    let (event_id, contract_id) = (
        id("event_id", &message.event_id)?,
        id("entity_id", &message.entity_id)?,
    );
    let (subject, update) = match message.event.ok_or(Malformed::UnknownKind)? {
        Event::ContractImported(contract) => imported(contract)?,
        Event::PartyFieldChanged(changed) => match changed.field.clone() {
            Some(field) if field.kind() == PartyFieldKind::Phones => phones_changed(&changed, field)?,
            Some(_) => return Ok(None),
            None => return Err(Malformed::Missing("field")),
        },
        Event::EndorsementChanged(_) => return Ok(None),
    };
    Ok(Some(ContractUpdate {
        event_id,
        contract_id,
        version: message.version,
        subject,
        update,
    }))
}

fn imported(contract: ContractImported) -> Result<(SubjectId, NumbersUpdate), Malformed> {
    let policyholder = contract.policyholder.ok_or(Malformed::Missing("policyholder"))?;
    let mut fields = policyholder.fields.into_iter();
    let phones = fields.find(|field| field.kind() == PartyFieldKind::Phones);
    let numbers = numbers(phones.ok_or(Malformed::Missing("phones"))?)?;
    let period_end = contract.period_end_us.map(instant_of_micros);
    Ok((
        id("policyholder.subject_id", &policyholder.subject_id)?,
        NumbersUpdate::Policyholder { numbers, period_end },
    ))
}

fn phones_changed(
    changed: &PartyFieldChanged,
    phones: PartyField,
) -> Result<(SubjectId, NumbersUpdate), Malformed> {
    let subject = id("subject_id", &changed.subject_id)?;
    // The insured's numbers count only where both are one person; then the event says policyholder too.
    if !changed.policyholder {
        return Ok((subject, NumbersUpdate::NotPolicyholder));
    }
    Ok((
        subject,
        NumbersUpdate::Policyholder {
            numbers: numbers(phones)?,
            period_end: changed.period_end_us.map(instant_of_micros),
        },
    ))
}

fn numbers(phones: PartyField) -> Result<Vec<SealedNumber>, Malformed> {
    phones.values.into_iter().map(number).collect()
}

fn number(phone: SealedDated) -> Result<SealedNumber, Malformed> {
    Ok(SealedNumber {
        field: sealed_from_wire(&phone.value.ok_or(Malformed::Missing("number"))?)
            .map_err(|_| Malformed::Id("number"))?,
        counts_from: instant_of_micros(phone.counts_from_us),
        counts_until: phone.counts_until_us.map(instant_of_micros),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use contracts::common::v1::SealedField as WireField;
    use contracts::endorsement::v1::{EndorsementChanged, PublishedParty};
    use uuid::Uuid;

    use super::*;

    fn id(value: u128) -> String {
        Uuid::from_u128(value).to_string()
    }

    fn phones(subject: u128) -> PartyField {
        let number = WireField {
            path: "/phones/0/number".to_owned(),
            subject_id: id(subject),
            key_id: id(9),
            algorithm: "XC20P".to_owned(),
            nonce: vec![0; 24],
            ciphertext: vec![1; 30],
        };
        let phone = SealedDated {
            value: Some(number),
            counts_from_us: 1,
            counts_until_us: Some(2),
        };
        PartyField {
            kind: PartyFieldKind::Phones.into(),
            values: vec![phone],
        }
    }

    fn event(event: Option<Event>) -> EndorsementEvent {
        EndorsementEvent {
            event_id: id(1),
            entity_id: id(2),
            version: 7,
            occurred_at_us: 0,
            event,
        }
    }

    fn changed(policyholder: bool) -> Event {
        of_field(policyholder, phones(3))
    }

    fn of_field(policyholder: bool, field: PartyField) -> Event {
        Event::PartyFieldChanged(PartyFieldChanged {
            subject_id: id(3),
            policyholder,
            insured: true,
            field: Some(field),
            period_end_us: Some(5),
        })
    }

    #[test]
    fn pv_7_only_the_policyholders_numbers_are_heard() {
        let policyholder = PublishedParty {
            subject_id: id(3),
            fields: vec![phones(3)],
            ..PublishedParty::default()
        };
        let insured = PublishedParty {
            subject_id: id(4),
            fields: vec![phones(4)],
            ..PublishedParty::default()
        };
        let contract = ContractImported {
            policyholder: Some(policyholder),
            insured: Some(insured),
            period_end_us: Some(5),
            ..ContractImported::default()
        };
        let heard_import = heard(event(Some(Event::ContractImported(contract))))
            .unwrap()
            .unwrap();
        assert_eq!(heard_import.subject.to_string(), id(3));
        let NumbersUpdate::Policyholder { numbers, period_end } = heard_import.update else {
            unreachable!()
        };
        assert_eq!(
            (numbers.len(), period_end.map(Timestamp::as_microsecond)),
            (1, Some(5))
        );
        assert_eq!(numbers[0].counts_until.unwrap().as_microsecond(), 2);

        assert_eq!(
            heard(event(Some(changed(false)))).unwrap().unwrap().update,
            NumbersUpdate::NotPolicyholder
        );
        let both = heard(event(Some(changed(true)))).unwrap().unwrap();
        assert!(matches!(both.update, NumbersUpdate::Policyholder { .. }));
        assert_eq!(both.version, 7);
    }

    #[test]
    fn what_says_nothing_of_numbers_is_ignored_and_what_is_malformed_or_not_known_is_not() {
        let other = Event::EndorsementChanged(EndorsementChanged::default());
        assert_eq!(heard(event(Some(other))).unwrap(), None);
        let address = PartyField {
            kind: PartyFieldKind::Address.into(),
            ..PartyField::default()
        };
        assert_eq!(heard(event(Some(of_field(true, address)))).unwrap(), None);
        assert!(matches!(heard(event(None)), Err(Malformed::UnknownKind)));
        assert!(
            heard(EndorsementEvent {
                entity_id: "x".to_owned(),
                ..event(Some(changed(true)))
            })
            .is_err()
        );
        assert!(heard(event(Some(Event::ContractImported(ContractImported::default())))).is_err());
    }
}

//! The invented business the views are shown: people by number, and integration events with sealed fields.

use contracts::claim_images::v1 as claims;
use contracts::common::v1 as common;
use contracts::endorsement::v1 as endorsement;
use kernel::capture::CaptureTime;
use kernel::{Address, CaptureFact, CaptureFacts, EventId, SubjectId, Timestamp};
use uuid::Uuid;

/// A period long past and one far ahead.
pub(crate) const LONG_AGO: &str = "2020-01-01T00:00:00+09:00";
pub(crate) const FAR_AHEAD: &str = "2030-01-01T00:00:00+09:00";

/// How many people there are, numbered from 1.
pub(crate) const PEOPLE: u128 = 6;

pub(crate) fn subject(number: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(0x5000 + number))
}

pub(crate) fn contract_id(number: u128) -> Uuid {
    Uuid::from_u128(0xc000 + number)
}

pub(crate) fn accident_id(number: u128) -> Uuid {
    Uuid::from_u128(0xacc0_0000 + number)
}

pub(crate) fn image_id(number: u128) -> Uuid {
    Uuid::from_u128(0x1000_0000 + number)
}

pub(crate) fn submission_id(number: u128) -> Uuid {
    Uuid::from_u128(0x2000_0000 + number)
}

pub(crate) fn account_id(number: u128) -> Uuid {
    Uuid::from_u128(0xacc + number)
}

pub(crate) fn micros(instant: &str) -> i64 {
    instant.parse::<Timestamp>().unwrap().as_microsecond()
}

/// Seals fields for one integration event, as the event's owner has.
pub(crate) struct Seal<'a>(pub(crate) harness::Seal<'a>);

impl Seal<'_> {
    pub(crate) const fn event(&self) -> EventId {
        self.0.event
    }

    pub(crate) fn text(&self, person: u128, path: &str, value: &str) -> common::SealedField {
        self.0.text(subject(person), path, value)
    }

    /// What a camera says of a picture: a time, no position, and something else that cannot be read.
    fn capture(&self, person: u128) -> common::SealedField {
        let taken_at = CaptureTime {
            local: "2026-11-02T14:03:05".parse().unwrap(),
            offset_minutes: Some(540),
        };
        let facts = CaptureFacts {
            taken_at: CaptureFact::Parsed(taken_at),
            camera: CaptureFact::Parsed("Invented One".parse().unwrap()),
            orientation: CaptureFact::Unreadable,
            position: CaptureFact::Absent,
        };
        self.0.value(subject(person), "/capture", &facts)
    }

    /// `from` and `until` are instants; the number is in E.164.
    pub(crate) fn phone(
        &self,
        person: u128,
        number: &str,
        from: &str,
        until: Option<&str>,
    ) -> common::SealedDated {
        let instant = |text: &str| text.parse().unwrap();
        self.0
            .phone(subject(person), number, instant(from), until.map(instant))
    }

    /// An address in one line, from an instant on.
    pub(crate) fn address(
        &self,
        person: u128,
        line: &str,
        from: &str,
        until: Option<&str>,
    ) -> common::SealedDated {
        let address = Address::imported("1000001", line).unwrap();
        let path = format!("/address/{from}");
        common::SealedDated {
            value: Some(self.0.value(subject(person), &path, &address)),
            counts_from_us: micros(from),
            counts_until_us: until.map(micros),
        }
    }

    pub(crate) fn party(&self, person: u128, numbers: &[&str]) -> endorsement::PublishedParty {
        endorsement::PublishedParty {
            subject_id: subject(person).to_string(),
            kind: "INDIVIDUAL".to_owned(),
            name: Some(self.text(person, "/name", &name(person))),
            fields: vec![phones(
                numbers
                    .iter()
                    .map(|number| self.phone(person, number, LONG_AGO, None))
                    .collect(),
            )],
            ..endorsement::PublishedParty::default()
        }
    }

    /// A contract of `person`, who is also the insured, with numbers in force.
    pub(crate) fn contract(
        &self,
        policy_number: &str,
        person: u128,
        numbers: &[&str],
    ) -> endorsement::ContractImported {
        endorsement::ContractImported {
            policy_number: policy_number.to_owned(),
            branch_number: "0".to_owned(),
            product: "HOUSEHOLD".to_owned(),
            kind: "INDIVIDUAL".to_owned(),
            period_start_us: micros(LONG_AGO),
            period_end_us: Some(micros(FAR_AHEAD)),
            policyholder: Some(self.party(person, numbers)),
            insured: Some(self.party(person, numbers)),
            policyholder_is_insured: true,
            object_address: Some(self.text(person, "/object_address", "東京都港区1-2-3")),
            ..endorsement::ContractImported::default()
        }
    }

    /// An accident of `person` on contract number 1, with adjuster A001 of the office TOKYO.
    pub(crate) fn accident(&self, claim_number: &str, person: u128, at: &str) -> claims::AccidentImported {
        claims::AccidentImported {
            claim_number: claim_number.to_owned(),
            contract_id: contract_id(1).to_string(),
            policy_number: "AB12345678".to_owned(),
            subject_id: subject(person).to_string(),
            occurred_at_us: micros(at),
            place: Some(self.text(person, "/place", "自宅の台所")),
            kind: claims::AccidentKind::WaterLeak.into(),
            adjuster_id: "A001".to_owned(),
            office: "TOKYO".to_owned(),
            state: claims::AccidentState::Open.into(),
        }
    }

    /// A picture that was received.
    pub(crate) fn image(&self, number: u128, person: u128) -> claims::ImageRecorded {
        claims::ImageRecorded {
            subject_id: subject(person).to_string(),
            image: Some(claims::Image {
                image_id: image_id(number).to_string(),
                category: claims::ImageCategory::DamagedProperty.into(),
                state: claims::ImageState::Received.into(),
                content_type: "image/jpeg".to_owned(),
                size_bytes: 1_000,
                sha256: vec![0xab; 32],
                width: 640,
                height: 480,
                derivatives: vec![claims::DerivativeSize::Small.into()],
                hints: vec![claims::ImageHint {
                    code: "DARK".to_owned(),
                    ..claims::ImageHint::default()
                }],
                ..claims::Image::default()
            }),
            file_name: Some(self.text(person, "/file_name", &file_name(number))),
            capture: Some(self.capture(person)),
        }
    }

    pub(crate) fn sent(
        &self,
        number: u128,
        person: u128,
        images: &[u128],
        at: &str,
    ) -> claims::SubmissionSent {
        claims::SubmissionSent {
            subject_id: subject(person).to_string(),
            submission_id: submission_id(number).to_string(),
            image_ids: ids(images),
            note: Some(self.text(person, "/note", "よろしくお願いします")),
            sent_at_us: micros(at),
        }
    }
}

pub(crate) fn phones(values: Vec<common::SealedDated>) -> endorsement::PartyField {
    endorsement::PartyField {
        kind: endorsement::PartyFieldKind::Phones.into(),
        values,
    }
}

pub(crate) fn addresses(values: Vec<common::SealedDated>) -> endorsement::PartyField {
    endorsement::PartyField {
        kind: endorsement::PartyFieldKind::Address.into(),
        values,
    }
}

pub(crate) fn seen(number: u128, person: u128, images: &[u128], at: &str) -> claims::SubmissionSeen {
    claims::SubmissionSeen {
        subject_id: subject(person).to_string(),
        submission_id: submission_id(number).to_string(),
        image_ids: ids(images),
        seen_by: "A001".to_owned(),
        seen_at_us: micros(at),
    }
}

fn ids(images: &[u128]) -> Vec<String> {
    images
        .iter()
        .map(|number| image_id(*number).to_string())
        .collect()
}

pub(crate) fn name(person: u128) -> String {
    format!("見本　{person}子")
}

pub(crate) fn file_name(image: u128) -> String {
    format!("IMG_{image:04}.jpg")
}

/// Both derivatives of a picture were made later.
pub(crate) fn derived(number: u128, person: u128) -> claims::ImageDerived {
    claims::ImageDerived {
        subject_id: subject(person).to_string(),
        image_id: image_id(number).to_string(),
        derivatives: vec![
            claims::DerivativeSize::Small.into(),
            claims::DerivativeSize::Large.into(),
        ],
    }
}

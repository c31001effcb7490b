//! A history that touches every table of the views.

use contracts::claim_images::v1::claim_images_event;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{Endorsement, EndorsementChanged, EndorsementState, PartyFieldChanged};
use contracts::identity::v1::{AccountRegistered, SessionOpened, identity_event};
use contracts::phone_verification::v1::{ChallengeOpened, phone_verification_event};
use uuid::Uuid;

use crate::book::{FAR_AHEAD, LONG_AGO, accident_id, account_id, contract_id, micros, phones, seen, subject};
use crate::world::{NOON, World};

/// A history that touches every table, with repetitions and what comes late.
pub(crate) async fn history(world: &World) {
    contracts_and_requests(world).await;
    accidents(world).await;
    let registered = |subjects: &[u128]| {
        identity_event::Event::AccountRegistered(AccountRegistered {
            subject_ids: subjects
                .iter()
                .map(|person| subject(*person).to_string())
                .collect(),
            route: "A".to_owned(),
            ..AccountRegistered::default()
        })
    };
    world.identity(account_id(1), 1, registered(&[1])).await;
    let opened = SessionOpened {
        session_id: Uuid::from_u128(1).to_string(),
        ..SessionOpened::default()
    };
    world
        .identity(account_id(1), 2, identity_event::Event::SessionOpened(opened))
        .await;
    let opened = ChallengeOpened {
        account_id: account_id(1).to_string(),
        ..ChallengeOpened::default()
    };
    world
        .phone_verification(1, 1, phone_verification_event::Event::ChallengeOpened(opened))
        .await;
}

async fn contracts_and_requests(world: &World) {
    let id = contract_id(1);
    for version in [0, 4, 2, 4] {
        world
            .endorsement(id, version, |seal| {
                let mut content = seal.contract(&format!("AB0000000{version}"), 1, &["+819011112222"]);
                content.insured = Some(seal.party(2 + u128::from(version), &["+81312345678"]));
                Event::ContractImported(content)
            })
            .await;
    }
    for version in [3, 5] {
        world
            .endorsement(id, version, |seal| {
                Event::PartyFieldChanged(PartyFieldChanged {
                    subject_id: subject(1).to_string(),
                    policyholder: true,
                    field: Some(phones(vec![
                        seal.phone(1, "+819011112222", LONG_AGO, Some(NOON)),
                        seal.phone(1, "+818033334444", NOON, None),
                    ])),
                    period_end_us: Some(micros(FAR_AHEAD)),
                    ..PartyFieldChanged::default()
                })
            })
            .await;
    }
    for (version, state) in [(6, EndorsementState::Scheduled), (7, EndorsementState::Effective)] {
        let endorsement = Endorsement {
            endorsement_id: Uuid::from_u128(1).to_string(),
            receipt_number: "R-1".to_owned(),
            state: state.into(),
            ..Endorsement::default()
        };
        let changed = EndorsementChanged {
            endorsement: Some(endorsement),
            policyholder_subject_id: subject(1).to_string(),
            fields: vec!["policyholder.phones".to_owned()],
            last_endorsement_date: "2026-11-16".to_owned(),
        };
        world
            .endorsement(id, version, |_| Event::EndorsementChanged(changed))
            .await;
    }
}

async fn accidents(world: &World) {
    use claim_images_event::Event;
    let id = accident_id(1);
    world
        .claim_images(id, 0, |seal| {
            Event::AccidentImported(seal.accident("F0000001", 1, NOON))
        })
        .await;
    for number in 1..=3 {
        let version = u64::try_from(number).unwrap();
        world
            .claim_images(id, version, |seal| Event::ImageRecorded(seal.image(number, 1)))
            .await;
    }
    for number in 1..=2 {
        let version = 3 + u64::try_from(number).unwrap();
        world
            .claim_images(id, version, |seal| {
                Event::SubmissionSent(seal.sent(number, 1, &[number], NOON))
            })
            .await;
    }
    world
        .claim_images(id, 6, |_| Event::SubmissionSeen(seen(1, 1, &[1], NOON)))
        .await;
    world
        .claim_images(id, 1, |seal| Event::ImageRecorded(seal.image(1, 1)))
        .await;
}

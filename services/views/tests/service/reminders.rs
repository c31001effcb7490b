//! What customers are reminded of (PV-2, PV-7, PV-15, CI-12).

use contracts::claim_images::v1::claim_images_event;
use contracts::endorsement::v1::endorsement_event;
use contracts::views::v1::{ListRemindersRequest, ListRemindersResponse, Reminder, ReminderReason};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::book::{Seal, accident_id, contract_id, micros, phones};
use crate::world::{As, NOON, World};

const NOT_USABLE: &str = "+815011112222";

async fn ask(world: &World, language: &str, page_size: i32, page_token: &str) -> ListRemindersResponse {
    world.caught_up().await;
    let request = ListRemindersRequest {
        page_size,
        page_token: page_token.to_owned(),
        consistency_tokens: vec![],
    };
    let request = world.call_in(language, As::Customer(1), request);
    world
        .customers()
        .list_reminders(request)
        .await
        .unwrap()
        .into_inner()
}

async fn all(world: &World, language: &str) -> Vec<Reminder> {
    ask(world, language, 0, "").await.reminders
}

async fn contract(
    world: &World,
    build: impl FnOnce(&Seal<'_>) -> contracts::endorsement::v1::ContractImported,
) {
    world
        .endorsement(contract_id(1), 0, |seal| {
            endorsement_event::Event::ContractImported(build(seal))
        })
        .await;
}

fn reminder(reason: &str, about: Uuid, message: &str) -> Reminder {
    Reminder {
        reason: ReminderReason::from_str_name(&format!("REMINDER_REASON_{reason}"))
            .unwrap()
            .into(),
        message: message.to_owned(),
        about_id: about.to_string(),
    }
}

#[tokio::test]
async fn ci_12_unsent_pictures_and_pv_15_unusable_numbers_are_reminded_of_in_the_callers_language() {
    let world = World::new().await;
    contract(&world, |seal| seal.contract("AB12345678", 1, &[NOT_USABLE])).await;
    let id = accident_id(1);
    world
        .claim_images(id, 0, |seal| {
            claim_images_event::Event::AccidentImported(seal.accident("F0000001", 1, NOON))
        })
        .await;
    for number in 1..=2 {
        let version = u64::try_from(number).unwrap();
        world
            .claim_images(id, version, |seal| {
                claim_images_event::Event::ImageRecorded(seal.image(number, 1))
            })
            .await;
    }
    let english = [
        reminder(
            "NO_USABLE_PHONE",
            contract_id(1),
            "Policy AB12345678 has no telephone number that can be used for login. Register a mobile (090, 080, 070) \
             or fixed-line number under \"change\" in the contract list.",
        ),
        reminder(
            "UNSENT_IMAGES",
            id,
            "Accident F0000001 has 2 registered image(s) that were not sent. Review and send them.",
        ),
    ];
    assert_eq!(all(&world, "en").await, english);
    let japanese = all(&world, "ja").await;
    assert!(
        japanese[0].message.starts_with("証券番号AB12345678のご契約に"),
        "{japanese:?}"
    );
    assert_eq!(
        japanese[1].message,
        "事故受付番号F0000001に、登録済みで未送信の画像が2枚あります。内容をご確認のうえ送信してください。"
    );

    let first = ask(&world, "en", 1, "").await;
    let second = ask(&world, "en", 1, &first.next_page_token).await;
    assert_eq!(second.next_page_token, "");
    assert_eq!([first.reminders, second.reminders].concat(), english);

    world
        .claim_images(id, 3, |seal| {
            claim_images_event::Event::SubmissionSent(seal.sent(1, 1, &[1, 2], NOON))
        })
        .await;
    assert_eq!(all(&world, "en").await, english[..1]);
}

#[tokio::test]
async fn pv_7_a_scheduled_number_is_reminded_of_until_the_clock_reaches_its_instant() {
    let world = World::new().await;
    let from = "2026-11-16T12:05:00+09:00";
    contract(&world, |seal| {
        let mut content = seal.contract("AB12345678", 1, &[]);
        let scheduled = seal.phone(1, "+819011112222", from, None);
        content.policyholder.as_mut().unwrap().fields = vec![phones(vec![scheduled])];
        content
    })
    .await;
    let reasons = async || {
        let reminders = all(&world, "en").await;
        reminders
            .into_iter()
            .map(|reminder| reminder.reason())
            .collect::<Vec<_>>()
    };
    assert_eq!(reasons().await, [ReminderReason::NoUsablePhone]);
    world.clock.advance(SignedDuration::from_secs(299));
    assert_eq!(reasons().await, [ReminderReason::NoUsablePhone]);
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(reasons().await, Vec::<ReminderReason>::new());
}

#[tokio::test]
async fn pv_16_a_contract_whose_numbers_count_no_longer_is_not_reminded_of() {
    let world = World::new().await;
    contract(&world, |seal| {
        let mut content = seal.contract("AB12345678", 1, &[]);
        // The tail of 90 days ends a minute after noon.
        content.period_end_us = Some(micros("2026-08-18T12:01:00+09:00"));
        content
    })
    .await;
    assert_eq!(all(&world, "en").await.len(), 1);
    world.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(all(&world, "en").await, []);
}

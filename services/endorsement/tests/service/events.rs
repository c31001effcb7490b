//! What the others hear: over NATS and over the feed alike, with sealed phones that only the keyring opens.

use async_nats::jetstream;
use contracts::common::v1 as common;
use contracts::endorsement::v1::endorsement_event::Event;
use contracts::endorsement::v1::{EndorsementEvent, EndorsementState, PartyFieldKind};
use contracts::feed::v1::{FeedItem, ReadRequest, feed_service_client::FeedServiceClient};
use contracts::names;
use harness::{bearing, secret_of};
use kernel::ids::EventId;
use kernel::{Personal, SealedField};
use privacy::Keyring;
use prost::Message as _;
use testkit::wait_for;

use crate::book::{NEW, OLD, contract_id, move_to, row, subject, to};
use crate::world::{As, SOON, World};

const HOLDER: As = As::Holder("C0001");

/// The stream's messages, once there are `count`.
async fn messages(world: &World, count: u64) -> Vec<(String, Vec<u8>)> {
    let client = async_nats::connect(&world.nats.url).await.unwrap();
    let context = jetstream::new(client);
    let name = names::stream(&world.nats.prefix, names::ENDORSEMENT);
    let stream = wait_for("all messages in the stream", SOON, async || {
        let mut stream = context
            .get_stream(&name)
            .await
            .map_err(|error| error.to_string())?;
        let seen = stream
            .info()
            .await
            .map_err(|error| error.to_string())?
            .state
            .messages;
        if seen < count {
            Err(format!("{seen} messages"))
        } else {
            Ok(stream)
        }
    })
    .await;
    let mut messages = Vec::new();
    for sequence in 1..=count {
        let message = stream.get_raw_message(sequence).await.unwrap();
        messages.push((message.subject.to_string(), message.payload.to_vec()));
    }
    messages
}

async fn feed(world: &World) -> Vec<FeedItem> {
    let request = bearing(ReadRequest::default(), &secret_of(names::VIEWS));
    FeedServiceClient::new(world.channel())
        .read(request)
        .await
        .unwrap()
        .into_inner()
        .items
}

/// Opens a number as another service would.
async fn open(keyring: &Keyring, event: &EndorsementEvent, phone: &common::SealedDated) -> String {
    let field = phone.value.clone().unwrap();
    let field = SealedField {
        path: field.path,
        subject: field.subject_id.parse().unwrap(),
        key_id: field.key_id.parse().unwrap(),
        algorithm: field.algorithm,
        nonce: field.nonce,
        ciphertext: field.ciphertext,
    };
    let event_id: EventId = event.event_id.parse().unwrap();
    let opened: Personal<String> = keyring.open(event_id, &field).await.unwrap();
    opened.into_known().unwrap()
}

#[tokio::test]
async fn a_change_is_told_over_nats_and_feed_with_sealed_phones() {
    let world = World::new().await;
    let id = contract_id("AB12345678");
    world.import(vec![row("AB12345678", "C0001")]).await;
    world.change(&HOLDER, &to(&id, &[NEW], "2026-12-01")).await;

    let told = messages(&world, 3).await;
    let subjects: Vec<_> = told
        .iter()
        .map(|(subject, _)| subject.rsplit('.').next().unwrap())
        .collect();
    assert_eq!(
        subjects,
        ["imported", "endorsement_changed", "party_field_changed"]
    );
    let fed = feed(&world).await;
    let payloads: Vec<_> = fed.iter().map(|item| item.payload.clone()).collect();
    assert_eq!(
        payloads,
        told.iter()
            .map(|(_, payload)| payload.clone())
            .collect::<Vec<_>>()
    );

    let keyring = world.keyring();
    let events: Vec<_> = payloads
        .iter()
        .map(|payload| EndorsementEvent::decode(&**payload).unwrap())
        .collect();
    assert!(events.iter().all(|event| event.entity_id == id));
    assert_eq!(
        events.iter().map(|event| event.version).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    let Some(Event::ContractImported(imported)) = &events[0].event else {
        panic!("{events:?}")
    };
    let holder = imported.policyholder.as_ref().unwrap();
    assert_eq!(holder.subject_id, subject("C0001").to_string());
    assert_eq!(
        open(&keyring, &events[0], &holder.fields[0].values[0]).await,
        "+819011112222"
    );
    let Some(Event::EndorsementChanged(changed)) = &events[1].event else {
        panic!("{events:?}")
    };
    assert_eq!(
        changed.endorsement.as_ref().unwrap().state(),
        EndorsementState::Scheduled
    );
    let Some(Event::PartyFieldChanged(changed)) = &events[2].event else {
        panic!("{events:?}")
    };
    assert!(changed.policyholder && changed.insured);
    let phones = changed.field.as_ref().unwrap();
    assert_eq!(phones.kind(), PartyFieldKind::Phones);
    let phones = &phones.values;
    assert_eq!(open(&keyring, &events[2], &phones[0]).await, "+819011112222");
    assert_eq!(open(&keyring, &events[2], &phones[1]).await, "+818033334444");
    assert_eq!(phones[0].counts_until_us, Some(phones[1].counts_from_us));
}

#[tokio::test]
async fn op_4_no_personal_value_is_readable_in_the_database_or_on_the_wire() {
    let world = World::new().await;
    let id = contract_id("AB12345678");
    world.import(vec![row("AB12345678", "C0001")]).await;
    world.change(&HOLDER, &to(&id, &[NEW], "2026-12-01")).await;
    world.change(&HOLDER, &move_to(&id, "1-2-3", "2026-12-01")).await;
    let told = messages(&world, 5).await;
    let mut dump: String = sqlx::query_scalar(
        "SELECT string_agg(t, ' ') FROM (
            SELECT event::text AS t FROM store.event UNION ALL SELECT scheduled::text FROM endorsement.scheduled) AS all_rows",
    )
    .fetch_one(&world.database.pool)
    .await
    .unwrap();
    dump.extend(
        told.iter()
            .map(|(_, payload)| String::from_utf8_lossy(payload).into_owned()),
    );
    assert!(dump.contains("AB12345678"), "the search finds what is there");
    let digits = |number: &str| number.replace('-', "");
    for canary in [
        "見本　花子",
        "ミホン",
        "1980-04-01",
        "hanako@",
        "千代田",
        "梅田",
        "見本ビル",
        "5300001",
        "港区",
        "1000001",
        OLD,
        &digits(OLD),
        &digits(OLD)[1..],
        NEW,
        &digits(NEW)[1..],
    ] {
        assert!(!dump.contains(canary), "{canary} is readable");
    }
}

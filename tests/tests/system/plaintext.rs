//! After the journey no personal value lies readable in event tables, operational tables, JetStream's files, originals or
//! logs. The search first proves itself on canaries it plants.

use std::time::Duration;

use base64::Engine as _;
use contracts::endorsement::v1::PartyRow;
use contracts::names::SERVICES as PUBLISHERS;
use dev::sample::{Book, BookContract, Recipe};
use dev::session::Session;
use dev::stack::Stack;
use kernel::PhoneNumber;
use sqlx::{Connection as _, PgConnection};
use testkit::search::{Needle, Search};

use crate::haystack::everything;
use crate::setup::{data_folder, play_journey, programs};

/// How long the relays may take to send everything again.
const TOLD_WITHIN: Duration = Duration::from_mins(1);
const BEHIND: &str =
    "SELECT (SELECT event_id FROM store.event ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1)
    IS DISTINCT FROM (SELECT scanned_event_id FROM messaging.relay_checkpoint)";

#[tokio::test]
async fn no_personal_value_is_readable_outside_the_views() {
    let folder = data_folder();
    play_journey(folder.path());
    let data = folder.path().join("data");
    let mut stack = Stack::start(&data, &programs()).await.unwrap();
    tell_everything_again(&mut stack).await;

    let canary = [text("canary", "金糸雀　かなりあ")];
    plant(&stack, "金糸雀　かなりあ").await;
    let found = Search::new(&canary).lines(&everything(&stack).await);
    assert_eq!(
        found.len(),
        4,
        "the search is blind to some of its canaries: {found:?}"
    );
    remove(&stack).await;

    let (needles, places) = (needles(&stack), everything(&stack).await);
    assert!(
        places
            .iter()
            .any(|place| place.name == "identity: store.event" && place.bytes.len() > 10_000)
    );
    assert!(
        places
            .iter()
            .any(|place| place.name.contains("jetstream") && place.bytes.len() > 10_000)
    );
    assert!(
        places
            .iter()
            .any(|place| place.name.ends_with("logs/identity.log") && place.bytes.len() > 1_000)
    );
    assert!(
        places
            .iter()
            .any(|place| place.name.contains("originals") && place.bytes.len() > 100_000)
    );
    let found = Search::new(&needles).lines(&places);
    assert!(found.is_empty(), "readable:\n{}", found.join("\n"));
    stack.stop().await;
}

/// The journey wipes JetStream: relays that know of nothing sent fill it with every event there is.
async fn tell_everything_again(stack: &mut Stack) {
    for service in PUBLISHERS {
        stack.kill(service).await;
        let mut connection = PgConnection::connect(&stack.database_url(service)).await.unwrap();
        sqlx::query("DELETE FROM messaging.relay_checkpoint")
            .execute(&mut connection)
            .await
            .unwrap();
    }
    stack.nats().wipe().await.unwrap();
    stack.nats().restart().await.unwrap();
    for service in PUBLISHERS {
        stack.restart(service).await.unwrap();
        let mut connection = PgConnection::connect(&stack.database_url(service)).await.unwrap();
        let told = testkit::poll(TOLD_WITHIN, async || {
            let behind: bool = sqlx::query_scalar(BEHIND)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if behind { Err(()) } else { Ok(()) }
        });
        assert!(told.await.is_ok(), "{service} has not told everything");
    }
}

fn text(what: &str, value: &str) -> Needle {
    Needle::text(what, value).unwrap_or_else(|| panic!("{what} is too short to be looked for"))
}

/// In every notation; without the plus, which URLs and some encodings change.
fn numbers(what: &str, number: &PhoneNumber) -> Vec<Needle> {
    let display = number.display();
    let notations = [
        &number.as_e164()[1..],
        &number.national(),
        &display,
        &display.replace('-', " "),
    ];
    Needle::notations(what, &notations)
}

/// A table row, a row of bytes, a log line and a file of JetStream's, each in another form.
async fn plant(stack: &Stack, canary: &str) {
    let mut connection = PgConnection::connect(&stack.database_url("identity"))
        .await
        .unwrap();
    for statement in [
        "CREATE TABLE identity.canary_text (json json)",
        "CREATE TABLE identity.canary_bytes (bytes bytea)",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    let escaped: Vec<_> = canary
        .encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect();
    sqlx::query("INSERT INTO identity.canary_text VALUES ($1::json)")
        .bind(format!("{{\"name\":\"{}\"}}", escaped.concat()))
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("INSERT INTO identity.canary_bytes VALUES ($1)")
        .bind(canary.as_bytes())
        .execute(&mut connection)
        .await
        .unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("x{canary}"));
    std::fs::write(stack.description().nats_store.join("canary"), encoded).unwrap();
    std::fs::write(stack.folder().file("logs/canary.log"), format!("name={canary}\n")).unwrap();
}

async fn remove(stack: &Stack) {
    let mut connection = PgConnection::connect(&stack.database_url("identity"))
        .await
        .unwrap();
    for statement in [
        "DROP TABLE identity.canary_text",
        "DROP TABLE identity.canary_bytes",
    ] {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    std::fs::remove_file(stack.description().nats_store.join("canary")).unwrap();
    std::fs::remove_file(stack.folder().file("logs/canary.log")).unwrap();
}

/// What the journey's customer, and others of the book, gave away.
fn needles(stack: &Stack) -> Vec<Needle> {
    let session = Session::read(stack.folder());
    let recipe: Recipe =
        serde_json::from_slice(&std::fs::read(stack.folder().file("sample/recipe.json")).unwrap()).unwrap();
    let book = Book::compute(recipe);
    let customer = session.customer.unwrap();
    let own = |contract: &&BookContract| session.registered.contains(&contract.row.policy_number);
    let mut needles = vec![
        text("the user ID", &customer.email),
        text("the password", &customer.password),
        text("the note to the adjuster", "天井から水が漏れています"),
        text("a picture's name", "IMG_0412"),
        text("a picture's name", "橋の写真"),
        Needle::bytes(
            "the middle of a photograph",
            &testkit::photos::bridge().unwrap()[200_000..200_064],
        ),
        Needle::bytes(
            "a picture's position",
            &[35_u32, 1, 41, 1, 22, 1].map(u32::to_be_bytes).concat(),
        ),
    ];
    needles.extend(numbers(
        "the changed phone",
        &PhoneNumber::parse(&customer.phone).unwrap(),
    ));
    for contract in book
        .contracts
        .iter()
        .filter(own)
        .chain(book.contracts.iter().take(6))
    {
        needles.push(text("the insured object's address", &contract.row.object_address));
        needles.push(text("a printed code", &contract.credential.code));
        for party in contract.row.policyholder.iter().chain(&contract.row.insured) {
            needles.extend(of_party(party));
        }
    }
    for accident in book.accidents.iter().take(6) {
        needles.push(text("the accident's place", &accident.place));
    }
    needles
}

fn of_party(party: &PartyRow) -> Vec<Needle> {
    let mut needles = vec![
        text("a name", &party.name),
        text("a name in kana", &party.name_kana),
        text("an address", &party.address),
    ];
    if !party.email.is_empty() {
        needles.push(text("an e-mail address", &party.email));
    }
    if !party.birth_date.is_empty() {
        needles.push(text("a birth date", &party.birth_date));
    }
    for phone in &party.phones {
        needles.push(text("a phone as written", phone));
        needles.extend(numbers("a phone", &PhoneNumber::parse(phone).unwrap()));
    }
    needles
}

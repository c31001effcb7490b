//! A backup taken while an import goes on is restored into new servers, on which everything goes on: nobody is ahead of
//! whom they listen to, views fill themselves, pictures open, and a request made before has no second effect.

use std::time::Duration;

use client::import::{Plan, Silent, import};
use client::{Bearer, Client};
use contracts::claim_images::v1::DownloadOriginalRequest;
use contracts::views::v1::{ListAccidentsRequest, ListGalleryRequest};
use dev::sample::{Book, BookContract, Kind, Recipe, compose, write};
use dev::session::Session;
use dev::stack::{SERVICES, Secrets, Stack};
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::wait_for;

use crate::kill::{log_in, register, registration};
use crate::restored::{Restored, command, text};
use crate::setup::{data_folder, play_journey, programs};

const SOON: Duration = Duration::from_mins(1);
/// Those of the journey, and many more.
const CONTRACTS: u32 = 900;
/// Those that publish: all but the views.
const SOURCES: &[&str] = SERVICES.split_at(4).0;

const KNOWN_CONTRACTS: &str =
    "SELECT count(DISTINCT stream) FROM store.event WHERE stream LIKE 'endorsement.contract-%'";
const ACCOUNTS: &str = "SELECT count(*) FROM store.event WHERE type = 'account.registered.v1'";
const STREAMS_WITH_GAPS: &str = "SELECT count(*) FROM (SELECT FROM store.event GROUP BY stream
    HAVING max(revision) + 1 <> count(*) OR min(revision) <> 0) AS gaps";

#[tokio::test]
async fn a_backup_taken_while_commands_go_on_is_restored_into_new_servers_and_everything_goes_on() {
    let folder = data_folder();
    let data = folder.path().join("data");
    let saved = folder.path().join("backup");
    play_journey(folder.path());
    let stack = Stack::start(&data, &programs()).await.unwrap();
    let client = client(&stack);

    let (whole_book, (asked, answered)) = tokio::join!(import_book(&stack, &client), async {
        wait_for("the import to be under way", SOON, async || {
            let known = number(&stack, "endorsement", KNOWN_CONTRACTS).await;
            (known > 200).then_some(())
        })
        .await;
        let asked = registration(&somebody(&stack));
        let answered = register(&client, &asked).await.unwrap();
        let config = data.join("config");
        command(&["backup", text(&saved), "--settings", text(&config)]).await;
        (asked, answered)
    });
    let in_the_end = events(&stack).await;
    stack.stop().await;

    let new = Restored::from(&data, &saved, folder.path()).await;
    nobody_is_ahead_of_whom_they_listen_to(&new).await;
    let data = new.finish().await;
    let stack = Stack::start(&data, &programs()).await.unwrap();
    let client = self::client(&stack);
    let restored = events(&stack).await;
    assert!(
        restored < in_the_end,
        "the import was over when the backup was taken: {restored} events"
    );
    for service in SOURCES {
        let epoch = number(&stack, service, "SELECT epoch FROM store.epoch").await;
        assert_eq!(epoch, 2, "{service} stands on another instance");
    }
    everybody_has_heard_everything(&stack).await;

    let accounts = number(&stack, "identity", ACCOUNTS).await;
    let again = register(&client, &asked).await.unwrap();
    assert_eq!(
        again.account_id, answered.account_id,
        "the same request, the same answer"
    );
    assert_eq!(
        number(&stack, "identity", ACCOUNTS).await,
        accounts,
        "and no second effect"
    );
    log_in(&client, &asked).await.unwrap();
    assert!(pictures_opened(&stack, &client).await > 0);

    assert_eq!(
        import_book(&stack, &client).await,
        whole_book,
        "every row has the outcome it had"
    );
    assert_eq!(
        number(&stack, "endorsement", KNOWN_CONTRACTS).await,
        i64::from(CONTRACTS)
    );
    for service in SOURCES {
        assert_eq!(number(&stack, service, STREAMS_WITH_GAPS).await, 0, "{service}");
    }
    everybody_has_heard_everything(&stack).await;
    stack.stop().await;
}

/// What the one moment of all databases is for: whatever a consumer has applied, its source still has.
async fn nobody_is_ahead_of_whom_they_listen_to(restored: &Restored) {
    let mut cursors = 0;
    for consumer in SOURCES {
        let mut connection = restored.connect(consumer).await;
        let applied: Vec<(String, String)> = sqlx::query_as(
            "SELECT source, event_id::text FROM messaging.subscription WHERE event_id IS NOT NULL",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        for (source, event_id) in applied {
            let there: bool =
                sqlx::query_scalar("SELECT EXISTS (SELECT FROM store.event WHERE event_id = $1::uuid)")
                    .bind(&event_id)
                    .fetch_one(&mut restored.connect(&source).await)
                    .await
                    .unwrap();
            assert!(
                there,
                "{consumer} has applied {event_id}, which {source} does not have"
            );
            cursors += 1;
        }
    }
    assert!(cursors >= 2, "only {cursors} cursors were looked at");
}

fn client(stack: &Stack) -> Client {
    Client::new(&stack.description().services).unwrap()
}

async fn number(stack: &Stack, service: &str, query: &'static str) -> i64 {
    let mut connection = PgConnection::connect(&stack.database_url(service)).await.unwrap();
    sqlx::query_scalar(query)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// Of all services together.
async fn events(stack: &Stack) -> i64 {
    let mut events = 0;
    for service in SOURCES {
        events += number(stack, service, "SELECT count(*) FROM store.event").await;
    }
    events
}

/// The journey's book, with more contracts.
fn book(stack: &Stack) -> Book {
    let recipe = std::fs::read(stack.folder().file("sample/recipe.json")).unwrap();
    let recipe: Recipe = serde_json::from_slice(&recipe).unwrap();
    Book::compute(Recipe {
        contracts: CONTRACTS,
        ..recipe
    })
}

/// A customer of the journey's import who has not registered in it.
fn somebody(stack: &Stack) -> BookContract {
    let registered = Session::read(stack.folder()).registered;
    let mut contracts = book(stack).contracts.into_iter().take(60).rev();
    contracts
        .find(|contract| contract.kind == Kind::Plain && !registered.contains(&contract.row.policy_number))
        .unwrap()
}

/// The rows taken and refused, by file.
async fn import_book(stack: &Stack, client: &Client) -> Vec<(usize, usize)> {
    let files = stack.folder().file("whole-book");
    let plan = Plan::of_folder(&files, &stack.folder().file("whole-book/state"));
    write(&compose(&book(stack)), &files).unwrap();
    let administrator = staff(stack, "M001", "administrator");
    let summaries = import(client, &administrator, &plan, &Silent).await.unwrap();
    summaries
        .iter()
        .map(|summary| (summary.recorded + summary.unchanged, summary.refused))
        .collect()
}

fn staff(stack: &Stack, id: &str, role: &str) -> Bearer {
    let now_s = kernel::Clock::now(&kernel::SystemClock).as_second();
    let secrets = Secrets::open(stack.folder()).unwrap();
    Bearer::new(&secrets.staff().token(id, &[role], now_s, 3_600).unwrap())
}

/// Every consumer has applied what its source has published last, and none has stopped.
async fn everybody_has_heard_everything(stack: &Stack) {
    wait_for("every consumer to be where its source is", SOON * 2, async || {
        let mut heads = std::collections::BTreeMap::new();
        for source in SOURCES {
            let head =
                "SELECT coalesce(max(encode(published_cursor, 'hex')), '') FROM messaging.relay_checkpoint";
            heads.insert((*source).to_owned(), one(stack, source, head).await);
        }
        let mut behind = Vec::new();
        for consumer in SERVICES {
            let mut connection = PgConnection::connect(&stack.database_url(consumer))
                .await
                .unwrap();
            let cursors: Vec<(String, String, Option<String>)> = sqlx::query_as(
                "SELECT source, coalesce(encode(cursor, 'hex'), ''), stopped FROM messaging.subscription",
            )
            .fetch_all(&mut connection)
            .await
            .unwrap();
            behind.extend(
                cursors
                    .into_iter()
                    .filter(|(source, cursor, stopped)| heads[source] != *cursor || stopped.is_some())
                    .map(|(source, _, stopped)| format!("{consumer} hears {source}: {stopped:?}")),
            );
        }
        if behind.is_empty() { Ok(()) } else { Err(behind) }
    })
    .await;
}

async fn one(stack: &Stack, service: &str, query: &str) -> String {
    let mut connection = PgConnection::connect(&stack.database_url(service)).await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// How many originals of the journey's customer were read whole and are what their digest says.
async fn pictures_opened(stack: &Stack, client: &Client) -> usize {
    let mut session = Session::read(stack.folder());
    let customer = session.customer.as_mut().unwrap();
    customer.refresh_if_due(client).await.unwrap();
    let adjuster = staff(stack, &session.adjuster, "adjuster");
    let accidents = client
        .customer_view(&session.customer.as_ref().unwrap().bearer())
        .list_accidents(ListAccidentsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .accidents;
    let mut opened = 0;
    for accident in accidents {
        let gallery = ListGalleryRequest {
            accident_id: accident.accident_id.clone(),
            ..ListGalleryRequest::default()
        };
        let gallery = client
            .adjuster_view(&adjuster)
            .list_gallery(gallery)
            .await
            .unwrap();
        for image in gallery.into_inner().images {
            if !image.derivatives.is_empty() {
                let request = DownloadOriginalRequest {
                    accident_id: accident.accident_id.clone(),
                    image_id: image.image_id,
                };
                assert_eq!(
                    digest_of(client, &adjuster, request).await,
                    hex::encode(image.sha256)
                );
                opened += 1;
            }
        }
    }
    opened
}

async fn digest_of(client: &Client, adjuster: &Bearer, request: DownloadOriginalRequest) -> String {
    let answer = client.claim_images(adjuster).download_original(request).await;
    let mut parts = answer.unwrap().into_inner();
    let mut digest = Sha256::new();
    while let Some(part) = parts.message().await.unwrap() {
        digest.update(&part.data);
    }
    hex::encode(digest.finalize())
}

//! ID-10: guessing is bounded, and locks nobody out (docs/adr/0034). Strangers and customers come through one forwarder,
//! each from an address of their own where the test says so.

use std::collections::BTreeSet;

use contracts::identity::v1::{CompleteLoginRequest, LoginRequest, LoginResponse};
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use harness::secret_of;
use tonic::{Request, Status};

use crate::world::{Client, DEADLINE, PASSWORD, World, reason, retry_after_s};

const MINUTE_S: i64 = 60;
/// Addresses strangers have.
const STRANGERS: usize = 24;
const HOME: &str = "198.51.100.1";

/// As the forwarder passes it on.
fn from<T>(address: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("madoguchi-client-address", address.parse().unwrap());
    metadata.insert("madoguchi-peer", secret_of("web").parse().unwrap());
    request
}

async fn log_in(
    client: &Client,
    (address, device_token): (&str, &str),
    user_id: &str,
    password: &str,
) -> Result<LoginResponse, Status> {
    let message = LoginRequest {
        user_id: user_id.to_owned(),
        password: password.to_owned(),
        device: String::new(),
        device_token: device_token.to_owned(),
    };
    Ok(client.clone().login(from(address, message)).await?.into_inner())
}

/// A whole login from an address; the device's token.
async fn device_of(world: &World, address: &str, user_id: &str) -> String {
    let login = log_in(&world.client, (address, ""), user_id, PASSWORD)
        .await
        .unwrap();
    world.tell_call(&login.login_token).await;
    let message = CompleteLoginRequest {
        login_token: login.login_token,
        wait_ms: 30_000,
    };
    let completed = world.client.clone().complete_login(from(address, message)).await;
    completed.unwrap().into_inner().device_token
}

/// Strangers, each from a network of his own, guess at one name at once. How many guesses were looked at.
async fn strangers_guess(world: &World, user_id: &str, numbers: impl IntoIterator<Item = usize>) -> usize {
    let guesses = numbers.into_iter().map(|number| async move {
        let address = match number % 2 {
            0 => format!("2001:db8:{:x}:{:x}::{number:x}", number >> 16, number & 0xffff),
            _ => format!("203.{}.{}.{}", number >> 16, (number >> 8) & 0xff, number & 0xff),
        };
        let refused = log_in(&world.client, (&address, ""), user_id, "wrong")
            .await
            .unwrap_err();
        looked_at(refused)
    });
    join_all(guesses)
        .await
        .into_iter()
        .filter(|looked| *looked)
        .count()
}

/// Whether the password was looked at.
fn looked_at(refused: Status) -> bool {
    match reason(Err::<(), _>(refused)).as_str() {
        "LOGIN_FAILED" => true,
        "TOO_MANY_ATTEMPTS" => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn id_10_strangers_guess_for_two_hours_and_the_owner_gets_in() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let device = device_of(&world, HOME, &email).await;

    let mut guesses = 0;
    for _ in 0..120 {
        guesses += strangers_guess(&world, &email, 0..STRANGERS).await;
        world.advance(MINUTE_S);
    }
    assert!((20..=40).contains(&guesses), "{guesses} guesses");
    strangers_guess(&world, &email, 0..STRANGERS).await;
    log_in(&world.client, ("192.0.2.1", &device), &email, PASSWORD)
        .await
        .expect("a known device, from anywhere");
    log_in(&world.client, (HOME, ""), &email, PASSWORD)
        .await
        .expect("a known address");

    // Somebody new retries only as told, while strangers ask every ten seconds.
    let (asked_at, mut come_back) = (world.now(), world.now());
    loop {
        strangers_guess(&world, &email, 0..STRANGERS).await;
        if world.now() >= come_back {
            match log_in(&world.client, ("192.0.2.99", ""), &email, PASSWORD).await {
                Ok(_) => break,
                Err(refused) => {
                    let told = i64::try_from(retry_after_s(&refused)).unwrap();
                    assert!(!looked_at(refused) && told > 0);
                    come_back = world.now() + jiff::SignedDuration::from_secs(told);
                }
            }
        }
        let waited_s = world.now().duration_since(asked_at).as_secs();
        assert!(waited_s < 600, "the owner waits for {waited_s} s");
        world.advance(10);
    }
}

#[tokio::test]
async fn id_10_at_most_100_passwords_of_one_account_are_looked_at_in_a_day() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let stolen = device_of(&world, HOME, &email).await;
    let mut guesses = 0;
    for step in 0..24 * 6 {
        guesses += strangers_guess(&world, &email, (0..4).map(|number| 1_000 + step * 2 + number)).await;
        for thief in [(HOME, ""), ("192.0.2.1", stolen.as_str())] {
            let refused = log_in(&world.client, thief, &email, "wrong").await;
            guesses += usize::from(looked_at(refused.unwrap_err()));
        }
        world.advance(10 * MINUTE_S - 1);
    }
    assert!((70..=100).contains(&guesses), "{guesses} guesses");
}

#[tokio::test]
async fn id_10_customers_with_right_passwords_behind_one_forwarder_are_not_refused_for_each_other() {
    const CUSTOMERS: u32 = 200;
    let world = World::with(&[("service.hash_queue", 512)]).await;
    let customers = stream::iter((1..=CUSTOMERS).map(|number| world.customer(number)));
    let emails: Vec<String> = customers.buffered(8).collect().await;
    let named = emails.iter().zip(1..).map(|(email, number)| {
        let (client, address) = (&world.client, format!("198.51.100.{number}"));
        async move { log_in(client, (&address, ""), email, PASSWORD).await }
    });
    let refused = join_all(named).await.into_iter().filter(Result::is_err);
    assert_eq!(refused.map(reason).collect::<Vec<_>>(), Vec::<String>::new());
    // The forwarder names nobody: all of them are one address, as many at once as one connection may have.
    let unnamed = emails.iter().map(|email| world.login(email, PASSWORD));
    let refused: Vec<_> = stream::iter(unnamed)
        .buffer_unordered(32)
        .filter_map(async |answer| answer.is_err().then(|| reason(answer)))
        .collect()
        .await;
    assert_eq!(refused, Vec::<String>::new());
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM identity.credential_attempts) + (SELECT count(*) FROM identity.source_failures)",
    )
    .fetch_one(&world.database.pool)
    .await
    .unwrap();
    assert_eq!(left, 0, "who was right leaves no row that others meet");
}

/// 64 at once, of two replicas, on three accounts, each from a device nobody knows.
#[tokio::test]
async fn id_10_many_logins_of_few_accounts_at_once_all_get_in() {
    let world = World::start().await;
    let instance = world.another().await;
    let clients = [world.client.clone(), Client::new(instance.channel())];
    let emails = join_all((1..=3).map(|number| world.customer(number))).await;
    let logins = (0..64_usize).map(|number| {
        let (client, email) = (&clients[number % 2], &emails[number % 3]);
        async move {
            let address = format!("192.0.2.{number}");
            log_in(client, (&address, ""), email, PASSWORD).await
        }
    });
    let refused: BTreeSet<String> = join_all(logins)
        .await
        .into_iter()
        .filter(Result::is_err)
        .map(reason)
        .collect();
    assert_eq!(refused, BTreeSet::new());
}

#[tokio::test]
async fn id_10_guesses_sent_at_once_through_replicas_gain_nothing() {
    let world = World::start().await;
    let instance = world.another().await;
    let clients = [world.client.clone(), Client::new(instance.channel())];
    let email = world.customer(1).await;
    let guesses = (0..60_usize).map(|number| {
        let (client, email) = (&clients[number % 2], &email);
        async move {
            let address = format!("203.0.113.{number}");
            log_in(client, (&address, ""), email, "wrong").await.unwrap_err()
        }
    });
    let answers = join_all(guesses).await;
    assert_eq!(
        answers
            .into_iter()
            .filter(|refused| looked_at(refused.clone()))
            .count(),
        10
    );
}

#[tokio::test]
async fn id_10_an_owners_login_gives_strangers_no_new_guesses() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let device = device_of(&world, HOME, &email).await;
    assert_eq!(strangers_guess(&world, &email, 0..STRANGERS).await, 10);
    log_in(&world.client, ("192.0.2.1", &device), &email, PASSWORD)
        .await
        .unwrap();
    assert_eq!(strangers_guess(&world, &email, 0..STRANGERS).await, 0);
}

/// One who guesses at one name after another makes his network slow for those nobody knows, and stops nobody.
#[tokio::test]
async fn id_10_a_network_that_failed_on_many_names_is_slowed_and_not_shut_out() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let device = device_of(&world, HOME, &email).await;
    let office = "198.51.100.200";
    let guess = |number: usize| {
        let (client, user_id) = (&world.client, format!("nobody{number}@example.jp"));
        async move {
            let refused = log_in(client, (office, ""), &user_id, "wrong").await.unwrap_err();
            (retry_after_s(&refused), looked_at(refused))
        }
    };
    let answers: Vec<_> = stream::iter(0..51).map(guess).buffered(8).collect().await;
    assert!(answers.iter().all(|(_, looked_at)| *looked_at));
    // More at once than its pace admits: some are told to come back.
    let (flood, known) = tokio::join!(
        join_all((100..140).map(guess)),
        log_in(&world.client, (office, &device), &email, PASSWORD)
    );
    known.expect("a known device does not wait for its network");
    let turned_away = flood.iter().filter(|(_, looked_at)| !looked_at);
    assert!(turned_away.clone().all(|(told_s, _)| (5..=10).contains(told_s)));
    let turned_away = turned_away.count();
    assert!(
        (20..40).contains(&turned_away),
        "{turned_away} were told to come back"
    );
    testkit::wait_for("somebody new from there", DEADLINE, async || {
        log_in(&world.client, (office, ""), &email, PASSWORD).await.ok()
    })
    .await;
}

/// Those that an erasure takes along: `erasure.rs`.
#[tokio::test]
async fn id_10_a_few_addresses_of_an_account_are_known() {
    let world = World::start().await;
    let email = world.customer(1).await;
    for number in 0..10 {
        world.advance(MINUTE_S);
        device_of(&world, &format!("198.51.100.{number}"), &email).await;
    }
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.known_address")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(known, 8);
    assert_eq!(strangers_guess(&world, &email, 0..STRANGERS).await, 10);
    log_in(&world.client, ("198.51.100.9", ""), &email, PASSWORD)
        .await
        .expect("the newest");
    let oldest = log_in(&world.client, ("198.51.100.0", ""), &email, PASSWORD).await;
    assert!(!looked_at(oldest.unwrap_err()));
}

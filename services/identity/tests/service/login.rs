//! Password, call, tokens (PV-1, PV-2, PV-9, ID-10, ID-14 to ID-16).

use tonic::Code;

use crate::world::{BUSY, CODE, Client, PASSWORD, World, claims, log_in, reason, retry_after_s};

/// A rulebook whose phone gate lies far ahead, in a file.
fn before_the_gate() -> (tempfile::NamedTempFile, [(&'static str, String); 1]) {
    let text =
        rulebook::DEFAULT_RULEBOOK.replacen("2022-12-01T00:00:00+09:00", "2099-01-01T00:00:00+09:00", 1);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let settings = [("rulebook.file", file.path().display().to_string())];
    (file, settings)
}

#[tokio::test]
async fn pv_1_tokens_come_after_the_call_to_the_one_who_waits() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let login = world.login("CUSTOMER1@example.jp", PASSWORD).await.unwrap();
    assert!(login.phone_call_required);
    assert_eq!(world.complete(&login.login_token, 0).await.unwrap().tokens, None);
    // A customer whose call has not come waits no longer than asked.
    assert_eq!(world.complete(&login.login_token, 50).await.unwrap().tokens, None);

    let (answer, ()) = tokio::join!(
        world.complete(&login.login_token, 30_000),
        world.tell_call(&login.login_token)
    );
    let answer = answer.unwrap();
    assert!(answer.consistency_token.starts_with("identity:"));
    let tokens = answer.tokens.unwrap();
    let access = claims(&tokens.access_token);
    assert_eq!(access["amr"], serde_json::json!(["pwd", "tel"]));
    assert_eq!(
        access["subjects"],
        serde_json::json!([crate::world::Contract::new(1).subject.to_string()])
    );
    assert_eq!(
        access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(),
        600
    );

    let account = crate::session::account(&world, &tokens).await.unwrap();
    assert_eq!((account.email, account.email_confirmed), (email, false));
}

#[tokio::test]
async fn pv_2_before_the_gate_the_password_alone_logs_in() {
    let (_file, settings) = before_the_gate();
    let world = World::with(&settings).await;
    let email = world.customer(1).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    assert!(!login.phone_call_required);
    let tokens = world
        .complete(&login.login_token, 0)
        .await
        .unwrap()
        .tokens
        .unwrap();
    assert_eq!(claims(&tokens.access_token)["amr"], serde_json::json!(["pwd"]));
}

#[tokio::test]
async fn id_14_without_the_second_factor_a_password_is_longer() {
    let (_file, settings) = before_the_gate();
    let world = World::with(&settings).await;
    let contract = world.contract(1, CODE).await;
    let id = crate::world::random();
    let refused = world
        .register_as(id, &contract, CODE, "a@example.jp", "fourteen chars")
        .await
        .unwrap_err();
    assert_eq!(
        harness::violations(&refused),
        [("password".to_owned(), "PASSWORD_TOO_SHORT".to_owned())]
    );
}

#[tokio::test]
async fn id_10_unknown_user_and_wrong_password_answer_alike_and_are_throttled_alike() {
    let world = World::start().await;
    let email = world.customer(1).await;
    for _ in 0..3 {
        let unknown = world.login("stranger@example.jp", "wrong").await.unwrap_err();
        let wrong = world.login(&email, "wrong").await.unwrap_err();
        assert_eq!(
            (unknown.code(), unknown.message(), unknown.details()),
            (wrong.code(), wrong.message(), wrong.details())
        );
        assert_eq!(reason(Err::<(), _>(wrong)), "LOGIN_FAILED");
    }
    for user in ["stranger@example.jp", &email] {
        let throttled = world.login(user, PASSWORD).await.unwrap_err();
        assert_eq!(
            (throttled.code(), retry_after_s(&throttled)),
            (Code::ResourceExhausted, 1)
        );
    }
    world.advance(1);
    assert_eq!(reason(world.login(&email, "wrong").await), "LOGIN_FAILED");
    assert_eq!(
        retry_after_s(&world.login(&email, PASSWORD).await.unwrap_err()),
        3
    );
    world.advance(3);
    world.login(&email, PASSWORD).await.unwrap();
    // Afresh.
    assert_eq!(reason(world.login(&email, "wrong").await), "LOGIN_FAILED");
    world.login(&email, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn id_10_a_customer_is_never_locked_out_for_good() {
    let world = World::start().await;
    let email = world.customer(1).await;
    for _ in 0..30 {
        let _ = world.login(&email, "wrong").await;
        world.advance(900);
    }
    assert_eq!(reason(world.login(&email, "wrong").await), "LOGIN_FAILED");
    let throttled = world.login(&email, PASSWORD).await.unwrap_err();
    assert_eq!(
        retry_after_s(&throttled),
        900,
        "a quarter of an hour is the longest"
    );
    world.advance(900);
    world.login(&email, PASSWORD).await.unwrap();
}

/// Every attempt notes its instant, also of the source all customers behind one address share.
#[tokio::test]
async fn id_10_a_clock_that_was_ahead_blocks_nobody_once_it_is_right() {
    let world = World::start().await;
    let email = world.customer(1).await;
    world.advance(400);
    world.login(&email, PASSWORD).await.unwrap();
    assert_eq!(reason(world.login(&email, "wrong").await), "LOGIN_FAILED");
    world.advance(-400);
    world.login(&email, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn pv_9_a_newer_login_supersedes_the_open_one() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let older = world.login(&email, PASSWORD).await.unwrap();
    let newer = world.login(&email, PASSWORD).await.unwrap();
    assert_eq!(
        reason(world.complete(&older.login_token, 0).await),
        "LOGIN_SUPERSEDED"
    );
    world.tell_call(&older.login_token).await;
    world.tell_call(&newer.login_token).await;
    assert!(
        world
            .complete(&newer.login_token, 30_000)
            .await
            .unwrap()
            .tokens
            .is_some()
    );
    assert_eq!(world.events("account.login_verified.v1", None).await, 1);
}

#[tokio::test]
async fn a_login_token_is_good_for_ten_minutes_and_for_nothing_else() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    assert_eq!(reason(world.complete("nonsense", 0).await), "LOGIN_TOKEN_INVALID");
    let tokens = world.session(&email).await;
    assert_eq!(
        reason(world.complete(&tokens.access_token, 0).await),
        "LOGIN_TOKEN_INVALID"
    );
    let as_access = contracts::identity::v1::GetAccountRequest {};
    let as_access = crate::world::bearing(as_access, &login.login_token);
    assert_eq!(
        reason(world.client.clone().get_account(as_access).await),
        "TOKEN_INVALID"
    );
    let login = world.login(&email, PASSWORD).await.unwrap();
    world.advance(600);
    assert_eq!(
        reason(world.complete(&login.login_token, 0).await),
        "LOGIN_EXPIRED"
    );
}

#[tokio::test]
async fn id_15_a_storm_of_logins_is_turned_away_with_a_time_to_retry() {
    let world = World::with(&BUSY).await;
    let email = world.customer(1).await;
    let storm = (0..40).map(|number| {
        let (world, user) = (&world, format!("stranger{number}@example.jp"));
        async move { world.login(&user, "wrong").await.unwrap_err() }
    });
    let answers = futures::future::join_all(storm).await;
    let is_busy = |status: &&tonic::Status| reason(Err::<(), _>((*status).clone())) == "LOGIN_BUSY";
    let busy: Vec<_> = answers.iter().filter(is_busy).collect();
    assert!(!busy.is_empty(), "nobody was turned away");
    assert!(
        busy.iter()
            .all(|status| retry_after_s(status) == 2 && status.code() == Code::ResourceExhausted)
    );
    // Whoever was turned away was not charged with a failed attempt, and gets in.
    world.login(&email, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn id_14_a_password_hashed_at_a_lower_cost_is_rehashed_at_login() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let settings = world.settings.clone().with("service.hash_passes", 3);
    let instance = world.another_with(&settings).await;
    let stronger = Client::new(instance.channel());
    world.login(&email, PASSWORD).await.unwrap();
    assert_eq!(world.events("account.password_rehashed.v1", None).await, 0);
    log_in(&stronger, &email, PASSWORD).await.unwrap();
    assert_eq!(world.events("account.password_rehashed.v1", None).await, 1);
    log_in(&stronger, &email, PASSWORD).await.unwrap();
    assert_eq!(world.events("account.password_rehashed.v1", None).await, 1);
    // An instance with the old setting verifies by the new hash, and does not weaken it.
    world.login(&email, PASSWORD).await.unwrap();
}

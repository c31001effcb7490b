//! Refresh, replay, logout, account, keys (ID-16).

use contracts::identity::v1::{GetAccountRequest, GetAccountResponse, GetKeysRequest, LogoutRequest, Tokens};
use tonic::Status;

use crate::world::{PASSWORD, World, bearing, claims, random, reason};

pub(crate) async fn account(world: &World, tokens: &Tokens) -> Result<GetAccountResponse, Status> {
    let request = bearing(GetAccountRequest {}, &tokens.access_token);
    Ok(world.client.clone().get_account(request).await?.into_inner())
}

#[tokio::test]
async fn id_16_a_lost_answer_does_not_log_out_and_a_replay_ends_the_family() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let first = world.session(&email).await;
    let _lost = world.refresh(&first.refresh_token).await.unwrap();
    let second = world.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(
        claims(&second.access_token)["sid"],
        claims(&first.access_token)["sid"]
    );
    assert_eq!(
        claims(&second.access_token)["amr"],
        serde_json::json!(["pwd", "tel"])
    );
    let third = world.refresh(&second.refresh_token).await.unwrap();
    assert_eq!(
        reason(world.refresh(&first.refresh_token).await),
        "SESSION_ENDED_REPLAY"
    );
    for tokens in [&first, &second, &third] {
        assert_eq!(
            reason(world.refresh(&tokens.refresh_token).await),
            "SESSION_ENDED_REPLAY"
        );
    }
    assert_eq!(world.events("account.session_ended.v1", None).await, 1);
}

#[tokio::test]
async fn id_16_many_exchanges_of_one_token_at_once_end_nothing() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let tokens = world.session(&email).await;
    let at_once = (0..4).map(|_| world.refresh(&tokens.refresh_token));
    let answers = futures::future::join_all(at_once).await;
    for answer in answers {
        answer.unwrap();
    }
}

#[tokio::test]
async fn id_16_a_lost_answer_to_the_login_is_answered_again() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let login = world.login(&email, PASSWORD).await.unwrap();
    world.tell_call(&login.login_token).await;
    let lost = world
        .complete(&login.login_token, 30_000)
        .await
        .unwrap()
        .tokens
        .unwrap();
    let again = world
        .complete(&login.login_token, 0)
        .await
        .unwrap()
        .tokens
        .unwrap();
    assert_eq!(
        claims(&lost.access_token)["sid"],
        claims(&again.access_token)["sid"]
    );
    world.refresh(&again.refresh_token).await.unwrap();
    assert_eq!(
        reason(world.complete(&login.login_token, 0).await),
        "LOGIN_ALREADY_COMPLETED"
    );
    assert_eq!(world.events("account.session_opened.v1", None).await, 1);
}

#[tokio::test]
async fn a_refresh_token_that_is_none_is_refused() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let tokens = world.session(&email).await;
    let altered = if tokens.refresh_token.ends_with('A') {
        "B"
    } else {
        "A"
    };
    let forged = format!(
        "{}{altered}",
        &tokens.refresh_token[..tokens.refresh_token.len() - 2]
    ) + "w";
    // Of another generation: what is not kept is believed for its mark alone.
    let mut aged = tokens.refresh_token.clone();
    aged.replace_range(44..45, if &aged[44..45] == "A" { "B" } else { "A" });
    for token in [
        "",
        "nonsense",
        &aged,
        &"A".repeat(112),
        &forged,
        &tokens.access_token,
    ] {
        assert_eq!(
            reason(world.refresh(token).await),
            "REFRESH_TOKEN_INVALID",
            "{token}"
        );
    }
    world.advance(30 * 24 * 3600);
    assert_eq!(
        reason(world.refresh(&tokens.refresh_token).await),
        "REFRESH_TOKEN_INVALID"
    );
}

#[tokio::test]
async fn logout_ends_the_session_and_can_be_repeated() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let tokens = world.session(&email).await;
    let request = LogoutRequest {
        request_id: random().to_string(),
    };
    for _ in 0..2 {
        world
            .client
            .clone()
            .logout(bearing(request.clone(), &tokens.access_token))
            .await
            .unwrap();
    }
    assert_eq!(world.events("account.session_ended.v1", None).await, 1);
    assert_eq!(
        reason(world.refresh(&tokens.refresh_token).await),
        "SESSION_ENDED"
    );
    let without_id = LogoutRequest::default();
    let refused = world
        .client
        .clone()
        .logout(bearing(without_id, &tokens.access_token))
        .await;
    assert_eq!(
        harness::violations(&refused.unwrap_err())[0].1,
        "REQUEST_ID_REQUIRED"
    );
    assert_eq!(
        reason(world.client.clone().logout(request).await),
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn an_access_token_expires_after_ten_minutes() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let tokens = world.session(&email).await;
    world.advance(599);
    account(&world, &tokens).await.unwrap();
    world.advance(1);
    assert_eq!(reason(account(&world, &tokens).await), "TOKEN_EXPIRED");
}

#[tokio::test]
async fn the_key_set_verifies_what_is_issued() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let tokens = world.session(&email).await;
    let answer = world
        .client
        .clone()
        .get_keys(GetKeysRequest {})
        .await
        .unwrap()
        .into_inner();
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&answer.jwks_json).unwrap();
    let header = jsonwebtoken::decode_header(&tokens.access_token).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.set_audience(&["madoguchi"]);
    jsonwebtoken::decode::<serde_json::Value>(&tokens.access_token, &key, &validation).unwrap();
    assert!(!answer.jwks_json.contains("\"d\""));
}

/// OP-4: what is personal stands in no table of this service.
#[tokio::test]
async fn op_4_no_table_holds_a_personal_value_or_a_secret() {
    let world = World::start().await;
    let email = world.customer(1).await;
    let tokens = world.session(&email).await;
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_schema, table_name FROM information_schema.tables
         WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'",
    )
    .fetch_all(&world.database.pool)
    .await
    .unwrap();
    let mut dump = String::new();
    for (schema, table) in tables {
        let query =
            format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM \"{schema}\".\"{table}\" t");
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_one(&world.database.pool)
            .await
            .unwrap();
        dump.push_str(&rows);
    }
    assert!(
        dump.contains("account.registered.v1"),
        "the search does not see the events"
    );
    for canary in [
        email.as_str(),
        "iPhone",
        PASSWORD,
        crate::world::CODE,
        "K7QM2XPD9WTR",
        &tokens.refresh_token,
    ] {
        assert!(!dump.contains(canary), "{canary} stands in a table");
    }
}

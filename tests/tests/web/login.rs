//! Login with its call: what a failed call says, what ends a login, where it leads back to (PV-1, PV-6, PV-9).

use client::{answered, request_id};
use contracts::phone_verification::v1::GetChallengeRequest;
use dev::sample::Kind;
use http::StatusCode;
use testkit::wait_for;

use crate::stage::{PASSWORD, SOON, line, stage};

#[tokio::test]
async fn a_wrong_password_is_told_at_the_form_in_the_chosen_language_and_typed_again_is_only_the_password() {
    let stage = stage();
    let mut browser = stage.browser();
    let fields = [
        ("user_id", "nobody@example.jp"),
        ("password", "wrong password"),
        ("next", ""),
    ];
    let refused = browser.post("/login", &fields).await;
    let refused = refused.expect(422, "ユーザーIDまたはパスワードが正しくありません");
    assert!(refused.title().starts_with("エラー："), "{}", refused.title());
    assert!(refused.body.contains("id=\"errors\"") && refused.body.contains("href=\"#user-id\""));
    assert_eq!(refused.input("user_id"), "nobody@example.jp");
    assert!(
        !refused.body.contains("wrong password"),
        "a password is not shown again"
    );

    let chosen = browser
        .post("/language", &[("language", "en"), ("next", "/login")])
        .await;
    assert_eq!(
        (chosen.status, chosen.location().as_str()),
        (StatusCode::SEE_OTHER, "/login")
    );
    let refused = browser.post("/login", &fields).await;
    refused.expect(422, "The user ID or the password is not right");
}

#[tokio::test]
async fn pv_1_the_password_and_the_call_log_in_and_pv_6_a_withheld_call_is_guided() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 0);
    stage.register(&customer).await;
    let mut browser = stage.browser();
    let waiting = stage.password(&mut browser, &customer, "").await;
    let waiting = waiting.expect(200, "話し中の音");
    let dial = line(&waiting);
    assert!(
        waiting.body.contains("href=\"tel:0"),
        "the line can be dialled from the page"
    );

    let nothing = browser.post("/login/call", &[("act", "look")]).await;
    browser
        .follow(nothing)
        .await
        .expect(200, "まだお電話を確認できていません");

    stage.call(&dial, None).await;
    let guided = wait_for("the guidance", SOON, async || {
        let page = browser.get("/login/call").await;
        if page.body.contains("tel:186") {
            Ok(page)
        } else {
            Err(page.text())
        }
    })
    .await;
    guided.expect(200, "186");

    stage
        .verify(&mut browser, &customer, &waiting)
        .await
        .expect(200, "ホーム");
    // Strangers who guess at this name do not hold this browser up (ID-10), also after the logout.
    let known = browser.cookies["__Host-device"].clone();
    browser.post("/logout", &[]).await;
    assert_eq!(browser.cookies["__Host-device"], known);
}

#[tokio::test]
async fn the_state_that_the_script_asks_changes_with_the_call() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 1);
    stage.register(&customer).await;
    let mut browser = stage.browser();
    let waiting = stage.password(&mut browser, &customer, "").await;
    stage.call(&line(&waiting), Some(&customer.phone)).await;
    let word = wait_for("the match", SOON, async || {
        let told = browser.get("/login/call/state?guidance=0").await;
        if told.body == "matched" {
            Ok(told.body)
        } else {
            Err(told.body)
        }
    })
    .await;
    assert_eq!(word, "matched");
    browser
        .get("/login/call")
        .await
        .expect(200, "お電話を確認しました");
    stage
        .verify(&mut browser, &customer, &waiting)
        .await
        .expect(200, "ホーム");
    let elsewhere = browser.get("/login/call").await;
    assert_eq!(
        elsewhere.location(),
        "/home",
        "somebody who is logged in does not wait for a call"
    );
}

#[tokio::test]
async fn pv_9_a_newer_login_ends_the_older_one_and_says_so() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 2);
    stage.register(&customer).await;
    let (mut older, mut newer) = (stage.browser(), stage.browser());
    stage.password(&mut older, &customer, "").await;
    stage.password(&mut newer, &customer, "").await;
    wait_for("the end of the older login", SOON, async || {
        let page = older.get("/login/call").await;
        if page.body.contains("time-left") {
            Err(page.text())
        } else {
            Ok(page)
        }
    })
    .await
    .expect(200, "ログインし直す");
}

#[tokio::test]
async fn pv_3_without_a_usable_number_the_way_out_is_named() {
    let stage = stage();
    let customer = stage.customer(Kind::NoPhone, 0);
    stage.register(&customer).await;
    let mut browser = stage.browser();
    let fields = [("user_id", customer.email.as_str()), ("password", PASSWORD)];
    let sent = browser.post("/login", &fields).await;
    let page = browser.follow(sent).await;
    page.expect(200, "へお電話ください");
}

#[tokio::test]
async fn another_challenge_is_opened_on_the_same_login_whatever_ended_the_first() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 3);
    stage.register(&customer).await;
    let mut browser = stage.browser();
    stage.password(&mut browser, &customer, "").await;
    // Another line is waited on, and the call there logs in.
    // A moment after the first one it is told to wait some seconds.
    let waiting = wait_for("another challenge", SOON, async || {
        let again = browser.post("/login/call", &[("act", "again")]).await;
        let page = browser.follow(again).await;
        if page.body.contains("電話をかける") {
            Ok(page)
        } else {
            Err(page.text())
        }
    })
    .await;
    stage
        .verify(&mut browser, &customer, &waiting)
        .await
        .expect(200, "ホーム");
}

#[tokio::test]
async fn nobody_waits_for_a_challenge_of_somebody_else() {
    let stage = stage();
    let nobody = client::Bearer::nobody();
    let request = GetChallengeRequest {
        login_token: "no.token".to_owned(),
        challenge_id: request_id(),
        wait_ms: 0,
    };
    let refused = answered(
        stage
            .client()
            .phone_verification(&nobody)
            .get_challenge(request)
            .await,
    );
    assert!(refused.is_err());
    let mut browser = stage.browser();
    let told = browser.get("/login/call/state").await;
    assert_eq!(
        told.body, "changed",
        "a browser without a login has none to wait for"
    );
}

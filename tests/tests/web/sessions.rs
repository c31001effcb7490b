//! Sessions: back to where one was, what was typed stays, tokens are renewed once for many requests, the table tells nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dev::sample::Kind;
use futures::future::join_all;
use http::StatusCode;
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, PgConnection, Row as _};

use crate::browser::Browser;
use crate::stage::stage;

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_login_and_back() {
    let stage = stage();
    let customer = stage.customer(Kind::HalfShares, 3);
    stage.register(&customer).await;
    let mut browser = stage.browser();
    let place = format!("/contracts/{}", customer.contract_id);
    for path in ["/home", "/contracts", "/accidents", "/requests", place.as_str()] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(
            answer.location().starts_with("/login?next=%2F"),
            "{path}: {}",
            answer.location()
        );
    }
    let login = browser.open(&place).await.expect(200, "元の画面に戻ります");
    let next = login.next();
    assert_eq!(next, place);
    let back = stage.log_in(&mut browser, &customer, &next).await;
    assert_eq!(back.path, place);
    // A picture or a script's question is told so, and led nowhere.
    let mut script = stage.browser();
    script.headers.push(("sec-fetch-dest", "empty".to_owned()));
    assert_eq!(script.get("/home").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_was_typed_is_there_after_a_login_in_between_and_for_nobody_else() {
    let stage = stage();
    let (customer, other) = (
        stage.customer(Kind::HalfShares, 4),
        stage.customer(Kind::HalfShares, 5),
    );
    let mut browser = stage.logged_in(&customer).await;
    stage.register(&other).await;
    let form = format!("/contracts/{}/insured/phones", customer.contract_id);
    browser.get(&form).await.expect(200, "電話番号の変更");
    age(&browser, 31).await;
    let fields = [("phone1", "090-1234-0077"), ("effective_date", "2030-01-01")];
    let sent = browser.post(&form, &fields).await;
    let login = browser.follow(sent).await.expect(200, "ログイン");
    let next = login.next();
    assert_eq!(next, form);
    // Somebody else logs in on this device first.
    let mut shared = stage.browser();
    shared.cookies = browser.cookies.clone();
    let strange = stage
        .log_in(&mut shared, &other, "/home")
        .await
        .expect(200, "ホーム");
    assert!(
        !strange.body.contains("090-1234-0077") && !strange.text().contains("入力された内容が残っています")
    );
    let back = stage.log_in(&mut browser, &customer, &next).await;
    // The row that kept it went with the other login on the same cookie.
    assert_eq!(back.path, form);

    let mut own = stage.browser();
    stage
        .log_in(&mut own, &customer, &form)
        .await
        .expect(200, "電話番号の変更");
    age(&own, 31).await;
    let sent = own.post(&form, &fields).await;
    own.follow(sent).await.expect(200, "ログイン");
    let back = stage.log_in(&mut own, &customer, &form).await;
    let back = back.expect(200, "入力された内容が残っています");
    assert_eq!(back.input("phone1"), "090-1234-0077");
    assert_eq!(back.input("effective_date"), "2030-01-01");
}

/// Lets a browser's session have been used this many minutes ago.
async fn age(browser: &Browser, minutes: i32) {
    let cookie = URL_SAFE_NO_PAD
        .decode(&browser.cookies["__Host-session"])
        .unwrap();
    let mut connection = PgConnection::connect(&stage().database).await.unwrap();
    sqlx::query("UPDATE web.session SET used_at = used_at - make_interval(mins => $1) WHERE session_id = $2")
        .bind(minutes)
        .bind(Sha256::digest(cookie).to_vec())
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn twenty_requests_at_once_all_are_answered_by_one_session() {
    let stage = stage();
    let customer = stage.customer(Kind::HalfShares, 6);
    let browser = stage.logged_in(&customer).await;
    let asked = (0..20).map(|_| {
        let mut tab = stage.browser();
        tab.cookies = browser.cookies.clone();
        async move { tab.get("/home").await.status }
    });
    assert!(
        join_all(asked)
            .await
            .into_iter()
            .all(|status| status == StatusCode::OK)
    );
}

#[tokio::test]
async fn a_row_of_a_session_tells_nothing_without_its_cookie() {
    let stage = stage();
    let customer = stage.customer(Kind::HalfShares, 7);
    let browser = stage.logged_in(&customer).await;
    let mut connection = PgConnection::connect(&stage.database).await.unwrap();
    let rows = sqlx::query("SELECT session_id, sealed FROM web.session")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(!rows.is_empty());
    let cookie = &browser.cookies["__Host-session"];
    for row in rows {
        let (id, sealed): (Vec<u8>, Vec<u8>) = (row.get(0), row.get(1));
        assert_eq!(id.len(), 32);
        let text = String::from_utf8_lossy(&sealed);
        assert!(
            !text.contains("access_token") && !text.contains("account") && !text.contains(cookie.as_str())
        );
    }
}

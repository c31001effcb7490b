//! What every page has: a language, one heading, a way past the navigation, words and no codes; and whom to call.

use std::collections::BTreeSet;

use dev::sample::Kind;
use http::StatusCode;

use crate::browser::Answer;
use crate::stage::{accident_id, stage};

/// Words in capitals that are no codes of a service.
const NO_CODES: [&str; 8] = ["JPEG", "PNG", "HEIC", "PDF", "MB", "ID", "HTTP", "TEL"];

fn looks_right(page: &Answer, language: &str) {
    let path = &page.path;
    assert!(
        page.body
            .starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{language}\">")),
        "{path}"
    );
    assert_eq!(page.body.matches("<h1").count(), 1, "{path} has one heading");
    assert!(
        page.body.contains("href=\"#main\"") && page.body.contains("id=\"main\""),
        "{path}"
    );
    assert!(
        page.title().contains('｜') && !page.title().starts_with('｜'),
        "{path}: {}",
        page.title()
    );
    for word in page
        .text()
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
    {
        let code = word.len() > 3
            && word.contains('_')
            && word.chars().all(|character| {
                character.is_ascii_uppercase() || character == '_' || character.is_ascii_digit()
            });
        assert!(!code || NO_CODES.contains(&word), "{path} shows {word}");
    }
    let ids: Vec<&str> = page
        .body
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "{path} has an id twice: {ids:?}");
    for label in page
        .body
        .split("<label for=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(ids.contains(&label), "{path}: nothing has the label {label}");
    }
    assert!(page.body.len() < 60_000, "{path} has {} bytes", page.body.len());
}

#[tokio::test]
async fn every_page_has_its_language_one_heading_a_skip_link_and_no_code_words() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 12);
    let mut browser = stage.browser();
    stage.register(&customer).await;
    for (language, heading) in [("ja", "ログイン"), ("en", "Log in")] {
        browser.headers = vec![("accept-language", language.to_owned())];
        for path in [
            "/",
            "/login",
            "/help",
            "/register",
            "/register/masked",
            "/register/code",
            "/register/done",
            "/logout",
        ] {
            let page = browser.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text());
            looks_right(&page, language);
        }
        looks_right(&browser.get("/nowhere").await, language);
        browser.get("/login").await.expect(200, heading);
    }
    browser.headers = vec![("accept-language", "ja".to_owned())];
    let waiting = stage.password(&mut browser, &customer, "").await;
    looks_right(&waiting, "ja");
    stage.verify(&mut browser, &customer, &waiting).await;
    let (contract, accident) = (&customer.contract_id, accident_id(&customer.accidents[0]));
    for language in ["ja", "en"] {
        browser.headers = vec![("accept-language", language.to_owned())];
        for path in [
            "/home".to_owned(),
            "/help".to_owned(),
            "/contracts".to_owned(),
            "/requests".to_owned(),
            "/accidents".to_owned(),
            format!("/contracts/{contract}"),
            format!("/contracts/{contract}/insured/phones"),
            format!("/accidents/{accident}"),
            format!("/accidents/{accident}/add"),
            format!("/accidents/{accident}/send"),
        ] {
            let page = browser.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text());
            looks_right(&page, language);
            assert!(page.body.contains("action=\"/logout\""), "{path}");
        }
    }
}

#[tokio::test]
async fn op_2_whom_to_call_is_said_with_hours_and_whether_somebody_answers_now() {
    let stage = stage();
    let help = stage.browser().get("/help").await.expect(200, "受付時間");
    let open = help.text().contains("ただいま受付中");
    let closed = help.text().contains("受付時間外");
    assert!(open || closed, "{}", help.text());
    assert!(
        help.body.matches("href=\"tel:").count() >= 5,
        "a number for each topic"
    );
}

#[tokio::test]
async fn assets_are_kept_for_good_under_names_that_change_with_their_content() {
    let stage = stage();
    let mut browser = stage.browser();
    let page = browser.get("/").await;
    let style = page
        .body
        .split("href=\"/assets/")
        .find(|rest| rest.starts_with("pages."))
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let asset = browser.get(&format!("/assets/{style}")).await;
    assert_eq!(asset.status, StatusCode::OK);
    assert_eq!(asset.headers["content-type"], "text/css; charset=utf-8");
    assert!(
        asset.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    assert_eq!(
        browser.get("/assets/pages.css").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn what_balancers_ask_says_that_pages_are_served() {
    let stage = stage();
    let health = stage.browser().get("/healthz").await;
    assert_eq!(
        (health.status, health.body.as_str()),
        (StatusCode::OK, "SERVING\n")
    );
}

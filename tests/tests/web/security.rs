//! What strangers try, each with what stops it (docs/security.md).

use client::request_id;
use dev::sample::Kind;
use http::{Method, StatusCode};

use crate::browser::Browser;
use crate::stage::{accident_id, stage};

const SESSION: &str = "__Host-session";

async fn post_from(browser: &mut Browser, path: &str, header: (&'static str, &str)) -> StatusCode {
    browser.headers.push((header.0, header.1.to_owned()));
    let answer = browser.post(path, &[("act", "x")]).await;
    browser.headers.pop();
    answer.status
}

#[tokio::test]
async fn a_cross_site_post_is_refused_whatever_it_asks_and_a_cookie_without_a_site_too() {
    let stage = stage();
    let customer = stage.customer(Kind::ThirdShares, 0);
    let mut browser = stage.logged_in(&customer).await;
    for path in ["/logout", "/login", "/language", "/register/code", "/nowhere"] {
        for site in ["cross-site", "same-site"] {
            assert_eq!(
                post_from(&mut browser, path, ("sec-fetch-site", site)).await,
                StatusCode::FORBIDDEN,
                "{path} {site}"
            );
        }
    }
    // A browser of before Sec-Fetch-Site: its Origin tells.
    browser
        .headers
        .push(("origin", "https://evil.example".to_owned()));
    browser.headers.push(("sec-fetch-site", String::new()));
    let bare = Method::POST;
    let answer = browser.ask(bare.clone(), "/logout", None).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    browser.headers.clear();
    let kind = "application/x-www-form-urlencoded".to_owned();
    let cookies = browser.cookies.clone();
    let mut unnamed = Browser::new(&stage.pages);
    unnamed.unnamed = true;
    unnamed.cookies = cookies;
    let answer = unnamed.ask(bare, "/logout", Some((kind, "a=b".into()))).await;
    assert_eq!(
        answer.status,
        StatusCode::FORBIDDEN,
        "a cookie with neither header"
    );
    browser.get("/home").await.expect(200, "ホーム");
}

#[tokio::test]
async fn every_answer_forbids_frames_and_everything_that_is_not_ours() {
    let stage = stage();
    let mut browser = stage.browser();
    for path in [
        "/",
        "/login",
        "/help",
        "/register",
        "/nowhere",
        "/home",
        "/assets/none",
    ] {
        let answer = browser.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "script-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        for name in [
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
        ] {
            assert!(answer.headers.contains_key(name), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn no_page_holds_a_script_or_style_of_its_own() {
    let stage = stage();
    let mut browser = stage.browser();
    for path in [
        "/",
        "/login",
        "/help",
        "/register",
        "/register/code",
        "/register/masked",
        "/nowhere",
    ] {
        let page = browser.get(path).await.body;
        for tag in page.split('<').filter(|tag| tag.starts_with("script")) {
            assert!(
                tag.contains("src=\"/assets/") && tag.trim_end().ends_with('>'),
                "{path}: {tag}"
            );
        }
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains("javascript:"),
            "{path}"
        );
        assert!(!page.contains(" onclick") && !page.contains(" onload"), "{path}");
    }
}

#[tokio::test]
async fn a_session_fixed_before_the_login_is_nobodys_after_it() {
    let stage = stage();
    let customer = stage.customer(Kind::ThirdShares, 1);
    stage.register(&customer).await;
    let mut victim = stage.browser();
    let planted = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    victim.cookies.insert(SESSION.to_owned(), planted.to_owned());
    let waiting = stage.password(&mut victim, &customer, "").await;
    let during = victim.cookies[SESSION].clone();
    stage
        .verify(&mut victim, &customer, &waiting)
        .await
        .expect(200, "ホーム");
    let after = victim.cookies[SESSION].clone();
    assert!(during != planted && after != during, "a new cookie at each step");
    for known in [planted, during.as_str()] {
        let mut attacker = stage.browser();
        attacker.cookies.insert(SESSION.to_owned(), known.to_owned());
        // Not even the page that waits for the call.
        assert!(attacker.get("/home").await.location().starts_with("/login?"));
    }
}

#[tokio::test]
async fn a_cookie_that_was_stolen_is_worth_nothing_after_the_logout() {
    let stage = stage();
    let customer = stage.customer(Kind::ThirdShares, 2);
    let mut browser = stage.logged_in(&customer).await;
    let stolen = browser.cookies.clone();
    let out = browser.post("/logout", &[]).await;
    assert_eq!(out.headers["clear-site-data"], "\"cache\", \"storage\"");
    browser.follow(out).await.expect(200, "ログアウトしました");
    assert!(!browser.cookies.contains_key(SESSION));
    let mut thief = stage.browser();
    thief.cookies = stolen;
    assert!(thief.get("/home").await.location().starts_with("/login"));
}

#[tokio::test]
async fn nobody_is_led_to_another_site_after_the_login() {
    let stage = stage();
    let customer = stage.customer(Kind::ThirdShares, 3);
    stage.register(&customer).await;
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/%0d%0aset-cookie:a=b\r\nx: y",
    ] {
        let mut browser = stage.browser();
        let form = browser
            .get(&format!("/login?{}", crate::browser::encoded(&[("next", next)])))
            .await;
        assert_eq!(form.next(), "", "{next}");
    }
    let mut browser = stage.browser();
    let home = stage.log_in(&mut browser, &customer, "//evil.example/").await;
    assert_eq!(home.path, "/home");
    let chosen = browser
        .post(
            "/language",
            &[("language", "en"), ("next", "https://evil.example")],
        )
        .await;
    assert_eq!(chosen.location(), "/");
}

#[tokio::test]
async fn a_files_name_becomes_no_header_and_no_markup() {
    let stage = stage();
    let customer = stage.customer(Kind::CarrierMail, 2);
    let accident = accident_id(&customer.accidents[0]);
    let mut browser = stage.logged_in(&customer).await;
    let path = format!("/accidents/{accident}/add");
    let request = browser.get(&path).await.input("request_id");
    let fields = [("request_id", request.as_str()), ("category", "OTHER")];
    let name = "a%0d%0alocation: x<img src=x onerror=alert(1)>.jpg";
    let sent = browser
        .post_files(&path, &fields, &[(name, &crate::photos::jpeg(9))])
        .await;
    assert_eq!(sent.location(), path);
    let told = browser.follow(sent).await.expect(200, "1枚を受け付けました");
    assert!(!told.body.contains("<img src=x"), "{}", told.body);
}

#[tokio::test]
async fn somebody_elses_page_is_answered_like_a_missing_one() {
    let stage = stage();
    let (owner, stranger) = (
        stage.customer(Kind::CarrierMail, 3),
        stage.customer(Kind::CarrierMail, 4),
    );
    let accident = accident_id(&owner.accidents[0]);
    let mut browser = stage.logged_in(&stranger).await;
    let none = request_id();
    let places: [(&str, &str); 6] = [
        ("/contracts/{}", &owner.contract_id),
        ("/contracts/{}/insured/phones", &owner.contract_id),
        ("/accidents/{}", &accident),
        ("/accidents/{}/add", &accident),
        ("/accidents/{}/send", &accident),
        (
            "/accidents/{}/images/00000000-0000-4000-8000-000000000000",
            &accident,
        ),
    ];
    let without_reference = |text: String, id: &str| {
        let before = text.split("参照番号").next().unwrap_or_default();
        before.replace(id, "")
    };
    for (place, theirs) in places {
        let theirs_told = browser
            .get(&place.replace("{}", theirs))
            .await
            .expect(404, "ページが見つかりません");
        let missing = browser
            .get(&place.replace("{}", &none))
            .await
            .expect(404, "ページが見つかりません");
        assert_eq!(
            without_reference(theirs_told.text(), theirs),
            without_reference(missing.text(), &none),
            "{place}"
        );
        let malformed = browser.get(&place.replace("{}", "no-id")).await;
        assert_eq!(malformed.status, StatusCode::NOT_FOUND, "{place}");
    }
}

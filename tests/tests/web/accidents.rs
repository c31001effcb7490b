//! Pictures handed in without script: registered is not sent (CI-1), every file has its answer (CI-4, CI-6), what was sent is
//! confirmed (CI-2).

use dev::sample::Kind;
use http::StatusCode;

use crate::browser::{Answer, Browser};
use crate::photos;
use crate::stage::{accident_id, stage};

async fn hand_in(browser: &mut Browser, accident: &str, files: &[(&str, &[u8])]) -> Answer {
    let path = format!("/accidents/{accident}/add");
    let form = browser.get(&path).await.expect(200, "写真の種類");
    let request = form.input("request_id");
    let fields = [("request_id", request.as_str()), ("category", "ACCIDENT_PLACE")];
    let sent = browser.post_files(&path, &fields, files).await;
    browser.follow(sent).await
}

#[tokio::test]
async fn ci_1_pictures_are_registered_then_sent_and_a_refused_file_stops_none() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 9);
    let accident = accident_id(&customer.accidents[0]);
    let mut browser = stage.logged_in(&customer).await;
    let (one, two) = (photos::jpeg(1), photos::jpeg(2));
    let files: [(&str, &[u8]); 3] = [
        ("台所.jpg", &one),
        ("notes.txt", b"no picture"),
        ("天井.jpg", &two),
    ];
    let told = hand_in(&mut browser, &accident, &files).await;
    let told = told.expect(200, "2枚を受け付けました、1枚は受け付けられませんでした");
    for words in [
        "台所.jpg",
        "notes.txt",
        "この形式のファイルは受け付けていません",
        "未送信の写真が2枚あります",
    ] {
        assert!(told.text().contains(words), "{words} is not in\n{}", told.text());
    }
    assert!(!told.text().contains("UNSUPPORTED"));
    browser.get("/home").await.expect(200, "未送信の画像が2枚");

    let page = browser
        .get(&format!("/accidents/{accident}/send"))
        .await
        .expect(200, "写真の送信");
    let images = page.inputs("image");
    assert_eq!(images.len(), 2);
    let request = page.input("request_id");
    let nothing = [("request_id", request.as_str()), ("note", "浴室の\r\n天井です")];
    let refused = browser.post(&page.path, &nothing).await;
    let refused = refused.expect(422, "送信する写真を選択してください");
    assert!(refused.body.contains("浴室の"), "the note is kept");
    let request = refused.input("request_id");
    let fields = [
        ("request_id", request.as_str()),
        ("image", images[0].as_str()),
        ("note", "浴室の\r\n天井です"),
    ];
    let sent = browser.post(&page.path, &fields).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
    let confirmation = sent.location();
    browser
        .open(&confirmation)
        .await
        .expect(200, "1枚の写真を担当者へ送信しました");
    // Sent twice it is one submission.
    let again = browser.post(&page.path, &fields).await;
    assert_eq!(again.location(), confirmation);
    let accident = browser.get(&format!("/accidents/{accident}")).await;
    let page = accident.expect(200, "未送信 1枚、送信済み 1枚");
    assert_eq!(
        page.text().matches("1枚を送信しました").count(),
        1,
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn ci_5_a_picture_is_seen_small_and_large_by_its_owner_alone() {
    let stage = stage();
    let (owner, other) = (
        stage.customer(Kind::Plain, 10),
        stage.customer(Kind::CarrierMail, 0),
    );
    let accident = accident_id(&owner.accidents[0]);
    let mut browser = stage.logged_in(&owner).await;
    hand_in(&mut browser, &accident, &[("a.jpg", &photos::jpeg(3))])
        .await
        .expect(200, "1枚を受け付けました");
    let page = browser
        .get(&format!("/accidents/{accident}"))
        .await
        .expect(200, "写真1");
    let source = page
        .body
        .split("src=\"/img/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let small = browser.get(&format!("/img/{source}")).await;
    assert_eq!(small.status, StatusCode::OK);
    assert_eq!(small.headers["content-type"], "image/jpeg");
    assert_eq!(small.headers["cache-control"], "private, max-age=3600");
    assert!(small.bytes.starts_with(&[0xff, 0xd8]));
    let tag = small.headers["etag"].to_str().unwrap().to_owned();
    browser.headers.push(("if-none-match", tag));
    assert_eq!(
        browser.get(&format!("/img/{source}")).await.status,
        StatusCode::NOT_MODIFIED
    );
    browser.headers.pop();
    let large = source.replace("/small", "/large");
    assert_eq!(browser.get(&format!("/img/{large}")).await.status, StatusCode::OK);
    let image = page
        .links()
        .into_iter()
        .find(|link| link.contains("/images/"))
        .unwrap();
    browser.get(&image).await.expect(200, "a.jpg");

    let mut stranger = stage.logged_in(&other).await;
    for path in [format!("/img/{source}"), image, format!("/accidents/{accident}")] {
        stranger.get(&path).await.expect(404, "ページが見つかりません");
    }
}

#[tokio::test]
async fn a_form_sent_twice_hands_in_once() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 11);
    let accident = accident_id(&customer.accidents[0]);
    let mut browser = stage.logged_in(&customer).await;
    let path = format!("/accidents/{accident}/add");
    let request = browser.get(&path).await.input("request_id");
    let fields = [("request_id", request.as_str()), ("category", "DAMAGED_PROPERTY")];
    let photo = photos::jpeg(4);
    for _ in 0..2 {
        let sent = browser.post_files(&path, &fields, &[("a.jpg", &photo)]).await;
        browser.follow(sent).await.expect(200, "1枚を受け付けました");
    }
    let send = browser.get(&format!("/accidents/{accident}/send")).await;
    assert_eq!(send.inputs("image").len(), 1, "{}", send.text());
}

#[tokio::test]
async fn an_empty_choice_is_told_at_the_input() {
    let stage = stage();
    let customer = stage.customer(Kind::CarrierMail, 1);
    let accident = accident_id(&customer.accidents[0]);
    let mut browser = stage.logged_in(&customer).await;
    let refused = hand_in(&mut browser, &accident, &[]).await;
    let refused = refused.expect(422, "写真を選択してください");
    assert!(refused.body.contains("id=\"files-error\""));
}

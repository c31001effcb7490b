//! A changed telephone number: form, review, receipt; what differs is shown again; a scheduled change is taken back (EN-3, EN-5,
//! EN-8, EN-10, PV-15).

use dev::sample::Kind;
use http::StatusCode;
use kernel::{Clock as _, SystemClock};
use testkit::wait_for;

use crate::browser::Browser;
use crate::stage::{Customer, SOON, stage};

fn today() -> String {
    kernel::clock::jst_date(SystemClock.now()).to_string()
}

fn in_days(days: i64) -> String {
    use jiff::ToSpan as _;
    let today = kernel::clock::jst_date(SystemClock.now());
    today.checked_add(days.days()).unwrap().to_string()
}

fn form(customer: &Customer) -> String {
    format!("/contracts/{}/insured/phones", customer.contract_id)
}

/// From the form to the review.
async fn to_review(
    browser: &mut Browser,
    customer: &Customer,
    numbers: [&str; 3],
    date: &str,
) -> crate::browser::Answer {
    let fields = [
        ("phone1", numbers[0]),
        ("phone2", numbers[1]),
        ("phone3", numbers[2]),
        ("effective_date", date),
    ];
    let sent = browser.post(&form(customer), &fields).await;
    browser.follow(sent).await
}

#[tokio::test]
async fn en_8_a_number_is_changed_by_exactly_what_was_reviewed_and_sending_twice_changes_once() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 4);
    let mut browser = stage.logged_in(&customer).await;
    // EN-3: the policyholder is the insured, so the insured's section is the one to change.
    let policyholder = format!("/contracts/{}/policyholder/phones", customer.contract_id);
    let form_page = browser.open(&policyholder).await.expect(200, "電話番号の変更");
    assert_eq!(form_page.path, form(&customer));
    assert_eq!(form_page.input("effective_date"), today());

    // PV-5: any notation is taken, and shown back as it was typed.
    let review = to_review(
        &mut browser,
        &customer,
        ["０９０（１２３４）００１１", "", ""],
        &today(),
    )
    .await;
    let review = review.expect(200, "変更前");
    assert!(review.text().contains("090-1234-0011"), "{}", review.text());
    assert!(
        !review.path.contains("090"),
        "no number in an address: {}",
        review.path
    );
    let (token, request) = (review.input("confirm_token"), review.input("request_id"));
    let typed = browser.get(&form(&customer)).await;
    assert_eq!(typed.input("phone1"), "０９０（１２３４）００１１");

    let fields = [
        ("confirm_token", token.as_str()),
        ("request_id", request.as_str()),
    ];
    let done = browser.post(&review.path, &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    let receipt = browser
        .open(&done.location())
        .await
        .expect(200, "変更が完了しました");
    // What was typed is gone with it, so the same form again asks for it anew and submits nothing.
    let again = browser.post(&review.path, &fields).await;
    assert_eq!(again.location(), form(&customer));
    let contract = browser.get(&format!("/contracts/{}", customer.contract_id)).await;
    contract.expect(200, "090-1234-0011");
    let requests = browser.get("/requests").await.expect(200, "変更が完了しました");
    assert!(
        requests
            .body
            .contains("<span class=\"card-title\">電話番号</span>"),
        "{}",
        requests.text()
    );
    let number = receipt
        .text()
        .split("受付番号 ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        requests.text().contains(&number),
        "the list shows {number}:\n{}",
        requests.text()
    );
}

#[tokio::test]
async fn every_wrong_field_is_told_at_its_input_and_nothing_typed_is_lost() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 5);
    let mut browser = stage.logged_in(&customer).await;
    let refused = to_review(
        &mut browser,
        &customer,
        ["", "+1 212 555 0100", "tel"],
        "2020-01-01",
    )
    .await;
    let refused = refused.expect(422, "海外の電話番号は登録できません");
    for (input, typed) in [
        ("phone2", "+1 212 555 0100"),
        ("phone3", "tel"),
        ("effective_date", "2020-01-01"),
    ] {
        assert_eq!(refused.input(input), typed);
    }
    assert!(refused.body.contains("id=\"phone2-error\"") && refused.body.contains("id=\"phone3-error\""));
    assert!(!refused.body.contains("id=\"phone1-error\""));
    assert!(refused.title().starts_with("エラー："));
}

#[tokio::test]
async fn pv_15_a_change_that_leaves_no_usable_number_needs_a_tick_at_its_warning() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 6);
    let mut browser = stage.logged_in(&customer).await;
    let review = to_review(&mut browser, &customer, ["050-1234-5678", "", ""], &today()).await;
    let review = review.expect(200, "電話認証に使える電話番号がこのご契約になくなります");
    let fields = |page: &crate::browser::Answer| (page.input("confirm_token"), page.input("request_id"));
    let (token, request) = fields(&review);
    let unticked = browser
        .post(
            &review.path,
            &[("confirm_token", &token), ("request_id", &request)],
        )
        .await
        .expect(422, "チェックを入れてください");
    assert!(unticked.body.contains("id=\"tick-NO_USABLE_PHONE_LEFT-error\""));
    assert!(
        !unticked.text().contains("NO_USABLE"),
        "no code is shown:\n{}",
        unticked.text()
    );
    let (token, request) = fields(&unticked);
    let ticked = [
        ("confirm_token", token.as_str()),
        ("request_id", &request),
        ("acknowledged", "NO_USABLE_PHONE_LEFT"),
    ];
    let done = browser.post(&review.path, &ticked).await;
    browser.follow(done).await.expect(200, "変更が完了しました");
    browser.get("/home").await.expect(200, "電話番号を登録する");
}

#[tokio::test]
async fn en_8_what_changed_since_it_was_shown_is_reviewed_again_and_marked() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 7);
    let mut browser = stage.logged_in(&customer).await;
    let shown = to_review(&mut browser, &customer, ["090-1234-0021", "", ""], &today()).await;
    let (token, request) = (shown.input("confirm_token"), shown.input("request_id"));
    // Another tab changes the number first.
    let other = to_review(&mut browser, &customer, ["090-1234-0022", "", ""], &today()).await;
    let (other_token, other_request) = (other.input("confirm_token"), other.input("request_id"));
    let before = [
        ("confirm_token", token.as_str()),
        ("request_id", request.as_str()),
    ];
    let refused = browser.post(&shown.path, &before).await;
    let refused = refused.expect(409, "確認画面の内容から変更がありました");
    assert!(refused.text().contains("090-1234-0022"), "{}", refused.text());
    let fields = [
        ("confirm_token", other_token.as_str()),
        ("request_id", other_request.as_str()),
    ];
    let done = browser.post(&other.path, &fields).await;
    browser.follow(done).await.expect(200, "変更が完了しました");
}

#[tokio::test]
async fn en_10_a_scheduled_change_is_listed_and_taken_back_before_its_date_and_not_after() {
    let stage = stage();
    let customer = stage.customer(Kind::Plain, 8);
    let mut browser = stage.logged_in(&customer).await;
    let review = to_review(&mut browser, &customer, ["090-1234-0031", "", ""], &in_days(7)).await;
    let review = review.expect(200, "変更後");
    let (token, request) = (review.input("confirm_token"), review.input("request_id"));
    let done = browser
        .post(
            &review.path,
            &[("confirm_token", &token), ("request_id", &request)],
        )
        .await;
    let done = browser.follow(done).await.expect(200, "に変わります");
    let link = done
        .links()
        .into_iter()
        .find(|link| link.starts_with("/requests/"))
        .unwrap();
    let open = browser.get(&link).await.expect(200, "このお手続きを取り消す");
    let request = open.input("request_id");
    let taken_back = browser.post(&link, &[("request_id", &request)]).await;
    browser.follow(taken_back).await.expect(200, "取り消しました");
    let late = browser
        .post(&link, &[("request_id", &client::request_id())])
        .await;
    let late = late.expect(422, "もう取り消せません");
    assert!(!late.text().contains("WITHDRAWN"), "{}", late.text());
    wait_for("the list", SOON, async || {
        let list = browser.get("/requests").await;
        if list.text().contains("取り消されました") {
            Ok(())
        } else {
            Err(list.text())
        }
    })
    .await;
}

#[tokio::test]
async fn en_5_a_contract_that_is_not_handled_online_says_so_at_the_first_click() {
    let stage = stage();
    let customer = stage.customer(Kind::Offline, 0);
    let mut browser = stage.logged_in(&customer).await;
    let page = browser
        .open(&format!("/contracts/{}", customer.contract_id))
        .await;
    let page = page.expect(200, "インターネットではお手続きできません");
    assert!(!page.body.contains("/phones\""), "nothing to change is offered");
    let form = browser.open(&form(&customer)).await.expect(200, "お電話ください");
    assert!(form.body.contains("href=\"tel:"), "{}", form.text());
    for code in ["PLEDGED", "PAPER_PROCEDURE", "UNDER_INVESTIGATION"] {
        assert!(!form.body.contains(code));
    }
}

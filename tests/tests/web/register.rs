//! Registration by the printed code, and the fork for papers that show asterisks (ID-2, ID-3, ID-4, ID-8).

use client::request_id;
use dev::sample::Kind;
use http::StatusCode;
use testkit::wait_for;

use crate::browser::{Answer, Browser};
use crate::stage::{Customer, PASSWORD, SOON, stage};

async fn register(
    browser: &mut Browser,
    customer: &Customer,
    code: &str,
    email: &str,
    password: &str,
) -> Answer {
    let id = request_id();
    let fields = [
        ("request_id", id.as_str()),
        ("initial_user_id", &customer.policy_number),
        ("initial_password", code),
        ("email", email),
        ("password", password),
    ];
    // Identity hears of contracts a moment after their import.
    wait_for("an answer", SOON, async || {
        let answer = browser.post("/register/code", &fields).await;
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            Err(answer.text())
        } else {
            Ok(answer)
        }
    })
    .await
}

#[tokio::test]
async fn id_3_the_printed_code_registers_and_the_new_account_logs_in() {
    let stage = stage();
    let customer = stage.customer(Kind::HalfShares, 0);
    let mut browser = stage.browser();
    let fork = browser
        .get("/register")
        .await
        .expect(200, "何が印字されていますか");
    assert!(
        !fork.text().contains("仮パスワード"),
        "only routes that are offered are shown"
    );
    let chosen = browser.post("/register", &[("paper", "code")]).await;
    browser.follow(chosen).await.expect(200, "初回パスワード");
    let done = register(&mut browser, &customer, &customer.code, &customer.email, PASSWORD).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    browser
        .open(&done.location())
        .await
        .expect(200, "登録が完了しました");
    let used = register(
        &mut browser,
        &customer,
        &customer.code,
        "second@example.jp",
        PASSWORD,
    )
    .await;
    used.expect(422, "既に使用されています");
    stage
        .log_in(&mut browser, &customer, "")
        .await
        .expect(200, "ホーム");
}

#[tokio::test]
async fn id_4_typed_asterisks_lead_to_one_page_whatever_the_contract() {
    let stage = stage();
    let mut browser = stage.browser();
    let mut pages = Vec::new();
    for (customer, typed) in [
        (stage.customer(Kind::MaskedCode, 0), "*****"),
        (stage.customer(Kind::HalfShares, 1), "＊＊＊＊＊"),
    ] {
        let answer = register(&mut browser, &customer, typed, "somebody@example.jp", PASSWORD).await;
        assert_eq!(answer.location(), "/register/masked");
        pages.push(
            browser
                .get("/register/masked")
                .await
                .expect(200, "ご利用いただけません")
                .text(),
        );
    }
    assert_eq!(pages[0], pages[1]);
}

#[tokio::test]
async fn id_14_every_wrong_field_is_told_together_and_secrets_are_typed_again() {
    let stage = stage();
    let customer = stage.customer(Kind::HalfShares, 2);
    let mut browser = stage.browser();
    let refused = register(&mut browser, &customer, &customer.code, "no address", "short").await;
    let refused = refused.expect(422, "メールアドレスの形式が正しくありません");
    assert!(refused.body.contains("id=\"password-error\"") && refused.body.contains("id=\"email-error\""));
    assert_eq!(refused.input("email"), "no address");
    assert_eq!(refused.input("initial_password"), "", "the code is a secret");
    assert!(!refused.body.contains(&customer.code) && !refused.body.contains("\"short\""));
}

#[tokio::test]
async fn id_2_why_this_contract_cannot_register_is_told_to_its_right_code_in_words() {
    let stage = stage();
    let customer = stage.customer(Kind::Group, 0);
    let mut browser = stage.browser();
    let refused = register(
        &mut browser,
        &customer,
        &customer.code,
        "group@example.jp",
        PASSWORD,
    )
    .await;
    let refused = refused.expect(422, "団体契約は対象外です");
    assert!(!refused.text().contains("GROUP_CONTRACT"), "{}", refused.text());
    let wrong = register(
        &mut browser,
        &customer,
        "AAAA-BBBB-CCCC-DDDD",
        "group@example.jp",
        PASSWORD,
    )
    .await;
    let wrong = wrong.expect(422, "正しくありません");
    assert!(!wrong.text().contains("団体契約は対象外です"));
}

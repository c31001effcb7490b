//! Registration by route A with every refusal (ID-1 to ID-4, ID-8, ID-10, ID-14).

use contracts::identity::v1::DescribeRegistrationRequest;
use harness::violations;
use tonic::{Code, Request};

use crate::world::{CODE, Contract, PASSWORD, WEAK_CODE, World, random, reason, retry_after_s};

#[tokio::test]
async fn id_3_registers_by_a_strong_or_a_weak_code_and_logs_in() {
    let world = World::start().await;
    for (number, code, typed) in [(1, CODE, "k7qm 2xpd 9wtr"), (2, WEAK_CODE, "４８２９１３")] {
        let mut contract = world.contract(number, code).await;
        let email = format!("c{number}@example.jp");
        if number == 1 {
            // Letters' case is part of a code.
            assert_eq!(
                reason(world.register(&contract, typed, &email).await),
                "INITIAL_CREDENTIALS_WRONG"
            );
            world.register(&contract, "K7QM2XPD9WTR", &email).await.unwrap();
        } else {
            // OP-9: as it is pasted from a page.
            contract.policy = format!("\u{202A}{}\u{202C}\t\n", contract.policy);
            world.register(&contract, typed, &email).await.unwrap();
        }
        assert!(world.login(&email, PASSWORD).await.unwrap().phone_call_required);
    }
}

#[tokio::test]
async fn id_4_a_masked_code_and_wrong_credentials_are_told_apart_from_nothing_else() {
    let world = World::start().await;
    let known = world.contract(1, CODE).await;
    let masked = world.contract(2, "*****").await;

    // ID-4: one answer for a masked code, a contract with a code, and no contract at all; never a failed attempt.
    for contract in [&masked, &known, &Contract::new(99)] {
        for _ in 0..5 {
            assert_eq!(
                reason(world.register(contract, "＊＊＊＊＊", "a@example.jp").await),
                "INITIAL_CODE_MASKED"
            );
        }
    }
    // Unknown user and wrong code: the same answer, to the byte.
    let unknown = world
        .register(&Contract::new(98), CODE, "a@example.jp")
        .await
        .unwrap_err();
    let wrong = world
        .register(&known, "WRONG2CODE9X", "a@example.jp")
        .await
        .unwrap_err();
    assert_eq!(
        (unknown.code(), unknown.message(), unknown.details()),
        (wrong.code(), wrong.message(), wrong.details())
    );
    assert_eq!(reason(Err::<(), _>(wrong)), "INITIAL_CREDENTIALS_WRONG");
    assert_eq!(
        reason(world.register(&masked, "ANY2CODE", "a@example.jp").await),
        "INITIAL_CREDENTIALS_WRONG"
    );
}

#[tokio::test]
async fn id_2_who_is_not_eligible_is_told_why_only_with_the_right_code() {
    let world = World::start().await;
    let group = world.contract_of(3, CODE, "GROUP", "CORPORATE").await;
    let unheard = Contract::new(4);
    world.import(vec![unheard.row(CODE)]).await;

    assert_eq!(
        reason(world.register(&group, "WRONG2CODE9X", "a@example.jp").await),
        "INITIAL_CREDENTIALS_WRONG"
    );
    let refused = world.register(&group, CODE, "a@example.jp").await.unwrap_err();
    let reasons: Vec<_> = violations(&refused)
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(reasons, ["GROUP_CONTRACT", "CORPORATE_POLICYHOLDER"]);
    assert_eq!(reason(Err::<(), _>(refused)), "CONTRACT_NOT_ELIGIBLE");

    let waiting = world.register(&unheard, CODE, "a@example.jp").await.unwrap_err();
    assert_eq!((waiting.code(), retry_after_s(&waiting)), (Code::Unavailable, 30));
    assert_eq!(reason(Err::<(), _>(waiting)), "CONTRACT_NOT_YET_KNOWN");
}

#[tokio::test]
async fn id_8_what_was_used_before_and_what_is_malformed_is_told_and_uses_nothing_up() {
    let world = World::start().await;
    let known = world.contract(1, CODE).await;

    let bad = world
        .register_as(random(), &known, CODE, "nobody", "short")
        .await
        .unwrap_err();
    let expected = [("email", "EMAIL_INVALID"), ("password", "PASSWORD_TOO_SHORT")];
    assert_eq!(
        violations(&bad),
        expected.map(|(field, reason)| (field.to_owned(), reason.to_owned()))
    );

    world.register(&known, CODE, "a@example.jp").await.unwrap();
    assert_eq!(
        reason(world.register(&known, CODE, "b@example.jp").await),
        "INITIAL_CODE_USED"
    );
    assert_eq!(
        reason(world.register(&known, "WRONG2CODE9X", "b@example.jp").await),
        "INITIAL_CREDENTIALS_WRONG"
    );

    let other = world.contract(5, CODE).await;
    let taken = world.register(&other, CODE, "A@Example.JP").await.unwrap_err();
    assert_eq!(
        violations(&taken),
        [("email".to_owned(), "EMAIL_ALREADY_USED".to_owned())]
    );
    assert_eq!(reason(Err::<(), _>(taken)), "EMAIL_ALREADY_USED");
    // Nothing was used up by the refusal.
    world.register(&other, CODE, "c@example.jp").await.unwrap();
}

#[tokio::test]
async fn a_retry_has_one_effect_and_other_content_is_told() {
    let world = World::start().await;
    let contract = world.contract(1, CODE).await;
    let id = random();
    let first = world
        .register_as(id, &contract, CODE, "a@example.jp", PASSWORD)
        .await
        .unwrap();
    assert_eq!(
        world
            .register_as(id, &contract, CODE, "a@example.jp", PASSWORD)
            .await
            .unwrap(),
        first
    );
    assert_eq!(world.events("account.registered.v1", None).await, 1);
    assert_eq!(world.events("account.registration_started.v1", None).await, 1);
    let other_email = world
        .register_as(id, &contract, CODE, "b@example.jp", PASSWORD)
        .await;
    assert_eq!(reason(other_email), "REQUEST_ID_REUSED");
    let other_password = world
        .register_as(id, &contract, CODE, "a@example.jp", "another passphrase")
        .await;
    assert_eq!(reason(other_password), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn id_8_two_who_race_for_one_code_end_with_one_account() {
    let world = World::start().await;
    for number in 1..=3 {
        let contract = world.contract(number, CODE).await;
        let emails = ["x", "y"].map(|name| format!("{name}{number}@example.jp"));
        let (one, other) = tokio::join!(
            world.register(&contract, CODE, &emails[0]),
            world.register(&contract, CODE, &emails[1])
        );
        let lost = match (one, other) {
            (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
            both => panic!("not exactly one of two won: {both:?}"),
        };
        assert_eq!(reason(Err::<(), _>(lost)), "INITIAL_CODE_USED");
        assert_eq!(
            world
                .events("entitlement.registered.v1", Some(contract.id.as_uuid()))
                .await,
            1
        );
        let logins = [
            world.login(&emails[0], PASSWORD).await,
            world.login(&emails[1], PASSWORD).await,
        ];
        assert_eq!(logins.iter().filter(|login| login.is_ok()).count(), 1);
    }
    assert_eq!(world.events("account.registered.v1", None).await, 3);
}

#[tokio::test]
async fn two_who_race_for_one_address_end_with_one_account_and_an_unused_code() {
    let world = World::start().await;
    let (one, other) = (world.contract(1, CODE).await, world.contract(2, CODE).await);
    let (first, second) = tokio::join!(
        world.register(&one, CODE, "same@example.jp"),
        world.register(&other, CODE, "same@example.jp")
    );
    let (lost, free) = match (first, second) {
        (Ok(_), Err(lost)) => (lost, other),
        (Err(lost), Ok(_)) => (lost, one),
        both => panic!("not exactly one of two won: {both:?}"),
    };
    assert_eq!(reason(Err::<(), _>(lost)), "EMAIL_ALREADY_USED");
    world.register(&free, CODE, "free@example.jp").await.unwrap();
}

#[tokio::test]
async fn id_10_wrong_codes_are_throttled_and_the_right_one_starts_afresh() {
    let world = World::start().await;
    let contract = world.contract(1, CODE).await;
    for _ in 0..3 {
        assert_eq!(
            reason(world.register(&contract, "WRONG2CODE", "a@example.jp").await),
            "INITIAL_CREDENTIALS_WRONG"
        );
    }
    let throttled = world.register(&contract, CODE, "a@example.jp").await.unwrap_err();
    assert_eq!(
        (throttled.code(), retry_after_s(&throttled)),
        (Code::ResourceExhausted, 1)
    );
    assert_eq!(reason(Err::<(), _>(throttled)), "TOO_MANY_ATTEMPTS");
    world.advance(1);
    world.register(&contract, CODE, "a@example.jp").await.unwrap();
}

#[tokio::test]
async fn id_2_the_general_conditions_are_public_in_both_languages() {
    let world = World::start().await;
    let described = world
        .client
        .clone()
        .describe_registration(DescribeRegistrationRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(described.routes, ["A"]);
    assert_eq!(described.conditions.len(), 5);
    assert!(described.conditions.iter().all(|condition| !condition.is_ascii()));
    let contact = described.contact.unwrap();
    assert!(
        contact.open_now && contact.opens_at_us.is_none(),
        "a Wednesday at noon: {contact:?}"
    );
    let mut request = Request::new(DescribeRegistrationRequest {});
    request
        .metadata_mut()
        .insert("accept-language", "en".parse().unwrap());
    let english = world
        .client
        .clone()
        .describe_registration(request)
        .await
        .unwrap()
        .into_inner();
    assert!(
        english.conditions.iter().all(|condition| condition.is_ascii()),
        "{:?}",
        english.conditions
    );
    assert_eq!(english.contact.unwrap().name, "Internet desk");
}

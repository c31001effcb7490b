//! What a customer can be refused, as it reads from outside: code, reason, text, field, route.

use contracts::endorsement::v1 as proto;
use contracts::endorsement::v1::endorsement_item::Change as Content;
use harness::assert_refused;
use tonic::Code::{FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unauthenticated};
use tonic_types::StatusExt as _;

use crate::book::{Change, NEW, OLD, contract_id, new_request_id, phones, row, subject, to};
use crate::world::{As, World};

const HOLDER: As = As::Holder("C0001");

async fn with_contracts() -> (World, String) {
    let world = World::new().await;
    let offline = proto::ContractRow {
        offline_reason: "PLEDGED".to_owned(),
        ..row("AB00000002", "C0001")
    };
    let group = proto::ContractRow {
        kind: "GROUP".to_owned(),
        ..row("AB00000003", "C0001")
    };
    world
        .import(vec![
            row("AB00000001", "C0001"),
            offline,
            group,
            row("AB00000004", "C0009"),
        ])
        .await;
    (world, contract_id("AB00000001"))
}

#[tokio::test]
async fn en_4_a_name_is_refused_with_the_call_centres_route() {
    let (world, id) = with_contracts().await;
    let name = proto::NameChange {
        name: "見本　桜子".to_owned(),
        name_kana: "ミホン　サクラコ".to_owned(),
    };
    let item = proto::EndorsementItem {
        section: proto::Section::Insured.into(),
        change: Some(Content::Name(name)),
    };
    let change = Change {
        items: vec![item],
        ..to(&id, &[], "")
    };
    let refused = assert_refused(
        world.prepare(&HOLDER, &change).await,
        FailedPrecondition,
        "NAME_CHANGE_BY_CALL_CENTRE",
    );
    let details = refused.get_error_details();
    let text = &details.localized_message().unwrap().message;
    let metadata = &details.error_info().unwrap().metadata;
    assert!(
        text.contains(&metadata["contact_number"]) && text.contains("open now"),
        "OP-2: {text}"
    );
    let answer = world.submit(&HOLDER, &change, &new_request_id(), "").await;
    assert_refused(answer, FailedPrecondition, "NAME_CHANGE_BY_CALL_CENTRE");
}

#[tokio::test]
async fn en_5_and_id_2_offline_and_group_contracts_say_why_and_whom_to_call() {
    let (world, _) = with_contracts().await;
    let offline = to(&contract_id("AB00000002"), &[NEW], "");
    let refused = assert_refused(
        world.prepare(&HOLDER, &offline).await,
        FailedPrecondition,
        "CONTRACT_NOT_ONLINE",
    );
    let info = refused.get_error_details().error_info().unwrap().clone();
    assert_eq!(
        (
            info.metadata["offline_reason"].as_str(),
            info.metadata["contact_topic"].as_str()
        ),
        ("PLEDGED", "CONTRACTS")
    );
    assert!(
        !world
            .contract(&HOLDER, &contract_id("AB00000002"))
            .await
            .unwrap()
            .online,
        "at the first click"
    );
    let group = to(&contract_id("AB00000003"), &[NEW], "2026-11-16");
    assert_refused(
        world.prepare(&HOLDER, &group).await,
        FailedPrecondition,
        "CONTRACT_NOT_ELIGIBLE",
    );
}

#[tokio::test]
async fn en_3_en_6_en_13_en_15_refuse_what_cannot_be_done_now() {
    let (world, id) = with_contracts().await;
    let policyholder = Change {
        items: vec![phones(proto::Section::Policyholder, &[NEW])],
        ..to(&id, &[], "2026-11-16")
    };
    assert_refused(
        world.prepare(&HOLDER, &policyholder).await,
        FailedPrecondition,
        "USE_INSURED_SECTION",
    );
    let same = to(&id, &[OLD], "2026-11-16");
    assert_refused(
        world.prepare(&HOLDER, &same).await,
        FailedPrecondition,
        "NOTHING_TO_CHANGE",
    );

    let change = to(&id, &[NEW], "2026-12-01");
    let unverified = As::Unverified("C0001");
    let token = world.prepare(&unverified, &change).await.unwrap().confirm_token;
    let answer = world
        .submit(&unverified, &change, &new_request_id(), &token)
        .await;
    assert_refused(answer, PermissionDenied, "CALL_VERIFICATION_REQUIRED");

    let scheduled = world.change(&HOLDER, &change).await.endorsement.unwrap();
    let second = to(&id, &["03-1234-5678"], "2026-11-16");
    let refused = assert_refused(
        world.prepare(&HOLDER, &second).await,
        FailedPrecondition,
        "OPEN_REQUEST_EXISTS",
    );
    assert!(refused.message().contains(&scheduled.receipt_number));
}

#[tokio::test]
async fn en_7_and_pv_5_wrong_fields_are_named_all_at_once() {
    let (world, id) = with_contracts().await;
    let fields = |change: Change| {
        let world = &world;
        async move {
            let refused = world.prepare(&HOLDER, &change).await.unwrap_err();
            assert_eq!(refused.code(), InvalidArgument);
            harness::reason(&refused);
            let violations = refused
                .get_error_details()
                .bad_request()
                .unwrap()
                .field_violations
                .clone();
            let text = violations
                .iter()
                .all(|violation| !violation.localized_message.as_ref().unwrap().message.is_empty());
            assert!(text, "{violations:?}");
            violations
                .into_iter()
                .map(|violation| (violation.field, violation.reason))
                .collect::<Vec<_>>()
        }
    };
    let named = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(field, reason)| ((*field).to_owned(), (*reason).to_owned()))
            .collect()
    };
    assert_eq!(
        fields(to(&id, &[NEW], "")).await,
        named(&[("effective_date", "EFFECTIVE_DATE_REQUIRED")])
    );
    assert_eq!(
        fields(to(&id, &[NEW], "today")).await,
        named(&[("effective_date", "EFFECTIVE_DATE_INVALID")])
    );
    assert_eq!(
        fields(to(&id, &[NEW], "2026-11-15")).await,
        named(&[("effective_date", "EFFECTIVE_DATE_PAST")])
    );
    assert_eq!(
        fields(to(&id, &[NEW], "2036-11-16")).await,
        named(&[("effective_date", "EFFECTIVE_DATE_TOO_FAR")])
    );
    assert_eq!(
        fields(to(&id, &[NEW, "+1 212 555 0100"], "2026-11-15")).await,
        named(&[
            ("items[0].phones.numbers[1]", "PHONE_NUMBER_FOREIGN"),
            ("effective_date", "EFFECTIVE_DATE_PAST")
        ])
    );
}

#[tokio::test]
async fn somebody_elses_contract_answers_like_a_missing_one() {
    let (world, id) = with_contracts().await;
    let theirs = contract_id("AB00000004");
    let missing = contract_id("AB99999999");
    for id in [&theirs, &missing] {
        assert_refused(world.contract(&HOLDER, id).await, NotFound, "CONTRACT_NOT_FOUND");
        let change = to(id, &[NEW], "2026-11-16");
        assert_refused(
            world.prepare(&HOLDER, &change).await,
            NotFound,
            "CONTRACT_NOT_FOUND",
        );
        let answer = world.submit(&HOLDER, &change, &new_request_id(), "00").await;
        assert_refused(answer, NotFound, "CONTRACT_NOT_FOUND");
    }
    let scheduled = world
        .change(&HOLDER, &to(&id, &[NEW], "2026-12-01"))
        .await
        .endorsement
        .unwrap();
    let stranger = As::Holder("C0009");
    assert_refused(
        world.endorsement(&stranger, &scheduled).await,
        NotFound,
        "CONTRACT_NOT_FOUND",
    );
    let answer = world.withdraw(&stranger, &scheduled, &new_request_id()).await;
    assert_refused(answer, NotFound, "CONTRACT_NOT_FOUND");
    assert!(
        world.endorsement(&As::CallCentre, &scheduled).await.is_ok(),
        "staff may see it"
    );
    let unknown = proto::Endorsement {
        endorsement_id: subject("C0001").to_string(),
        ..scheduled
    };
    assert_refused(
        world.endorsement(&HOLDER, &unknown).await,
        NotFound,
        "ENDORSEMENT_NOT_FOUND",
    );
}

#[tokio::test]
async fn the_door_and_the_ids_are_checked_before_anything_else() {
    let (world, id) = with_contracts().await;
    let anonymous = proto::GetContractRequest {
        contract_id: id.clone(),
    };
    let answer = world.client().get_contract(anonymous).await;
    assert_refused(answer, Unauthenticated, "UNAUTHENTICATED");
    assert_refused(
        world.contract(&HOLDER, "AB00000001").await,
        InvalidArgument,
        "INVALID_ARGUMENT",
    );
    let answer = world
        .submit(&HOLDER, &to(&id, &[NEW], "2026-11-16"), "", "")
        .await;
    assert_refused(answer, InvalidArgument, "INVALID_ARGUMENT");
    let answer = world
        .prepare(&As::CallCentre, &to(&id, &[NEW], "2026-11-16"))
        .await;
    assert_refused(answer, PermissionDenied, "CALLER_NOT_ALLOWED");
}

//! The rules of the protos as the reader of bytes enforces them, and that none is missing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use contracts::claim_images::v1::{
    AccidentRow, ImportAccidentsRequest, SendSubmissionRequest, WriteUploadRequest,
};
use contracts::endorsement::v1::endorsement_item::Change;
use contracts::endorsement::v1::{
    ContractRow, EndorsementItem, PartyRow, PhonesChange, SubmitEndorsementRequest,
};
use contracts::views::v1::ListContractsRequest;
use prost::{Message as _, Name as _};
use prost_reflect::{DescriptorPool, Value};

use super::*;
use crate::limits::characters::Characters;
use crate::limits::table::{Field, Kind};

pub(super) const SEND: &str = "/madoguchi.claim_images.v1.ClaimImagesService/SendSubmission";
const WRITE: &str = "/madoguchi.claim_images.v1.ClaimImagesService/WriteUpload";
const IMPORT: &str = "/madoguchi.claim_images.v1.ClaimImagesService/ImportAccidents";
pub(super) const SUBMIT: &str = "/madoguchi.endorsement.v1.EndorsementService/SubmitEndorsement";
const LIST: &str = "/madoguchi.views.v1.CustomerViewService/ListContracts";

pub(super) fn violations(rpc: &str, bytes: &[u8]) -> Vec<(String, &'static str)> {
    let judged = Limits::compile().unwrap().judge(rpc, bytes);
    let violations = judged.err().into_iter().flat_map(|problem| problem.violations);
    violations.map(|wrong| (wrong.field, wrong.reason)).collect()
}

pub(super) fn wrong(field: &str, reason: &'static str) -> Vec<(String, &'static str)> {
    vec![(field.to_owned(), reason)]
}

pub(super) fn note(note: &str) -> Vec<u8> {
    SendSubmissionRequest {
        note: note.to_owned(),
        ..SendSubmissionRequest::default()
    }
    .encode_to_vec()
}

fn is_bounded(field: &Field) -> bool {
    let bounded = match field.kind {
        Kind::Text { most_chars, .. } => most_chars.is_some(),
        Kind::Bytes { most } => most.is_some(),
        _ => true,
    };
    bounded && (!field.list || field.most_items.is_some())
}

#[test]
fn an_rpc_that_may_be_called_has_limits_or_the_start_fails() {
    let undescribed = Rule {
        rpc: "/madoguchi.feed.v1.FeedService/Undescribed",
        ..TABLE[0]
    };
    let refused = Limits::of(&[TABLE[0], undescribed]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "/madoguchi.feed.v1.FeedService/Undescribed is not among the descriptors"
    );
    let limits = Limits::compile().unwrap();
    assert!(TABLE.iter().all(|rule| limits.of_rpc(rule.rpc).is_some()));
}

#[test]
fn every_text_every_bytes_and_every_list_of_a_request_has_a_rule() {
    let limits = Limits::compile().unwrap();
    let names: HashMap<usize, &String> = limits.by_name.iter().map(|(name, &at)| (at, name)).collect();
    let ours = names.iter().filter(|(_, name)| name.starts_with("madoguchi."));
    let mut without = Vec::new();
    let mut fields = 0;
    for (&table, name) in ours {
        for field in &limits.messages[table].fields {
            fields += 1;
            if !is_bounded(field) {
                without.push(format!("{name}.{}", field.name));
            }
        }
    }
    assert!(fields > 150, "only {fields} fields were looked at");
    assert!(without.is_empty(), "without a rule: {}", without.join(", "));
}

/// Texts that may hold any character: they are parsed into something else, or only hashed.
const OF_ANY_CHARACTERS: [&str; 19] = [
    "claim_images.v1.AccidentRow.branch_number",
    "claim_images.v1.AccidentRow.claim_number",
    "claim_images.v1.AccidentRow.customer_number",
    "claim_images.v1.AccidentRow.policy_number",
    "endorsement.v1.ContractRow.branch_number",
    "endorsement.v1.ContractRow.policy_number",
    "endorsement.v1.PartyRow.customer_number",
    "endorsement.v1.PartyRow.phones",
    "endorsement.v1.PhonesChange.numbers",
    "endorsement.v1.PolicyOfCustomer.branch_number",
    "endorsement.v1.PolicyOfCustomer.customer_number",
    "endorsement.v1.PolicyOfCustomer.policy_number",
    "identity.v1.InitialCredential.branch_number",
    "identity.v1.InitialCredential.code",
    "identity.v1.InitialCredential.customer_number",
    "identity.v1.InitialCredential.initial_user_id",
    "identity.v1.InitialCredential.policy_number",
    "identity.v1.LoginRequest.password",
    "identity.v1.RegisterWithInitialCredentialsRequest.initial_password",
];

#[test]
fn every_text_that_is_kept_is_held_to_a_class_of_characters() {
    let limits = Limits::compile().unwrap();
    let mut any = Vec::new();
    for (name, &table) in &limits.by_name {
        let Some(name) = name.strip_prefix("madoguchi.") else {
            continue;
        };
        let fields = limits.messages[table].fields.iter();
        let free = fields.filter(|field| {
            matches!(
                field.kind,
                Kind::Text {
                    characters: Characters::Any,
                    ..
                }
            )
        });
        any.extend(free.map(|field| format!("{name}.{}", field.name)));
    }
    any.sort();
    let hashed_or_read = [
        "identity.v1.RegisterWithInitialCredentialsRequest.initial_user_id",
        "identity.v1.RegisterWithInitialCredentialsRequest.password",
        "phone_verification.v1.ReportCallRequest.dialled_line",
        "phone_verification.v1.ReportCallRequest.number",
        "views.v1.SearchAccidentsRequest.claim_number",
        "views.v1.SearchAccidentsRequest.policy_number",
    ];
    let expected: Vec<&str> = OF_ANY_CHARACTERS.into_iter().chain(hashed_or_read).collect();
    assert_eq!(any, expected);
}

#[test]
fn a_class_of_characters_is_the_published_expression() {
    let pool = DescriptorPool::decode(contracts::FILE_DESCRIPTOR_SET).unwrap();
    let predefined = pool.get_extension_by_name("buf.validate.predefined").unwrap();
    for (name, class) in [
        ("madoguchi.common.v1.one_line", Characters::OneLine),
        ("madoguchi.common.v1.lines", Characters::Lines),
    ] {
        let options = pool.get_extension_by_name(name).unwrap().options();
        let stated = options.get_extension(&predefined).into_owned();
        let rules = stated
            .as_message()
            .unwrap()
            .get_field_by_name("cel")
            .unwrap()
            .into_owned();
        let rule = rules.as_list().unwrap()[0].as_message().unwrap().clone();
        let expression = rule.get_field_by_name("expression").unwrap().into_owned();
        let Value::String(expression) = expression else {
            unreachable!()
        };
        let start = expression.find('\'').unwrap() + 1;
        let end = expression.rfind('\'').unwrap();
        // A text of CEL doubles its backslashes.
        let pattern = regex::Regex::new(&expression[start..end].replace("\\\\", "\\")).unwrap();
        for c in '\0'..=char::MAX {
            assert_eq!(pattern.is_match(&c.to_string()), class.allow(c), "{name}: {c:?}");
        }
    }
}

#[test]
fn a_note_is_counted_in_characters_and_may_have_line_breaks() {
    assert_eq!(violations(SEND, &note(&"長".repeat(1000))), []);
    assert_eq!(
        violations(SEND, &note(&"長".repeat(1001))),
        wrong("note", "TEXT_TOO_LONG")
    );
    assert_eq!(
        violations(SEND, &note("はい。\r\nいいえ。\n\u{202E}𠮟\u{F0000}")),
        []
    );
    for control in ["a\0b", "a\tb", "\u{1B}[2J", "\u{7F}", "\u{85}"] {
        assert_eq!(
            violations(SEND, &note(control)),
            wrong("note", "TEXT_CONTROL_CHARACTER")
        );
    }
}

#[test]
fn a_name_is_one_line_that_turns_no_direction() {
    let row = |name: &str| {
        ContractRow {
            policyholder: Some(PartyRow {
                name: name.to_owned(),
                ..PartyRow::default()
            }),
            ..ContractRow::default()
        }
        .encode_to_vec()
    };
    let limits = Limits::compile().unwrap();
    let found = |name: &str| limits.of_row(&ContractRow::full_name(), &row(name));
    for good in [
        "見本　花子",
        "葛\u{E0100}城",
        "\u{E000}",
        "Ｊ・Ｄｏｅ",
        "D\u{2019}Arc",
    ] {
        assert_eq!(found(good), [], "{good}");
    }
    for bad in [
        "a\nb",
        "a\0",
        "\u{202E}cba",
        "a\u{2066}b",
        "a\u{200F}",
        "a\u{61C}",
        "a\u{2028}b",
    ] {
        assert_eq!(
            found(bad),
            [FieldViolation::new("policyholder.name", "TEXT_NOT_ONE_LINE")],
            "{bad:?}"
        );
    }
}

#[test]
fn a_limit_stands_beside_its_field_and_ten_are_told_and_the_others_counted() {
    let many = SubmitEndorsementRequest {
        items: vec![
            EndorsementItem {
                change: Some(Change::Phones(PhonesChange {
                    numbers: vec!["0".repeat(65); 4],
                })),
                ..EndorsementItem::default()
            };
            21
        ],
        ..SubmitEndorsementRequest::default()
    };
    let problem = Limits::compile()
        .unwrap()
        .judge(SUBMIT, &many.encode_to_vec())
        .unwrap_err();
    assert_eq!(problem.violations.len(), 10);
    // Of each list what is within its limit, and the list.
    assert_eq!(problem.more_violations, 20 * (3 + 1) + 1 - 10);
    let of = |place: usize| {
        let violation = &problem.violations[place];
        (
            violation.field.as_str(),
            violation.reason,
            violation.facts.clone(),
        )
    };
    assert_eq!(
        of(0),
        (
            "items[0].phones.numbers[0]",
            "TEXT_TOO_LONG",
            [("max_chars", "64".to_owned())].into()
        )
    );
    assert_eq!(
        of(3),
        (
            "items[0].phones.numbers",
            "LIST_TOO_LONG",
            [("max_items", "3".to_owned())].into()
        )
    );
}

#[test]
fn rows_are_read_with_the_call_and_judged_one_by_one() {
    let bad = AccidentRow {
        place: "a\0b".to_owned(),
        ..AccidentRow::default()
    };
    let batch = |rows| ImportAccidentsRequest {
        rows: vec![bad.clone(); rows],
        ..ImportAccidentsRequest::default()
    };
    assert_eq!(violations(IMPORT, &batch(500).encode_to_vec()), []);
    assert_eq!(
        violations(IMPORT, &batch(501).encode_to_vec()),
        wrong("rows", "LIST_TOO_LONG")
    );
    let found = Limits::compile()
        .unwrap()
        .of_row(&AccidentRow::full_name(), &bad.encode_to_vec());
    assert_eq!(found, [FieldViolation::new("place", "TEXT_CONTROL_CHARACTER")]);
    // The first byte of the place is no UTF-8: nothing of the batch can be decoded.
    let mut bytes = batch(2).encode_to_vec();
    let place = bytes.len() - 3;
    bytes[place] = 0xFF;
    assert_eq!(
        violations(IMPORT, &bytes),
        wrong("rows[1].place", "TEXT_NOT_UTF8")
    );
}

#[test]
fn numbers_and_bytes_have_their_limits() {
    let page = |page_size| ListContractsRequest {
        page_size,
        ..ListContractsRequest::default()
    };
    assert_eq!(violations(LIST, &page(i32::MAX).encode_to_vec()), []);
    for least in [-1, i32::MIN] {
        assert_eq!(
            violations(LIST, &page(least).encode_to_vec()),
            wrong("page_size", "NUMBER_TOO_SMALL")
        );
    }
    let chunk = |size| WriteUploadRequest {
        data: vec![7; size],
        ..WriteUploadRequest::default()
    };
    assert_eq!(violations(WRITE, &chunk(1024 * 1024).encode_to_vec()), []);
    assert_eq!(
        violations(WRITE, &chunk(1024 * 1024 + 1).encode_to_vec()),
        wrong("data", "BYTES_TOO_LONG")
    );
}

#[test]
fn the_largest_message_within_its_rules_is_read() {
    let limits = Limits::compile().unwrap();
    let most = |rpc: &str| limits.of_rpc(rpc).unwrap().most_bytes;
    let small = "/madoguchi.claim_images.v1.ClaimImagesService/QueryUpload";
    assert_eq!(most(small), LEAST_BYTES);
    assert!(most(SEND) > LEAST_BYTES);
    let import = "/madoguchi.endorsement.v1.EndorsementService/ImportContracts";
    let party = PartyRow {
        name: "𠮟".repeat(200),
        name_kana: "𠮟".repeat(400),
        phones: vec!["𠮟".repeat(64); 20],
        address: "𠮟".repeat(300),
        ..PartyRow::default()
    };
    let row = ContractRow {
        policyholder: Some(party.clone()),
        insured: Some(party),
        object_address: "𠮟".repeat(500),
        ..ContractRow::default()
    };
    assert!(500 * row.encoded_len() < most(import));
    assert!(most(import) < 64 * 1024 * 1024, "{}", most(import));
}

/// Whatever the decoder takes is read, and what cannot be read the decoder does not take.
mod agrees_with_the_decoder {
    use proptest::prelude::*;

    use super::*;

    fn submission() -> impl Strategy<Value = SubmitEndorsementRequest> {
        let numbers = proptest::collection::vec(".{0,5}", 0..3);
        (".{0,9}", numbers, any::<i32>()).prop_map(|(contract_id, numbers, section)| {
            SubmitEndorsementRequest {
                contract_id,
                items: vec![EndorsementItem {
                    section,
                    change: Some(Change::Phones(PhonesChange { numbers })),
                }],
                ..SubmitEndorsementRequest::default()
            }
        })
    }

    proptest! {
        #[test]
        fn about_messages_that_were_damaged(
            message in submission(),
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = message.encode_to_vec();
            let at = place.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len() + 1));
            let judged = Limits::compile().unwrap().judge(SUBMIT, &bytes);
            let unreadable = judged.is_err_and(|problem| {
                problem.reason == "MESSAGE_UNREADABLE" || problem.reason == "TEXT_NOT_UTF8"
            });
            let decoded = SubmitEndorsementRequest::decode(bytes.as_slice());
            // The decoder skips groups, which proto3 has not, and merges a message field that stands twice, which one damaged
            // byte does not make; nothing else is told apart.
            let group = bytes.iter().any(|byte| matches!(byte & 7, 3 | 4));
            prop_assert!(decoded.is_err() == unreadable || group, "{decoded:?} {unreadable}");
        }
    }
}

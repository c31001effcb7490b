//! Sealing and opening of single fields and of whole event data, with every authenticated part tampered with once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use kernel::ids::{EventId, KeyId, SubjectId};
use kernel::personal::{Personal, SealedField};
use privacy::{
    KeySet, SealError, SubjectKey, keys_in, open_field, open_tree, seal_field, seal_tree, subjects_in,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

fn subject(number: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(number))
}

fn event(number: u128) -> EventId {
    EventId::from_uuid(Uuid::from_u128(number))
}

fn keys_of<const N: usize>(subjects: [u128; N]) -> KeySet {
    subjects
        .into_iter()
        .map(|number| SubjectKey::generate(subject(number)))
        .collect()
}

fn sealed(keys: &KeySet) -> SealedField {
    seal_field(keys, event(1), "/name", subject(1), b"\"Test\"").unwrap()
}

#[test]
fn a_sealed_field_opens_for_its_event_wherever_it_was_copied_to() {
    let keys = keys_of([1]);
    let field = sealed(&keys);
    assert_eq!(field.path, "/name");
    let opened = open_field(&keys, event(1), &field).unwrap().unwrap();
    assert_eq!(opened.as_slice(), b"\"Test\"");
}

#[test]
fn the_same_value_is_never_sealed_into_the_same_bytes() {
    let keys = keys_of([1]);
    assert_ne!(sealed(&keys).ciphertext, sealed(&keys).ciphertext);
}

#[test]
fn a_field_with_any_part_changed_does_not_open() {
    let keys = keys_of([1, 2]);
    let changes: [fn(&mut SealedField, &KeySet); 9] = [
        |field, _| field.path = "/kana".into(),
        |field, _| field.subject = subject(2),
        |field, keys| field.key_id = keys.of_subject(subject(2)).unwrap().id(),
        |field, keys| {
            field.subject = subject(2);
            field.key_id = keys.of_subject(subject(2)).unwrap().id();
        },
        |field, _| field.nonce[0] ^= 1,
        |field, _| _ = field.nonce.pop(),
        |field, _| field.ciphertext[0] ^= 1,
        |field, _| *field.ciphertext.last_mut().unwrap() ^= 1,
        |field, _| _ = field.ciphertext.pop(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut field = sealed(&keys);
        change(&mut field, &keys);
        let refused = open_field(&keys, event(1), &field).unwrap_err();
        assert!(
            matches!(refused, SealError::Tampered { .. }),
            "change {number}: {refused:?}"
        );
    }
    let other_event = open_field(&keys, event(2), &sealed(&keys)).unwrap_err();
    assert_eq!(other_event, SealError::Tampered { path: "/name".into() });
}

#[test]
fn an_unknown_algorithm_is_named() {
    let keys = keys_of([1]);
    let mut field = sealed(&keys);
    field.algorithm = "ROT13".into();
    let refused = open_field(&keys, event(1), &field).unwrap_err();
    assert!(matches!(refused, SealError::UnknownAlgorithm { algorithm, .. } if algorithm == "ROT13"));
}

#[test]
fn a_key_that_was_not_fetched_is_no_erasure() {
    let keys = keys_of([1]);
    let field = sealed(&keys);
    let refused = open_field(&KeySet::default(), event(1), &field).unwrap_err();
    assert_eq!(refused, SealError::KeyNotFetched(field.key_id));
    let refused = seal_field(&KeySet::default(), event(1), "/name", subject(1), b"x").unwrap_err();
    assert_eq!(refused, SealError::NoKey(subject(1)));
}

#[test]
fn empty_ciphertext_reads_as_erased() {
    let mut field = sealed(&keys_of([1]));
    field.ciphertext.clear();
    assert_eq!(open_field(&KeySet::default(), event(1), &field).unwrap(), None);
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct PhonesChanged {
    changed_on: String,
    holder: Personal<String>,
    phones: Vec<Phone>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Phone {
    number: Personal<String>,
    note: Option<Personal<Value>>,
}

fn phones_changed() -> PhonesChanged {
    PhonesChanged {
        changed_on: "2026-07-01".into(),
        holder: Personal::new(subject(1), "Sample Holder".into()),
        phones: vec![
            Phone {
                number: Personal::new(subject(1), "+819000000001".into()),
                note: None,
            },
            Phone {
                number: Personal::new(subject(2), "+819000000002".into()),
                note: Some(Personal::new(subject(2), json!({ "text": "at night" }))),
            },
        ],
    }
}

#[test]
fn event_data_is_stored_without_plaintext_and_reads_back_the_same() {
    let plain = serde_json::to_value(phones_changed()).unwrap();
    let subjects = subjects_in(&plain);
    assert_eq!(subjects, [subject(1), subject(2)].into());
    let keys = keys_of([1, 2]);

    let stored = seal_tree(plain.clone(), event(1), &keys).unwrap();
    let text = stored.to_string();
    for secret in ["Sample", "+8190", "at night", "$personal"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(stored["changed_on"], "2026-07-01");
    assert_eq!(
        stored.pointer("/phones/1/note/$sealed/path").unwrap(),
        "/phones/1/note"
    );
    assert!(subjects_in(&stored).is_empty());
    let key_ids: Vec<KeyId> = subjects
        .iter()
        .map(|subject| keys.of_subject(*subject).unwrap().id())
        .collect();
    assert_eq!(keys_in(&stored), key_ids.into_iter().collect());

    let opened = open_tree(stored, event(1), &keys).unwrap();
    assert_eq!(opened, plain);
    assert_eq!(
        serde_json::from_value::<PhonesChanged>(opened).unwrap(),
        phones_changed()
    );
}

#[test]
fn a_place_is_named_with_its_special_characters_escaped() {
    let tree = json!({ "a/b": { "c~d": [0, Personal::new(subject(1), 1)] } });
    let stored = seal_tree(tree, event(1), &keys_of([1])).unwrap();
    assert_eq!(
        stored.pointer("/a~1b/c~0d/1/$sealed/path").unwrap(),
        "/a~1b/c~0d/1"
    );
}

#[test]
fn fields_that_changed_places_still_open_with_their_own_path() {
    let keys = keys_of([1, 2]);
    let stored = seal_tree(serde_json::to_value(phones_changed()).unwrap(), event(1), &keys).unwrap();
    let moved = json!({ "copied": stored["phones"][1]["number"] });
    let opened = open_tree(moved, event(1), &keys).unwrap();
    assert_eq!(opened["copied"]["$personal"]["value"], "+819000000002");
}

#[test]
fn an_erased_value_is_written_with_empty_ciphertext_and_reads_back_erased() {
    let erased: Personal<String> = Personal::Erased { subject: subject(1) };
    let plain = json!({ "name": erased });
    let stored = seal_tree(plain.clone(), event(1), &KeySet::default()).unwrap();
    assert_eq!(stored["name"]["$sealed"]["ct"], "");
    assert_eq!(stored["name"]["$sealed"]["alg"], "ERASED");
    assert!(keys_in(&stored).is_empty());
    assert_eq!(
        open_tree(stored.clone(), event(1), &KeySet::default()).unwrap(),
        plain
    );

    let copied = json!({ "copy": stored["name"] });
    let rewritten = seal_tree(copied, event(2), &KeySet::default()).unwrap();
    assert_eq!(rewritten["copy"]["$sealed"]["path"], "/copy");
}

#[test]
fn a_field_sealed_for_another_event_is_not_written_into_a_new_one() {
    let keys = keys_of([1]);
    let tree = json!({ "list": [Personal::<String>::Sealed(sealed(&keys))] });
    let refused = seal_tree(tree, event(2), &keys).unwrap_err();
    assert_eq!(
        refused,
        SealError::AlreadySealed {
            path: "/list/0".into()
        }
    );
}

#[test]
fn a_personal_field_within_a_personal_field_is_refused() {
    let inner = Personal::new(subject(2), "x");
    let tree = json!({ "note": Personal::new(subject(1), json!({ "who": inner })) });
    let refused = seal_tree(tree, event(1), &keys_of([1, 2])).unwrap_err();
    assert_eq!(refused, SealError::Nested { path: "/note".into() });
}

#[test]
fn stored_plaintext_is_refused() {
    let tree = json!({ "name": Personal::new(subject(1), "x") });
    let refused = open_tree(tree, event(1), &keys_of([1])).unwrap_err();
    assert_eq!(refused, SealError::NotSealed { path: "/name".into() });
}

#[test]
fn a_marker_that_is_no_personal_field_is_refused() {
    let keys = keys_of([1]);
    let value = || json!({ "subject": subject(1), "value": 1 });
    for malformed in [
        json!({ "$personal": 1 }),
        json!({ "$personal": value(), "more": 1 }),
        json!({ "$personal": value(), "$erased": { "subject": subject(1) } }),
        json!({ "$personal": { "subject": "nobody", "value": 1 } }),
        json!({ "$sealed": { "path": "" } }),
        json!({ "$erased": {} }),
    ] {
        let expected = SealError::Malformed { path: "/x".into() };
        let sealing = seal_tree(json!({ "x": malformed }), event(1), &keys).unwrap_err();
        assert_eq!(sealing, expected, "{malformed}");
        let opening = open_tree(json!({ "x": malformed }), event(1), &keys).unwrap_err();
        assert_eq!(opening, expected, "{malformed}");
    }
}

/// Trees of JSON with personal fields of two subjects anywhere in them.
fn trees() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[a-z~/]{0,6}".prop_map(Value::from),
    ];
    let field =
        (1..=2_u128, leaf.clone()).prop_map(|(number, value)| json!(Personal::new(subject(number), value)));
    prop_oneof![leaf, field].prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z~/]{0,4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_tree_reads_back_as_it_was_sealed(tree in trees()) {
        let keys = keys_of([1, 2]);
        let stored = seal_tree(tree.clone(), event(1), &keys).unwrap();
        prop_assert!(!stored.to_string().contains("$personal"));
        prop_assert_eq!(open_tree(stored, event(1), &keys).unwrap(), tree);
    }
}

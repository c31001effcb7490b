//! The stored formats against answers computed by another implementation: whoever changes a byte of them sees it here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use kernel::ids::{EventId, KeyId, SubjectId};
use kernel::personal::SealedField;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::field::{open_field, seal_with_nonce};
use crate::file::{FileHeader, FileOpener, FileSealer};
use crate::key::{KeySet, MasterKey, SubjectKey, WrappedKey};
use crate::pepper::Pepper;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../tests/fixtures/known_answers.json")).unwrap()
}

fn text<'a>(fixture: &'a Value, pointer: &str) -> &'a str {
    fixture.pointer(pointer).unwrap().as_str().unwrap()
}

fn bytes<const N: usize>(fixture: &Value, pointer: &str) -> [u8; N] {
    hex::decode(text(fixture, pointer)).unwrap().try_into().unwrap()
}

fn ids(fixture: &Value) -> (KeyId, SubjectId) {
    (
        text(fixture, "/key/id").parse().unwrap(),
        text(fixture, "/key/subject").parse().unwrap(),
    )
}

fn key(fixture: &Value) -> SubjectKey {
    let (id, subject) = ids(fixture);
    SubjectKey::from_parts(id, subject, Zeroizing::new(bytes(fixture, "/key/secret")))
}

fn file_content() -> Vec<u8> {
    (0..=250_u8).cycle().take(65_541).collect()
}

#[test]
fn a_field_is_sealed_into_the_known_bytes() {
    let fixture = fixture();
    let expected: SealedField = serde_json::from_value(fixture["field"]["sealed"].clone()).unwrap();
    let event: EventId = text(&fixture, "/field/event").parse().unwrap();
    let plaintext = text(&fixture, "/field/plaintext").as_bytes();
    let nonce = expected.nonce.clone().try_into().unwrap();

    let sealed = seal_with_nonce(&key(&fixture), event, &expected.path, plaintext, nonce).unwrap();
    assert_eq!(serde_json::to_value(&sealed).unwrap(), fixture["field"]["sealed"]);

    let keys = KeySet::from_iter([key(&fixture)]);
    let opened = open_field(&keys, event, &expected).unwrap().unwrap();
    assert_eq!(opened.as_slice(), plaintext);
}

#[test]
fn a_value_erased_before_is_written_in_the_known_form() {
    let (_, subject) = ids(&fixture());
    let written = serde_json::to_value(crate::field::erased_field(subject, "/name")).unwrap();
    let expected = json!({
        "path": "/name", "subject": subject, "key": "00000000-0000-0000-0000-000000000000",
        "alg": "ERASED", "nonce": "", "ct": "",
    });
    assert_eq!(written, expected);
}

#[test]
fn a_file_is_sealed_into_the_known_bytes() {
    let fixture = fixture();
    let (key, purpose) = (key(&fixture), text(&fixture, "/file/purpose"));
    let mut sealer = FileSealer::with_nonce_prefix(&key, purpose, bytes(&fixture, "/file/nonce_prefix"));
    assert_eq!(hex::encode(sealer.header()), text(&fixture, "/file/header"));

    let mut file = sealer.header().to_vec();
    file.extend(sealer.frame(&file_content()).unwrap());
    let last = sealer.finish().unwrap();
    file.extend(&last);
    assert_eq!(hex::encode(last), text(&fixture, "/file/last_frame"));
    assert_eq!(file.len(), fixture["file"]["sealed_bytes"]);
    assert_eq!(
        hex::encode(Sha256::digest(&file)),
        text(&fixture, "/file/sealed_sha256")
    );

    let header = FileHeader::parse(&bytes::<56>(&fixture, "/file/header")).unwrap();
    let mut opener = FileOpener::new(&header, &key, purpose).unwrap();
    let mut plaintext = opener.frame(&file[56..]).unwrap().to_vec();
    plaintext.extend_from_slice(&opener.finish().unwrap());
    assert_eq!(plaintext, file_content());
}

#[test]
fn a_subject_key_is_unwrapped_from_the_known_bytes() {
    let fixture = fixture();
    let (id, subject) = ids(&fixture);
    let master = MasterKey::from_hex(text(&fixture, "/wrapped/master_key")).unwrap();
    assert_eq!(master.id(), text(&fixture, "/wrapped/master_key_id"));

    let wrapped = WrappedKey {
        nonce: bytes::<24>(&fixture, "/wrapped/nonce").to_vec(),
        bytes: bytes::<48>(&fixture, "/wrapped/bytes").to_vec(),
    };
    let unwrapped = master.unwrap(id, subject, &wrapped).unwrap();
    assert_eq!(unwrapped.secret(), &bytes::<32>(&fixture, "/key/secret"));
}

#[test]
fn a_keyed_hash_is_the_known_one() {
    let fixture = fixture();
    let pepper = Pepper::from_hex(text(&fixture, "/pepper/secret")).unwrap();
    let (purpose, data) = (
        text(&fixture, "/pepper/purpose"),
        text(&fixture, "/pepper/data").as_bytes(),
    );
    assert_eq!(
        hex::encode(pepper.hash(purpose, data)),
        text(&fixture, "/pepper/hash")
    );
    assert_eq!(pepper.id(purpose, data).to_string(), text(&fixture, "/pepper/id"));
    assert_eq!(pepper.id(purpose, data).get_version_num(), 8);
}

//! What the reader of bytes counts: wrong fields, the items of lists, the occurrences of messages.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use contracts::claim_images::v1::SendSubmissionRequest;
use contracts::endorsement::v1::endorsement_item::Change;
use contracts::endorsement::v1::{ContractRow, EndorsementItem, PartyRow, PhonesChange};
use prost::{Message as _, Name as _};

use super::*;
use crate::limits::table::{Field, Integer, Kind};
use crate::limits::tests::{SEND, SUBMIT, note, violations, wrong};

#[test]
fn a_message_full_of_wrong_fields_is_counted_and_not_kept() {
    let full = SendSubmissionRequest {
        image_ids: vec!["\0".to_owned(); LEAST_BYTES / 3],
        ..SendSubmissionRequest::default()
    };
    let limits = Limits::compile().unwrap();
    let problem = limits.judge(SEND, &full.encode_to_vec()).unwrap_err();
    assert_eq!((problem.violations.len(), problem.more_violations), (10, 991));
    // A text that stands again takes the place of the one before, and each is looked at.
    let again = note("\0").repeat(500_000);
    let problem = limits.judge(SEND, &again).unwrap_err();
    assert_eq!((problem.violations.len(), problem.more_violations), (10, 499_990));
}

#[test]
fn a_row_is_told_all_that_is_wrong_with_it() {
    let party = PartyRow {
        phones: vec!["0".repeat(65); 1_000],
        address: "\0".to_owned(),
        ..PartyRow::default()
    };
    let row = ContractRow {
        policyholder: Some(party),
        agency_name: "\0".to_owned(),
        ..ContractRow::default()
    };
    let found = Limits::compile()
        .unwrap()
        .of_row(&ContractRow::full_name(), &row.encode_to_vec());
    assert_eq!(found.len(), 20 + 1 + 1 + 1);
    let last = &found[20..];
    assert_eq!(
        last.iter().map(|wrong| wrong.field.as_str()).collect::<Vec<_>>(),
        ["policyholder.phones", "policyholder.address", "agency_name"]
    );
}

#[test]
fn a_message_field_that_stands_twice_is_unreadable_because_decoders_would_merge_it() {
    let three = EndorsementItem {
        change: Some(Change::Phones(PhonesChange {
            numbers: vec!["0311111111".to_owned(); 3],
        })),
        ..EndorsementItem::default()
    };
    let request = |item: &[u8]| {
        let length = u8::try_from(item.len()).unwrap();
        [&[0x1A, length][..], item].concat()
    };
    let once = three.encode_to_vec();
    let twice = once.repeat(2);
    let merged = EndorsementItem::decode(twice.as_slice()).unwrap();
    let six = PhonesChange {
        numbers: vec!["0311111111".to_owned(); 6],
    };
    assert_eq!(merged.change, Some(Change::Phones(six)));
    assert_eq!(violations(SUBMIT, &request(&once)), []);
    assert_eq!(
        violations(SUBMIT, &request(&twice)),
        wrong("items[0].phones", "MESSAGE_UNREADABLE")
    );
}

#[test]
fn packed_numbers_are_judged_one_by_one() {
    let integer = Kind::Integer {
        read_as: Integer::I32,
        least: Some(0),
        most: Some(300),
    };
    let of = |kind| Message {
        fields: vec![Field {
            number: 1,
            name: "numbers".to_owned(),
            kind,
            list: true,
            most_items: Some(3),
        }],
        counts: true,
    };
    let read = |kind, bytes: &[u8]| {
        let messages = [of(kind)];
        let mut reading = Reading::keeping(MOST_TOLD, &messages);
        reading
            .message(0, bytes)
            .map(|()| reading.found)
            .map_err(|problem| problem.reason)
    };
    // 1, 301 and 300 packed, 301 alone.
    let numbers = [0x0A, 0x05, 0x01, 0xAD, 0x02, 0xAC, 0x02, 0x08, 0xAD, 0x02];
    assert_eq!(
        read(integer, &numbers).unwrap(),
        [
            FieldViolation::new("numbers[1]", "NUMBER_TOO_LARGE").with("max", "300"),
            FieldViolation::new("numbers", "LIST_TOO_LONG").with("max_items", "3"),
        ]
    );
    assert_eq!(read(integer, &[0x0A, 0x00]), Ok(vec![]));
    assert_eq!(read(integer, &[0x0A, 0x01, 0xAD]), Err("MESSAGE_UNREADABLE"));
    assert_eq!(read(Kind::Fixed32, &[0x0A, 0x01, 0]), Err("MESSAGE_UNREADABLE"));
    assert_eq!(read(Kind::Fixed32, &[0x0A, 0x04, 0, 0, 0, 0]), Ok(vec![]));
}

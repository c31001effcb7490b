//! Sealed files: any size, in pieces of any size, and every way to damage one is noticed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use kernel::ids::SubjectId;
use privacy::{
    FRAME_BYTES, FileError, FileHeader, FileOpener, FileSealer, HEADER_BYTES, SEALED_FRAME_BYTES, SubjectKey,
};
use proptest::prelude::*;
use uuid::Uuid;

fn subject(number: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(number))
}

fn content(bytes: usize) -> Vec<u8> {
    (0..=250_u8).cycle().take(bytes).collect()
}

fn seal(key: &SubjectKey, plaintext: &[u8], piece: usize) -> Vec<u8> {
    let mut sealer = FileSealer::new(key, "original");
    let mut file = sealer.header().to_vec();
    for part in plaintext.chunks(piece) {
        file.extend(sealer.frame(part).unwrap());
    }
    file.extend(sealer.finish().unwrap());
    file
}

fn open(key: &SubjectKey, sealed: &[u8], piece: usize, purpose: &str) -> Result<Vec<u8>, FileError> {
    let header = FileHeader::parse(sealed)?;
    let mut opener = FileOpener::new(&header, key, purpose)?;
    let mut plaintext = Vec::new();
    for part in sealed[HEADER_BYTES..].chunks(piece) {
        plaintext.extend_from_slice(&opener.frame(part)?);
    }
    plaintext.extend_from_slice(&opener.finish()?);
    Ok(plaintext)
}

#[test]
fn files_around_the_frame_size_read_back_whole() {
    let key = SubjectKey::generate(subject(1));
    for bytes in [
        0,
        1,
        FRAME_BYTES - 1,
        FRAME_BYTES,
        FRAME_BYTES + 1,
        2 * FRAME_BYTES,
        3 * FRAME_BYTES + 7,
    ] {
        let sealed = seal(&key, &content(bytes), 10_000);
        let frames = bytes.div_ceil(FRAME_BYTES).max(1);
        assert_eq!(sealed.len(), HEADER_BYTES + bytes + 16 * frames);
        assert_eq!(
            open(&key, &sealed, 9_999, "original").unwrap(),
            content(bytes),
            "{bytes} bytes"
        );
    }
}

#[test]
fn plaintext_is_given_frame_by_frame() {
    let key = SubjectKey::generate(subject(1));
    let sealed = seal(&key, &content(3 * FRAME_BYTES), usize::MAX);
    let header = FileHeader::parse(&sealed).unwrap();
    let mut opener = FileOpener::new(&header, &key, "original").unwrap();
    let given: Vec<usize> = sealed[HEADER_BYTES..]
        .chunks(SEALED_FRAME_BYTES)
        .map(|frame| opener.frame(frame).unwrap().len())
        .collect();
    assert_eq!(given, [0, FRAME_BYTES, FRAME_BYTES]);
    assert_eq!(opener.finish().unwrap().len(), FRAME_BYTES);
}

#[test]
fn a_file_names_its_key_and_its_subject_and_opens_with_no_other_key() {
    let (key, other) = (SubjectKey::generate(subject(1)), SubjectKey::generate(subject(1)));
    let sealed = seal(&key, b"picture", 10);
    let header = FileHeader::parse(&sealed).unwrap();
    assert_eq!((header.key_id, header.subject), (key.id(), subject(1)));
    let refused = open(&other, &sealed, 100, "original").unwrap_err();
    assert_eq!(
        refused,
        FileError::WrongKey {
            needed: key.id(),
            given: other.id()
        }
    );
}

#[test]
fn a_file_opens_only_for_the_purpose_it_was_sealed_for() {
    let key = SubjectKey::generate(subject(1));
    let sealed = seal(&key, b"picture", 10);
    let refused = open(&key, &sealed, 100, "thumbnail").unwrap_err();
    assert_eq!(refused, FileError::Damaged { frame: 0 });
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let key = SubjectKey::generate(subject(1));
    let sealed = seal(&key, &content(2 * FRAME_BYTES + 5), usize::MAX);
    let ends = [
        HEADER_BYTES,
        HEADER_BYTES + 15,
        HEADER_BYTES + SEALED_FRAME_BYTES - 1,
        HEADER_BYTES + SEALED_FRAME_BYTES,
        HEADER_BYTES + 2 * SEALED_FRAME_BYTES,
        sealed.len() - 1,
    ];
    for end in ends {
        let refused = open(&key, &sealed[..end], 50_000, "original").unwrap_err();
        assert!(
            matches!(refused, FileError::Damaged { .. }),
            "cut at {end}: {refused:?}"
        );
    }
    for end in 0..HEADER_BYTES {
        assert_eq!(
            FileHeader::parse(&sealed[..end]).unwrap_err(),
            FileError::NotSealed
        );
    }
}

#[test]
fn frames_in_another_order_are_refused() {
    let key = SubjectKey::generate(subject(1));
    let sealed = seal(&key, &content(3 * FRAME_BYTES), usize::MAX);
    let (header, frames) = sealed.split_at(HEADER_BYTES);
    let frame = |number: usize| &frames[number * SEALED_FRAME_BYTES..][..SEALED_FRAME_BYTES];
    for (order, damaged) in [
        (vec![1, 0, 2], 0),
        (vec![0, 0, 1, 2], 1),
        (vec![0, 2], 1),
        (vec![0, 1, 2, 2], 2),
    ] {
        let mut reordered = header.to_vec();
        for number in &order {
            reordered.extend_from_slice(frame(*number));
        }
        let refused = open(&key, &reordered, SEALED_FRAME_BYTES, "original").unwrap_err();
        assert_eq!(refused, FileError::Damaged { frame: damaged }, "{order:?}");
    }
}

#[test]
fn frames_of_another_file_of_the_same_person_are_refused() {
    let key = SubjectKey::generate(subject(1));
    let (first, second) = (seal(&key, b"first", 10), seal(&key, b"other", 10));
    let mixed = [&first[..HEADER_BYTES], &second[HEADER_BYTES..]].concat();
    assert_eq!(
        open(&key, &mixed, 100, "original").unwrap_err(),
        FileError::Damaged { frame: 0 }
    );
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let key = SubjectKey::generate(subject(1));
    let sealed = seal(&key, b"picture", 10);
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        let refused = open(&key, &changed, 100, "original").unwrap_err();
        let as_expected = match place {
            0..4 => refused == FileError::NotSealed,
            4 => refused == FileError::UnknownVersion(0),
            5..37 => matches!(refused, FileError::WrongKey { .. }),
            _ => refused == FileError::Damaged { frame: 0 },
        };
        assert!(as_expected, "byte {place}: {refused:?}");
    }
}

#[test]
fn nothing_is_given_after_a_damaged_frame() {
    let key = SubjectKey::generate(subject(1));
    let mut sealed = seal(&key, &content(3 * FRAME_BYTES), usize::MAX);
    sealed[HEADER_BYTES] ^= 1;
    let header = FileHeader::parse(&sealed).unwrap();
    let mut opener = FileOpener::new(&header, &key, "original").unwrap();
    let damaged = FileError::Damaged { frame: 0 };
    let (first, rest) = sealed[HEADER_BYTES..].split_at(SEALED_FRAME_BYTES + 1);
    assert_eq!(opener.frame(first).unwrap_err(), damaged);
    assert_eq!(opener.frame(rest).unwrap_err(), damaged);
    assert_eq!(opener.finish().unwrap_err(), damaged);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_size_of_the_pieces_does_not_matter(bytes in 0..200_000_usize, sealing in 1..100_000_usize, opening in 1..100_000_usize) {
        let key = SubjectKey::generate(subject(1));
        let sealed = seal(&key, &content(bytes), sealing);
        prop_assert_eq!(open(&key, &sealed, opening, "original").unwrap(), content(bytes));
    }
}

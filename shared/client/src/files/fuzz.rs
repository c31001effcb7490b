//! A million damaged rows through the reader (EN-16): every line is counted once, and no row holds a value of another one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use contracts::claim_images::v1::AccidentRow;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use testkit::damaged_csv::{BAD_BYTE, DamagedCsv};

use super::*;

/// Rows of one file.
const ROWS: u32 = 2_000;
/// Rows that are read in passing; `CSV_FUZZ_ROWS` in the environment asks for another number (`make fuzz`).
const IN_PASSING: u32 = 20_000;
const ENCODINGS: [Encoding; 4] = [
    Encoding::Utf8,
    Encoding::Utf16Le,
    Encoding::Utf16Be,
    Encoding::Cp932,
];

/// A value that says whose it is and where it belongs, `#row#column`, in one of the forms that cells have.
fn value(random: &mut ChaCha8Rng, row: u32, column: usize, end: &str) -> String {
    let words = ["見本町", "髙①", "ｶﾅ", "a b", "", "x|y", "「」"];
    let word = words[random.random_range(0..words.len())];
    let value = format!("{word}#{row}#{column} ");
    match random.random_range(0..40) {
        0 => format!("{value}, {value}"),
        1 => format!("\"{value}\""),
        2 => format!("{value}{end}{value}{end}{value}"),
        // Holds lines that look like rows.
        3 => format!("{value}{end}{}{end}{value}", [value.as_str(); 10].join(",")),
        4 => String::new(),
        // One that begins with a mark and goes on in the next line would make a good row of a stray mark before it.
        5 => format!("{value}{end}\"\"{end}\"{value}"),
        _ => value,
    }
}

fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| {
        // A surrogate without its other half.
        let unit = |unit| if unit == 0xFFFD { 0xD800 } else { unit };
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16().map(unit));
        units.flat_map(bytes).collect()
    };
    let broken = |bytes: fn(&str) -> Vec<u8>| {
        let parts: Vec<_> = text.split(BAD_BYTE).map(bytes).collect();
        parts.join([0xFF_u8].as_slice())
    };
    match encoding {
        Encoding::Utf8 => broken(|text| text.as_bytes().to_vec()),
        Encoding::Cp932 => broken(|text| encoding_rs::SHIFT_JIS.encode(text).0.into_owned()),
        Encoding::Utf16Le => utf16(u16::to_le_bytes),
        Encoding::Utf16Be => utf16(u16::to_be_bytes),
    }
}

/// Whose values stand in a row, each in its column.
fn owners(seed: u64, row: &AccidentRow) -> BTreeSet<String> {
    let mut owners = BTreeSet::new();
    for (cell, column) in row.cells().iter().zip(0_usize..) {
        let mut tags = cell.split('#').skip(1);
        while let (Some(owner), Some(tag)) = (tags.next(), tags.next()) {
            let digits: String = tag.chars().take_while(char::is_ascii_digit).collect();
            assert_eq!(
                digits,
                column.to_string(),
                "seed {seed}, line {}: {cell:?}",
                row.line
            );
            owners.insert(owner.to_owned());
        }
    }
    owners
}

/// Rows and lines that were read of one file.
fn check(seed: u64) -> (usize, usize) {
    let file = DamagedCsv::write(seed, &AccidentRow::columns(), ROWS, value);
    let encoding = ENCODINGS[ChaCha8Rng::seed_from_u64(seed).random_range(0..ENCODINGS.len())];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accidents.csv");
    std::fs::write(&path, encode(&file.text, encoding)).unwrap();
    let reading = Reading {
        encoding: Some(encoding),
        ..Reading::default()
    };
    // That rows and lines add up is checked by the reader itself, for every file.
    let content = read::<AccidentRow>(&path, &reading).unwrap();
    let mut lines = BTreeSet::new();
    for row in &content.rows {
        assert!(lines.insert(row.line), "seed {seed}: line {} twice", row.line);
        let owners = owners(seed, row);
        assert!(
            owners.len() <= 1,
            "seed {seed}, line {}: values of the rows {owners:?}",
            row.line
        );
    }
    for bad in &content.broken {
        assert!(lines.insert(bad.line), "seed {seed}: line {} twice", bad.line);
    }
    (content.rows.len(), content.lines_read())
}

#[test]
fn en_16_however_a_file_is_damaged_its_lines_add_up_and_no_row_holds_a_value_of_another() {
    let wanted = testkit::length_of_run("CSV_FUZZ_ROWS", IN_PASSING);
    let (mut rows, mut read) = (0, 0);
    for seed in 0..u64::from(wanted.div_ceil(ROWS)) {
        let (good, all) = check(seed);
        rows += good;
        read += all;
    }
    // The damage spares enough to be worth the name, and hits enough.
    assert!(rows * 4 > read && rows < read, "{rows} rows of {read} lines");
}

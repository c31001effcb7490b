//! Reading and writing of files, without a service.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use contracts::claim_images::v1::AccidentRow;
use contracts::endorsement::v1::{ContractRow, InsurerShare, PartyRow};
use contracts::identity::v1::InitialCredential;

use super::*;

fn read_text<R: FileRow>(text: impl AsRef<[u8]>) -> Result<FileContent<R>, FileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(R::FILE);
    std::fs::write(&path, text).unwrap();
    read(&path, &Reading::default())
}

fn lines(content: &FileContent<InitialCredential>) -> Vec<u32> {
    content.rows.iter().map(|row| row.line).collect()
}

fn header() -> String {
    InitialCredential::columns().join(",")
}

#[test]
fn the_columns_are_those_of_the_core_system() {
    let columns = ContractRow::columns();
    assert_eq!(columns.len(), 29);
    assert_eq!(columns[..3], ["policy_number", "branch_number", "product"]);
    for column in [
        "policyholder_phones",
        "insured_name_kana",
        "object_address",
        "insurers",
    ] {
        assert!(columns.iter().any(|name| name == column), "{columns:?}");
    }
    assert!(!columns.iter().any(|name| name == "line"));
    assert_eq!(AccidentRow::columns().len(), 10);
    assert_eq!(
        header(),
        "policy_number,branch_number,customer_number,initial_user_id,code"
    );
}

fn contract() -> ContractRow {
    ContractRow {
        policy_number: "00123456".to_owned(),
        policyholder: Some(PartyRow {
            customer_number: "0012".to_owned(),
            phones: vec!["03-0000-0001".to_owned(), "090-0000-0001".to_owned()],
            address: "東京都, \"一\"丁目".to_owned(),
            ..PartyRow::default()
        }),
        insurers: vec![
            InsurerShare {
                name: "一".to_owned(),
                role: "LEAD".to_owned(),
                share_basis_points: 6_000,
            },
            InsurerShare {
                name: "二".to_owned(),
                role: "FOLLOWER".to_owned(),
                share_basis_points: 4_000,
            },
        ],
        ..ContractRow::default()
    }
}

#[test]
fn a_row_reads_back_from_its_cells_whatever_the_order_of_the_columns() {
    let with_insured = ContractRow {
        insured: Some(PartyRow {
            name: "別人".to_owned(),
            ..PartyRow::default()
        }),
        ..contract()
    };
    for row in [contract(), with_insured] {
        for turned in [false, true] {
            let (mut columns, mut cells) = (ContractRow::columns(), row.cells());
            if turned {
                columns.reverse();
                cells.reverse();
            }
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(columns).unwrap();
            writer.write_record(cells).unwrap();
            let read = read_text::<ContractRow>(writer.into_inner().unwrap()).unwrap();
            assert_eq!(
                read.rows,
                [ContractRow {
                    line: 2,
                    ..row.clone()
                }]
            );
        }
    }
}

#[test]
fn a_share_that_is_no_number_is_left_to_the_service() {
    let mut cells = contract().cells();
    let insurers = ContractRow::columns()
        .iter()
        .position(|name| name == "insurers")
        .unwrap();
    cells[insurers] = "一:LEAD:all|二".to_owned();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(ContractRow::columns()).unwrap();
    writer.write_record(cells).unwrap();
    let read = read_text::<ContractRow>(writer.into_inner().unwrap()).unwrap();
    let shares: Vec<_> = read.rows[0]
        .insurers
        .iter()
        .map(|share| share.share_basis_points)
        .collect();
    assert_eq!(shares, [0, 0]);
}

#[test]
fn en_16_a_line_that_is_not_whole_is_reported_and_the_others_are_read() {
    let text = format!(
        "\u{FEFF}{}\nAB123456,,C0001,,CODE\nAB\n\"AB,1\",,C0001,,CODE\n",
        header()
    );
    let read = read_text::<InitialCredential>(text).unwrap();
    assert_eq!(lines(&read), [2, 4]);
    assert_eq!(read.rows[1].policy_number, "AB,1");
    assert_eq!(
        (read.broken[0].line, read.broken[0].reason.as_str()),
        (3, "LINE_INCOMPLETE")
    );
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n"] {
        let text = [&header(), "A,,,,", "", "\"B\nB\",,,,", "C,,,,", ""].join(end);
        let read = read_text::<InitialCredential>(text).unwrap();
        assert_eq!(lines(&read), [2, 4, 6], "{end:?}");
    }
}

#[test]
fn a_line_that_is_not_of_the_files_encoding_is_named() {
    let mut text = format!("{}\n", header()).into_bytes();
    text.extend("見本,,,,\n".repeat(20).into_bytes());
    text.extend(b"\x8c\xa9\x96{,,,,\n");
    let content = read_text::<InitialCredential>(text).unwrap();
    assert_eq!((content.rows.len(), content.encoding), (20, Encoding::Utf8));
    assert_eq!(
        (content.broken[0].line, content.broken[0].reason.as_str()),
        (22, "LINE_UNREADABLE")
    );
}

#[test]
fn a_file_whose_encoding_nobody_can_tell_is_refused_and_read_as_declared() {
    let mut text = format!("{}\n見本,,,,\n", header()).into_bytes();
    text.extend(b"\x8c\xa9\x96{,,,,\n");
    let refused = read_text::<InitialCredential>(&text).unwrap_err();
    assert!(refused.to_string().contains("--encoding"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.csv");
    std::fs::write(&path, &text).unwrap();
    let reading = Reading {
        encoding: Some(Encoding::Utf8),
        ..Reading::default()
    };
    let content = read::<InitialCredential>(&path, &reading).unwrap();
    assert_eq!((lines(&content), content.broken[0].line), (vec![2], 3));
}

#[test]
fn another_header_is_refused_with_what_is_missing_and_what_nobody_knows() {
    let refused =
        read_text::<InitialCredential>("policy_number,branch_number,customer_number,code,tel,code\n");
    let Err(FileError::Header { missing, unknown, .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(missing, &["initial_user_id"]);
    assert_eq!(unknown, &["tel", "code"]);
    let said = refused.unwrap_err().to_string();
    assert!(
        said.contains("lacks initial_user_id and has, which nobody knows, tel, code"),
        "{said}"
    );
    assert!(matches!(
        read_text::<InitialCredential>(""),
        Err(FileError::Header { .. })
    ));
}

#[test]
fn a_row_is_about_what_the_services_know_by_its_numbers() {
    let about = |policy: &str, branch: &str| {
        ContractRow {
            policy_number: policy.to_owned(),
            branch_number: branch.to_owned(),
            ..ContractRow::default()
        }
        .about()
    };
    assert_eq!(about("ab-123456", ""), about("ＡＢ１２３４５６", "０"));
    assert_ne!(about("AB123456", "1"), about("AB123456", ""));
    assert_eq!(about("?", ""), None);
}

/// A file of `/tests/fixtures/cases`, as its name says for one of the three.
fn case<R: FileRow>(name: &str) -> FileContent<R> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cases/");
    read(
        std::path::Path::new(&format!("{path}{name}")),
        &Reading::default(),
    )
    .unwrap()
}

fn broken(content: &FileContent<AccidentRow>) -> Vec<(u32, &str)> {
    let broken = content.broken.iter();
    broken.map(|bad| (bad.line, bad.reason.as_str())).collect()
}

#[test]
fn accidents_stray_quotes_csv_every_line_is_a_row_or_reported_and_no_row_holds_anothers_data() {
    let content = case::<AccidentRow>("accidents-stray-quotes.csv");
    let rows: Vec<_> = content
        .rows
        .iter()
        .map(|row| (row.line, row.place.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            (2, "見本町301番地"),
            (3, "見本町302番地"),
            (8, "見本町307番地"),
            (9, "見本町308番地")
        ]
    );
    let bad = "QUOTATION_BROKEN";
    assert_eq!(broken(&content), [(4, bad), (5, bad), (6, bad), (7, bad)]);
    assert_eq!(content.lines_read(), 8);
}

#[test]
fn accidents_crlf_bad_rows_csv_lines_are_those_of_an_editor() {
    let content = case::<AccidentRow>("accidents-crlf-bad-rows.csv");
    let rows: Vec<_> = content
        .rows
        .iter()
        .map(|row| (row.line, row.kind.as_str()))
        .collect();
    assert_eq!(rows, [(2, "FIRE"), (3, "BAD"), (4, "FIRE"), (5, "BAD")]);
    assert!(
        content.rows.iter().all(|row| row.state == "OPEN"),
        "the CR is no part of a cell"
    );
}

#[test]
fn accidents_nul_in_place_csv_reaches_the_service_as_it_is() {
    let content = case::<AccidentRow>("accidents-nul-in-place.csv");
    assert_eq!(
        (content.rows[0].line, content.rows[0].place.as_str()),
        (2, "見本\0町361番地")
    );
    assert_eq!(broken(&content), []);
}

#[test]
fn a_stray_quotation_mark_before_2500_rows_refuses_every_line_and_swallows_none() {
    let columns = ContractRow::columns();
    let address = columns
        .iter()
        .position(|name| name == "policyholder_address")
        .unwrap();
    let row = |number: usize| {
        let mut cells = vec![String::new(); columns.len()];
        cells[0] = format!("AB{number:08}");
        cells[address] = match number {
            1 => "\"見本町1".to_owned(),
            2_501 => "見本町2501\"".to_owned(),
            _ => format!("見本町{number}"),
        };
        cells.join(",")
    };
    let rows: Vec<_> = (0..=2_502).map(row).collect();
    let text = format!("{}\n{}\n", columns.join(","), rows.join("\n"));
    let content = read_text::<ContractRow>(text).unwrap();
    let read: Vec<_> = content
        .rows
        .iter()
        .map(|row| (row.line, row.policyholder.as_ref().unwrap().address.as_str()))
        .collect();
    assert_eq!(read, [(2, "見本町0"), (2_504, "見本町2502")]);
    assert_eq!(content.broken.len(), 2_501);
    assert!(content.broken.iter().all(|bad| bad.reason == "QUOTATION_BROKEN"));
}

/// Two stray quotation marks in the same column make one well-formed cell of all that is between them.
#[test]
fn a_cell_that_holds_as_many_commas_as_a_row_may_have_swallowed_rows() {
    let text = format!(
        "{}\nA,,C0001,,\"ONE\nB,,C0002,,TWO\nC,,C0003,,THREE\"\nD,,C0004,,\"with a\nline break, legal\"\n",
        header()
    );
    let content = read_text::<InitialCredential>(text).unwrap();
    assert_eq!(lines(&content), [5]);
    assert_eq!(content.rows[0].code, "with a\nline break, legal");
    let bad: Vec<_> = content
        .broken
        .iter()
        .map(|bad| (bad.line, bad.reason.as_str()))
        .collect();
    let swallows = "QUOTATION_SWALLOWS";
    assert_eq!(bad, [(2, swallows), (3, swallows), (4, swallows)]);
    assert_eq!(
        content.lines,
        Lines {
            all: 6,
            header: 1,
            blank: 0,
            continued: 1
        }
    );
}

#[test]
fn a_column_too_many_or_too_few_is_reported_on_every_line_of_the_row() {
    let text = format!("{}\nA,,,,\nB,,,,,\nC,\"x\ny\",,\n", header());
    let content = read_text::<InitialCredential>(text).unwrap();
    assert_eq!(lines(&content), [2]);
    let bad: Vec<_> = content.broken.iter().map(|bad| bad.line).collect();
    assert_eq!(bad, [3, 4, 5]);
}

#[test]
fn a_mapping_names_the_columns_leaves_some_out_and_reads_what_is_absent_as_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("any.csv");
    std::fs::write(
        &path,
        "備考,パスワード,証券番号,顧客番号,initial_user_id\nx,CODE,AB,C0001,U\n",
    )
    .unwrap();
    let named = [
        ("code", "パスワード"),
        ("policy_number", "証券番号"),
        ("customer_number", "顧客番号"),
    ];
    let mut reading = Reading::default();
    reading.mapping.credentials = Columns {
        names: named
            .map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned()))
            .into(),
        ignored: ["備考".to_owned()].into(),
        absent: ["branch_number".to_owned()].into(),
    };
    let content = read::<InitialCredential>(&path, &reading).unwrap();
    assert_eq!(
        content.rows,
        [InitialCredential {
            line: 2,
            policy_number: "AB".to_owned(),
            customer_number: "C0001".to_owned(),
            initial_user_id: "U".to_owned(),
            code: "CODE".to_owned(),
            ..InitialCredential::default()
        }]
    );
    let unnamed = read::<InitialCredential>(&path, &Reading::default()).unwrap_err();
    assert!(unnamed.to_string().contains("備考"), "{unnamed}");
}

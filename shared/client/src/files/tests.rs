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
    read(&path)
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
fn a_line_in_another_encoding_is_named() {
    let mut text = format!("{}\nA,,,,\n", header()).into_bytes();
    text.extend(b"\x8c\xa9\x96{,,,,\n");
    let read = read_text::<InitialCredential>(text).unwrap();
    assert_eq!(
        (read.broken[0].line, read.broken[0].reason.as_str()),
        (3, "LINE_NOT_UTF8")
    );
    let refused = read_text::<InitialCredential>(b"\x8c\xa9\n".as_slice()).unwrap_err();
    assert!(refused.to_string().contains("iconv"), "{refused}");
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

//! The core system's files, written by hand.

use std::path::{Path, PathBuf};

use client::files::Mapping;

pub(crate) const CONTRACTS: usize = 2;
/// Whom the operators erase.
pub(crate) const ERASED: &str = "C0000002";

const HEADER: &str = "policy_number,branch_number,product,kind,period_start,period_end,insurers,offline_reason,\
    last_endorsement_date,agency_name,object_address,policyholder_customer_number,policyholder_kind,policyholder_name,\
    policyholder_name_kana,policyholder_birth_date,policyholder_phones,policyholder_email,policyholder_postcode,\
    policyholder_address,insured_customer_number,insured_kind,insured_name,insured_name_kana,insured_birth_date,\
    insured_phones,insured_email,insured_postcode,insured_address";

/// Writes the three files, with this address of what is insured.
pub(crate) fn write(folder: &Path, object_address: &str) {
    let rows: Vec<_> = (1..=CONTRACTS)
        .map(|number| contract(number, "INDIVIDUAL", object_address))
        .collect();
    let contracts = format!("{HEADER}\n{}\n", rows.join("\n"));
    write_all(folder, &contracts);
}

/// A kind of contract that nobody knows.
pub(crate) fn write_with_a_bad_row(folder: &Path) {
    write_all(
        folder,
        &format!("{HEADER}\n{}\n", contract(9, "FAMILY", "大阪府大阪市一丁目")),
    );
}

/// The first contract in CP932, with headers in Japanese; the file, and the mapping that says what they mean.
pub(crate) fn write_as_the_core_system_does(folder: &Path) -> [PathBuf; 2] {
    let mapping = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/import-mapping.ja.toml");
    let names = Mapping::read(Path::new(mapping)).unwrap().contracts.names;
    let header: Vec<_> = HEADER.split(',').map(|name| names[name].as_str()).collect();
    let row = contract(1, "INDIVIDUAL", "東京都千代田区一丁目");
    let text = format!("{}\r\n{row}\r\n", header.join(","));
    let (bytes, _, unmapped) = encoding_rs::SHIFT_JIS.encode(&text);
    assert!(!unmapped);
    let file = folder.join("KEIYAKU.csv");
    std::fs::write(&file, bytes).unwrap();
    [file, PathBuf::from(mapping)]
}

fn contract(number: usize, kind: &str, object_address: &str) -> String {
    format!(
        "FI0000000{number},,FIRE,{kind},2026-04-01T16:00,2027-04-01T16:00,窓口損害保険:LEAD:10000,,,,{object_address},\
         C000000{number},INDIVIDUAL,見本　一郎,ミホン　イチロウ,1980-01-0{number},090-0000-000{number},,100-0001,東京都千代田区二丁目,,,,,,,,,"
    )
}

fn write_all(folder: &Path, contracts: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let credentials = "policy_number,branch_number,customer_number,initial_user_id,code\n\
                       FI00000001,,C0000001,,ABCD-EFGH-IJKL-MNOP\n";
    let accidents = "claim_number,policy_number,branch_number,customer_number,occurred_at,place,kind,adjuster_id,office,state\n\
                     CL00000001,FI00000001,,C0000001,2026-10-01T10:00,台所,WATER_LEAK,A001,TOKYO,OPEN\n";
    for (name, content) in [
        ("contracts.csv", contracts),
        ("credentials.csv", credentials),
        ("accidents.csv", accidents),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
    }
}

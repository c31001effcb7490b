//! What the door adds to a call: a request's bytes held against the limits of the protos.

use std::hint::black_box;
use std::time::Instant;

use contracts::claim_images::v1::{SendSubmissionRequest, WriteUploadRequest};
use contracts::endorsement::v1::{ContractRow, ImportContractsRequest, InsurerShare, PartyRow};
use contracts::identity::v1::LoginRequest;
use prost::Message as _;
use service::limits::Limits;

use crate::failure::Failure;
use crate::report::Report;

/// Enough calls that the clock's own steps do not show.
const CALLS: u32 = 2_000;

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let limits = Limits::compile()?;
    for (what, rpc, request) in requests() {
        let start = Instant::now();
        for _ in 0..CALLS {
            let judged = limits.judge(contracts::access::path_of(rpc), black_box(&request));
            judged.map_err(|problem| format!("{rpc} is refused: {problem}"))?;
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS);
        report.alone(format!("limits: {what} ({} bytes)", request.len()), each, "µs");
    }
    Ok(())
}

fn requests() -> [(&'static str, &'static str, Vec<u8>); 4] {
    let login = LoginRequest {
        user_id: "hanako.mihon@example.jp".to_owned(),
        password: "Tegami wo todokeru".to_owned(),
        device: "iPhone".to_owned(),
        device_token: String::new(),
    };
    let send = SendSubmissionRequest {
        request_id: "7f1b0d0c-0000-4000-8000-000000000001".to_owned(),
        accident_id: "7f1b0d0c-0000-4000-8000-000000000002".to_owned(),
        image_ids: vec!["7f1b0d0c-0000-4000-8000-000000000003".to_owned(); 10],
        note: "台所の天井から水が漏れました。\n写真をお送りします。".repeat(20),
    };
    let chunk = WriteUploadRequest {
        upload_id: "7f1b0d0c-0000-4000-8000-000000000001".to_owned(),
        data: vec![7; 64 * 1024],
        ..WriteUploadRequest::default()
    };
    let import = ImportContractsRequest {
        request_id: "7f1b0d0c-0000-4000-8000-000000000001".to_owned(),
        rows: vec![row(); 200],
        as_of_us: 1_777_000_000_000_000,
        dry_run: false,
    };
    [
        ("a login", "Login", login.encode_to_vec()),
        ("a long note", "SendSubmission", send.encode_to_vec()),
        ("a chunk of 64 KiB", "WriteUpload", chunk.encode_to_vec()),
        ("200 contracts", "ImportContracts", import.encode_to_vec()),
    ]
}

/// Invented, as long as real ones are.
fn row() -> ContractRow {
    let party = PartyRow {
        customer_number: "C0000001".to_owned(),
        kind: "INDIVIDUAL".to_owned(),
        name: "見本　花子".to_owned(),
        name_kana: "ミホン　ハナコ".to_owned(),
        birth_date: "1980-04-01".to_owned(),
        phones: vec!["090-5550-0001".to_owned(), "03-5550-1234".to_owned()],
        email: "hanako.mihon@example.jp".to_owned(),
        postcode: "100-0001".to_owned(),
        address: "東京都千代田区千代田１－１　見本ビル３階".to_owned(),
    };
    ContractRow {
        line: 1,
        policy_number: "AB12345678".to_owned(),
        product: "FIRE".to_owned(),
        kind: "INDIVIDUAL".to_owned(),
        period_start: "2026-04-01".to_owned(),
        period_end: "2027-04-01".to_owned(),
        policyholder: Some(party.clone()),
        insured: Some(party),
        object_address: "東京都千代田区千代田１－１".to_owned(),
        insurers: vec![InsurerShare {
            name: "見本損害保険".to_owned(),
            role: "LEAD".to_owned(),
            share_basis_points: 10_000,
        }],
        ..ContractRow::default()
    }
}

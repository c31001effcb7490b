//! Values of the fields that are kept: one row, one picture or one note for each, sent as whoever may.

use client::import::as_of_now;
use client::{Upload, UploadSource, answered, files, request_id};
use contracts::claim_images::v1::{
    AccidentRow, ImageCategory, ImportAccidentsRequest, SendSubmissionRequest,
};
use contracts::common::v1::{ImportOutcome, ImportRowResult};
use contracts::endorsement::v1::{Contract, ContractRow, ImportContractsRequest, PartyRow};
use contracts::views::v1::{AccidentFile, AccidentSummary, ContractSummary};
use prost_reflect::DescriptorPool;

use crate::kept::{Expected, Kept};
use crate::stage::Stage;
use crate::values::{Generated, Rule, of_field};

/// Rows of one call.
const AT_ONCE: usize = 500;

/// A column of contracts: where values go, and where they are shown.
struct Column {
    name: &'static str,
    /// Of the message that has its rule.
    rule: &'static str,
    set: fn(&mut ContractRow, String),
    shown: Option<fn(&Contract) -> String>,
    listed: Option<fn(&ContractSummary) -> String>,
}

fn insured(row: &mut ContractRow) -> &mut PartyRow {
    row.insured.as_mut().unwrap()
}

fn insured_of(contract: &Contract) -> &contracts::endorsement::v1::Party {
    contract.insured.as_ref().unwrap()
}

const COLUMNS: [Column; 6] = [
    Column {
        name: "insured.name",
        rule: "endorsement.v1.PartyRow.name",
        set: |row, value| insured(row).name = value,
        shown: Some(|contract| insured_of(contract).name.clone()),
        listed: Some(|row| row.insured_name.clone()),
    },
    Column {
        name: "insured.name_kana",
        rule: "endorsement.v1.PartyRow.name_kana",
        set: |row, value| insured(row).name_kana = value,
        shown: Some(|contract| insured_of(contract).name_kana.clone()),
        listed: None,
    },
    Column {
        name: "insured.address",
        rule: "endorsement.v1.PartyRow.address",
        set: |row, value| insured(row).address = value,
        shown: Some(|contract| insured_of(contract).address.clone().unwrap().as_entered),
        listed: None,
    },
    Column {
        name: "object_address",
        rule: "endorsement.v1.ContractRow.object_address",
        set: |row, value| row.object_address = value,
        shown: Some(|contract| contract.object_address.clone()),
        listed: Some(|row| row.object_address.clone()),
    },
    Column {
        name: "agency_name",
        rule: "endorsement.v1.ContractRow.agency_name",
        set: |row, value| row.agency_name = value,
        shown: Some(|contract| contract.agency_name.clone()),
        listed: None,
    },
    Column {
        name: "insurers[0].name",
        rule: "endorsement.v1.InsurerShare.name",
        set: |row, value| row.insurers[0].name = value,
        shown: Some(|contract| contract.insurers[0].name.clone()),
        listed: None,
    },
];

/// The values of a field by its full name, as texts.
pub(crate) fn texts(rule: &str) -> Vec<(String, Generated)> {
    let pool = DescriptorPool::decode(contracts::FILE_DESCRIPTOR_SET).unwrap();
    let (message, field) = rule.rsplit_once('.').unwrap();
    let message = pool.get_message_by_name(&format!("madoguchi.{message}")).unwrap();
    let field = message.get_field_by_name(field).unwrap();
    assert!(!Rule::of(&field).apart);
    let values = of_field(&field).into_iter();
    values
        .map(|generated| (generated.value.as_str().unwrap().to_owned(), generated))
        .collect()
}

/// Whether the row was recorded. What its rule forbids was refused, and what was refused by its name.
fn taken(result: &ImportRowResult, column: &str, generated: &Generated) -> bool {
    let recorded = result.outcome() == ImportOutcome::Recorded;
    let named = result.problems.iter().any(|problem| problem.field == column);
    assert!(recorded != named, "{column}, {}: {result:?}", generated.what);
    assert!(
        !recorded || !generated.beyond,
        "{column}, {}: recorded",
        generated.what
    );
    recorded
}

/// One contract of the customer's for each value of each column; insured is somebody else each time.
pub(crate) async fn contracts(stage: &Stage, kept: &mut Kept) {
    let mut rows = Vec::new();
    for column in &COLUMNS {
        for (text, generated) in texts(column.rule) {
            let number = rows.len() + 1;
            let mut row = stage.contract.row.clone();
            row.line = u32::try_from(number).unwrap();
            row.policy_number = format!("DOOR{number:06}");
            let mut other = row.policyholder.clone().unwrap();
            other.customer_number = format!("DOOR{number:06}");
            row.insured = Some(other);
            (column.set)(&mut row, text.clone());
            rows.push((column, text, generated, row));
        }
    }
    for batch in rows.chunks(AT_ONCE) {
        let results = import_contracts(stage, batch.iter().map(|(.., row)| row.clone()).collect()).await;
        assert_eq!(results.len(), batch.len());
        for ((column, text, generated, row), result) in batch.iter().zip(&results) {
            if taken(result, column.name, generated) {
                let id = files::contract_id(&row.policy_number, &row.branch_number)
                    .unwrap()
                    .to_string();
                keep(&mut kept.contracts, &id, column.name, column.shown, text);
                keep(&mut kept.contract_list, &id, column.name, column.listed, text);
            }
        }
    }
}

async fn import_contracts(stage: &Stage, rows: Vec<ContractRow>) -> Vec<ImportRowResult> {
    let request = ImportContractsRequest {
        request_id: request_id(),
        rows,
        as_of_us: as_of_now(),
        dry_run: false,
    };
    let answer = stage
        .client
        .endorsement(&stage.staff)
        .import_contracts(request)
        .await;
    answered(answer).unwrap().results
}

/// A contract of the customer's without end.
pub(crate) async fn contract_that_begins(stage: &Stage, policy: &str, at: &str) -> ImportOutcome {
    let row = ContractRow {
        policy_number: policy.to_owned(),
        period_start: at.to_owned(),
        period_end: String::new(),
        ..stage.contract.row.clone()
    };
    import_contracts(stage, vec![row]).await[0].outcome()
}

/// An accident of the customer's.
pub(crate) async fn accident_that_happened(stage: &Stage, claim: &str, at: &str) -> ImportOutcome {
    let row = AccidentRow {
        claim_number: claim.to_owned(),
        occurred_at: at.to_owned(),
        ..accident(stage, 1)
    };
    import(stage, vec![row]).await[0].outcome()
}

fn keep<T>(
    kept: &mut Vec<Expected<T>>,
    id: &str,
    what: &'static str,
    read: Option<fn(&T) -> String>,
    value: &str,
) {
    kept.extend(read.map(|read| Expected {
        id: id.to_owned(),
        what,
        read,
        value: value.to_owned(),
    }));
}

/// A column of accidents.
struct AccidentColumn {
    name: &'static str,
    rule: &'static str,
    set: fn(&mut AccidentRow, String),
    filed: fn(&AccidentFile) -> String,
    listed: Option<fn(&AccidentSummary) -> String>,
}

const ACCIDENT_COLUMNS: [AccidentColumn; 3] = [
    AccidentColumn {
        name: "place",
        rule: "claim_images.v1.AccidentRow.place",
        set: |row, value| row.place = value,
        filed: |file| file.place.clone(),
        listed: Some(|row| row.place.clone()),
    },
    AccidentColumn {
        name: "adjuster_id",
        rule: "claim_images.v1.AccidentRow.adjuster_id",
        set: |row, value| row.adjuster_id = value,
        filed: |file| file.adjuster_id.clone(),
        listed: None,
    },
    AccidentColumn {
        name: "office",
        rule: "claim_images.v1.AccidentRow.office",
        set: |row, value| row.office = value,
        filed: |file| file.office.clone(),
        listed: None,
    },
];

fn accident(stage: &Stage, number: usize) -> AccidentRow {
    AccidentRow {
        line: u32::try_from(number).unwrap(),
        claim_number: format!("DOOR{number:05}"),
        policy_number: stage.contract.row.policy_number.clone(),
        customer_number: stage.contract.credential.customer_number.clone(),
        occurred_at: "2026-01-05T12:00".to_owned(),
        kind: "FIRE".to_owned(),
        office: "TOKYO".to_owned(),
        state: "OPEN".to_owned(),
        ..AccidentRow::default()
    }
}

/// One accident of the customer's for each value of each column.
pub(crate) async fn accidents(stage: &Stage, kept: &mut Kept) {
    let mut rows = Vec::new();
    for column in &ACCIDENT_COLUMNS {
        for (text, generated) in texts(column.rule) {
            let mut row = accident(stage, rows.len() + 1);
            (column.set)(&mut row, text.clone());
            rows.push((column, text, generated, row));
        }
    }
    for batch in rows.chunks(AT_ONCE) {
        let results = import(stage, batch.iter().map(|(.., row)| row.clone()).collect()).await;
        for ((column, text, generated, row), result) in batch.iter().zip(&results) {
            if taken(result, column.name, generated) {
                let id = files::accident_id(&row.claim_number).unwrap().to_string();
                keep(
                    &mut kept.accident_files,
                    &id,
                    column.name,
                    Some(column.filed),
                    text,
                );
                keep(&mut kept.accident_list, &id, column.name, column.listed, text);
            }
        }
    }
}

async fn import(stage: &Stage, rows: Vec<AccidentRow>) -> Vec<ImportRowResult> {
    let request = ImportAccidentsRequest {
        request_id: request_id(),
        rows,
        as_of_us: as_of_now(),
        dry_run: false,
    };
    let answer = stage
        .client
        .claim_images(&stage.staff)
        .import_accidents(request)
        .await;
    answered(answer).unwrap().results
}

/// A picture for each name of a file, and a note with each that fits.
pub(crate) async fn submissions(stage: &Stage, kept: &mut Kept) {
    let row = accident(stage, 99_999);
    assert_eq!(
        import(stage, vec![row.clone()]).await[0].outcome(),
        ImportOutcome::Recorded
    );
    kept.accident = files::accident_id(&row.claim_number).unwrap().to_string();
    let names = texts("claim_images.v1.StartUploadRequest.file_name");
    let notes = texts("claim_images.v1.SendSubmissionRequest.note");
    assert_eq!(names.len(), notes.len());
    for ((name, named), (note, noted)) in names.into_iter().zip(notes) {
        picture(stage, kept, name, &named).await;
        send(stage, kept, note, &noted).await;
    }
}

async fn picture(stage: &Stage, kept: &mut Kept, file_name: String, generated: &Generated) {
    let source = UploadSource {
        file_name: file_name.clone(),
        category: ImageCategory::Other,
        bytes: testkit::photos::tower().unwrap(),
    };
    match Upload::whole(&stage.client, &stage.customer, &kept.accident, &source).await {
        Ok(finished) => {
            assert!(!generated.beyond, "file_name, {}: taken", generated.what);
            let id = finished.image.unwrap().image_id;
            keep(
                &mut kept.images,
                &id,
                "file_name",
                Some(|image| image.file_name.clone()),
                &file_name,
            );
        }
        Err(refusal) => {
            let fields: Vec<_> = refusal
                .violations
                .iter()
                .map(|wrong| wrong.field.as_str())
                .collect();
            assert_eq!(fields, ["file_name"], "{}: {refusal}", generated.what);
        }
    }
}

/// What is refused sends nothing: the pictures go with the next note.
async fn send(stage: &Stage, kept: &mut Kept, note: String, generated: &Generated) {
    let request = SendSubmissionRequest {
        request_id: request_id(),
        accident_id: kept.accident.clone(),
        image_ids: Vec::new(),
        note: note.clone(),
    };
    match answered(
        stage
            .client
            .claim_images(&stage.customer)
            .send_submission(request)
            .await,
    ) {
        Ok(sent) => {
            assert!(!generated.beyond, "note, {}: taken", generated.what);
            keep(
                &mut kept.submissions,
                &sent.submission_id,
                "note",
                Some(|sent| sent.note.clone()),
                &note,
            );
        }
        Err(refusal) if refusal.reason == "NOTHING_TO_SEND" => assert!(!generated.beyond),
        Err(refusal) => {
            let fields: Vec<_> = refusal
                .violations
                .iter()
                .map(|wrong| wrong.field.as_str())
                .collect();
            assert_eq!(fields, ["note"], "{}: {refusal}", generated.what);
        }
    }
}

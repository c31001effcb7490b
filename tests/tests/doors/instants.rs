//! Instants of rows: the ends of the range, and what lies beyond it.

use contracts::common::v1::ImportOutcome;
use contracts::endorsement::v1::Contract;
use contracts::views::v1::{AccidentFile, AccidentSummary, ContractSummary};
use kernel::Timestamp;

use crate::kept::{Expected, Kept};
use crate::rows;
use crate::stage::Stage;

/// As every store, message and view can hold them.
const WITHIN: [&str; 4] = [
    "0001-01-01T00:00:00Z",
    "1872-12-31T23:59:59.999999+09:00",
    "2026-01-05T12:00:00.000001Z",
    "9998-12-31T23:59:59.999999Z",
];
const BEYOND: [&str; 4] = [
    "0000-12-31T23:59:59Z",
    "-0001-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "9999-12-31",
];

fn micros(text: &str) -> String {
    text.parse::<Timestamp>().unwrap().as_microsecond().to_string()
}

/// A contract that begins and an accident that happened at each of them; accidents to come are none.
pub(crate) async fn of_rows(stage: &Stage, kept: &mut Kept) {
    for (number, text) in WITHIN.into_iter().enumerate() {
        let policy = format!("DOORTIME{number}");
        let outcome = rows::contract_that_begins(stage, &policy, text).await;
        assert_eq!(outcome, ImportOutcome::Recorded, "{text}");
        let id = client::files::contract_id(&policy, "").unwrap().to_string();
        kept.contracts.push(Expected {
            id: id.clone(),
            what: "period_start",
            read: |contract: &Contract| contract.period_start_us.to_string(),
            value: micros(text),
        });
        kept.contract_list.push(Expected {
            id,
            what: "period_start",
            read: |row: &ContractSummary| row.period_start_us.to_string(),
            value: micros(text),
        });
        if text.starts_with('9') {
            continue;
        }
        let claim = format!("DOORTIME{number}");
        let outcome = rows::accident_that_happened(stage, &claim, text).await;
        assert_eq!(outcome, ImportOutcome::Recorded, "{text}");
        let id = client::files::accident_id(&claim).unwrap().to_string();
        kept.accident_files.push(Expected {
            id: id.clone(),
            what: "occurred_at",
            read: |file: &AccidentFile| file.occurred_at_us.to_string(),
            value: micros(text),
        });
        kept.accident_list.push(Expected {
            id,
            what: "occurred_at",
            read: |row: &AccidentSummary| row.occurred_at_us.to_string(),
            value: micros(text),
        });
    }
    for text in BEYOND {
        let outcome = rows::contract_that_begins(stage, "DOORTIMEX", text).await;
        assert_eq!(outcome, ImportOutcome::Refused, "{text}");
        let outcome = rows::accident_that_happened(stage, "DOORTIMEX", text).await;
        assert_eq!(outcome, ImportOutcome::Refused, "{text}");
    }
}

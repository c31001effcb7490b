//! Files as core systems and people leave them, through the services (EN-16): named after the files they come from.

use std::path::{Path, PathBuf};

use client::import::{FileSummary, Files, Plan, Silent, import};
use client::{Bearer, Client};
use contracts::endorsement::v1::GetContractRequest;
use dev::stack::{Secrets, Stack};

use crate::setup::{data_folder, programs};

struct Importer {
    client: Client,
    administrator: Bearer,
    state: PathBuf,
}

impl Importer {
    async fn import(&self, files: Files, dry_run: bool) -> Vec<FileSummary> {
        let plan = Plan {
            files,
            state: self.state.clone(),
            dry_run,
            ..Plan::default()
        };
        import(&self.client, &self.administrator, &plan, &Silent)
            .await
            .unwrap()
    }

    /// One file by itself.
    async fn only(&self, files: Files) -> FileSummary {
        let mut summaries = self.import(files, false).await;
        assert_eq!(summaries.len(), 1);
        summaries.remove(0)
    }
}

/// A file of the cases.
pub(crate) fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/client/tests/fixtures/cases")
        .join(name)
}

fn accidents(file: PathBuf) -> Files {
    Files {
        accidents: Some(file),
        ..Files::default()
    }
}

fn contracts(file: PathBuf) -> Files {
    Files {
        contracts: Some(file),
        ..Files::default()
    }
}

fn told(rows: &[client::files::BadRow]) -> Vec<(u32, &str)> {
    rows.iter().map(|row| (row.line, row.reason.as_str())).collect()
}

#[tokio::test]
async fn en_16_each_file_by_itself_however_it_was_written() {
    let folder = data_folder();
    let stack = Stack::start(&folder.path().join("data"), &programs())
        .await
        .unwrap();
    let secrets = Secrets::open(stack.folder()).unwrap();
    let now_s = kernel::Clock::now(&kernel::SystemClock).as_second();
    let token = secrets
        .staff()
        .token("M001", &["administrator"], now_s, 3_600)
        .unwrap();
    let importer = Importer {
        client: Client::new(&stack.description().services).unwrap(),
        administrator: Bearer::new(&token),
        state: folder.path().join("state"),
    };
    accidents_stray_quotes_csv(&importer).await;
    accidents_crlf_bad_rows_csv(&importer).await;
    accidents_nul_in_place_csv(&importer).await;
    contracts_compact_dates_csv(&importer).await;
    one_row_far_too_long_refuses_itself_alone(&importer, folder.path()).await;
    an_accident_of_a_policy_that_is_not_its_customers(&importer, folder.path()).await;
    a_dry_run_knows_the_contracts_it_has_read(&importer, folder.path()).await;
    stack.stop().await;
}

async fn accidents_stray_quotes_csv(importer: &Importer) {
    let summary = importer.only(accidents(case("accidents-stray-quotes.csv"))).await;
    assert_eq!(
        summary.counts(),
        "accidents.csv: 8 lines read = 4 recorded + 0 unchanged + 4 refused"
    );
    assert_eq!(
        told(&summary.problems),
        [4, 5, 6, 7].map(|line| (line, "QUOTATION_BROKEN"))
    );
    assert_eq!(
        told(&summary.troubles),
        [2, 3, 8, 9].map(|line| (line, "POLICY_UNKNOWN"))
    );
}

async fn accidents_crlf_bad_rows_csv(importer: &Importer) {
    let summary = importer
        .only(accidents(case("accidents-crlf-bad-rows.csv")))
        .await;
    assert_eq!((summary.recorded, summary.refused), (2, 2));
    let columns: Vec<_> = summary
        .problems
        .iter()
        .map(|bad| (bad.line, bad.column.as_str()))
        .collect();
    assert_eq!(columns, [(3, "kind"), (5, "kind")]);
}

async fn accidents_nul_in_place_csv(importer: &Importer) {
    let summary = importer.only(accidents(case("accidents-nul-in-place.csv"))).await;
    assert_eq!((summary.recorded, summary.refused), (0, 1));
    let bad: Vec<_> = summary
        .problems
        .iter()
        .map(|bad| (bad.line, bad.column.as_str(), bad.reason.as_str()))
        .collect();
    assert_eq!(bad, [(2, "place", "TEXT_CONTROL_CHARACTER")]);
}

/// Larger than a message may be, beside a policy number and a row that is repeated.
async fn one_row_far_too_long_refuses_itself_alone(importer: &Importer, folder: &Path) {
    let file = folder.join("long.csv");
    let row = |number: usize, policy: &str, place: &str| {
        format!("T2KLONG{number:04},{policy},,T2V0353,20261001,{place},FIRE,,T2,OPEN\n")
    };
    let rows = [
        row(1, "T2CSV0353", &"長".repeat(12_000_000)),
        row(2, &"9".repeat(65), ""),
        row(3, "T2CSV0353", &"長".repeat(501)),
        row(4, "T2CSV0353", ""),
        row(4, "T2CSV0353", "again"),
    ];
    std::fs::write(&file, format!("{ACCIDENTS}{}", rows.concat())).unwrap();
    let summary = importer.only(accidents(file)).await;
    assert_eq!((summary.recorded, summary.refused), (1, 4));
    assert_eq!(
        told(&summary.problems),
        [
            (2, "TEXT_TOO_LONG"),
            (3, "TEXT_TOO_LONG"),
            (4, "TEXT_TOO_LONG"),
            (6, "ROW_REPEATED"),
        ]
    );
}

async fn contracts_compact_dates_csv(importer: &Importer) {
    let file = case("contracts-compact-dates.csv");
    let summary = importer.only(contracts(file)).await;
    assert_eq!((summary.recorded, summary.troubles.len()), (1, 0), "{summary:?}");
    let request = GetContractRequest {
        contract_id: client::files::contract_id("T2CSV0353", "").unwrap().to_string(),
    };
    let mut endorsement = importer.client.endorsement(&importer.administrator);
    let contract = endorsement
        .get_contract(request)
        .await
        .unwrap()
        .into_inner()
        .contract
        .unwrap();
    let four = "2026-04-01T16:00:00+09:00".parse::<kernel::Timestamp>().unwrap();
    assert_eq!(
        contract.period_start_us,
        four.as_microsecond(),
        "the product's clock"
    );
    let end = "2027-04-01T16:00:00+09:00".parse::<kernel::Timestamp>().unwrap();
    assert_eq!(contract.period_end_us, Some(end.as_microsecond()), "its end too");
}

const ACCIDENTS: &str = "claim_number,policy_number,branch_number,customer_number,occurred_at,place,kind,adjuster_id,office,state\n";

async fn an_accident_of_a_policy_that_is_not_its_customers(importer: &Importer, folder: &Path) {
    let file = folder.join("named.csv");
    let rows = "T2K0000001,T2CSV0353,,T2V0353,20261001,,FIRE,,T2,OPEN\n\
                T2K0000002,T2CSV0353,,T2V0354,20261001,,FIRE,,T2,OPEN\n\
                T2K0000003,NOSUCH0001,,T2V0353,20261001,,FIRE,,T2,OPEN\n";
    std::fs::write(&file, format!("{ACCIDENTS}{rows}")).unwrap();
    let summary = importer.only(accidents(file)).await;
    assert_eq!((summary.recorded, summary.refused), (3, 0));
    assert_eq!(
        told(&summary.troubles),
        [(3, "POLICY_OF_ANOTHER"), (4, "POLICY_UNKNOWN")]
    );
}

async fn a_dry_run_knows_the_contracts_it_has_read(importer: &Importer, folder: &Path) {
    let text = std::fs::read_to_string(case("contracts-compact-dates.csv")).unwrap();
    let contracts = folder.join("new-contracts.csv");
    std::fs::write(&contracts, text.replace("T2CSV0353", "T2CSV0354")).unwrap();
    let accidents = folder.join("new-accidents.csv");
    let row = "T2K0000004,T2CSV0354,,T2V0353,20261001,,FIRE,,T2,OPEN\n";
    std::fs::write(&accidents, format!("{ACCIDENTS}{row}")).unwrap();
    let files = Files {
        contracts: Some(contracts),
        credentials: None,
        accidents: Some(accidents),
    };
    for (dry_run, recorded) in [(true, 1), (true, 1), (false, 1), (false, 0)] {
        let summaries = importer.import(files.clone(), dry_run).await;
        for summary in &summaries {
            assert_eq!((summary.recorded, summary.refused), (recorded, 0), "{summary:?}");
            assert_eq!(
                summary.troubles,
                [],
                "the contract is announced by the other file"
            );
        }
    }
}

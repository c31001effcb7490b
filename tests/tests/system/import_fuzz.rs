//! Damaged rows through reader and service (EN-16): what is recorded is shown, and nothing of one row stands in another's
//! record. A thousand in passing, ten thousand by `make fuzz`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use client::files::FileRow as _;
use client::import::{Files, Plan, Silent, import};
use client::{Bearer, Client};
use contracts::claim_images::v1::AccidentRow;
use dev::stack::{Secrets, Stack};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use sqlx::{Connection as _, PgConnection};
use testkit::damaged_csv::{BAD_BYTE, DamagedCsv};
use testkit::wait_for;

use crate::setup::{data_folder, programs};

const ROWS: u32 = 500;
/// Rows in passing; `CSV_FUZZ_SERVICE_ROWS` in the environment asks for another number.
const IN_PASSING: u32 = 1_000;
/// Far longer than the views take.
const SOON: Duration = Duration::from_mins(3);

/// A good cell, which says by its number whose it is.
fn cell(random: &mut ChaCha8Rng, row: u32, column: usize, end: &str) -> String {
    match AccidentRow::columns()[column].as_str() {
        "claim_number" => format!("K{row:06}"),
        "policy_number" => format!("AB{row:06}"),
        "customer_number" => format!("C{row:06}"),
        "occurred_at" => {
            let forms = ["2026-04-01", "2026/04/01 10:00", "20260401", "令和8年4月1日"];
            forms[random.random_range(0..forms.len())].to_owned()
        }
        "place" => match random.random_range(0..6) {
            0 => format!("見本町#{row}#{end}#{row}#番地"),
            1 => format!("見本町, \"#{row}#\""),
            _ => format!("見本町#{row}#番地"),
        },
        "kind" => "FIRE".to_owned(),
        "adjuster_id" => format!("A{row}"),
        "office" => format!("O{row}"),
        "state" => "OPEN".to_owned(),
        _ => String::new(),
    }
}

/// Files of rows that all have numbers of their own.
fn write(folder: &Path, number: u32) -> std::path::PathBuf {
    let path = folder.join(format!("{number}.csv"));
    let shifted = |random: &mut ChaCha8Rng, row: u32, column: usize, end: &str| {
        cell(random, number * ROWS + row, column, end)
    };
    let file = DamagedCsv::write(u64::from(number), &AccidentRow::columns(), ROWS, shifted);
    let parts: Vec<&[u8]> = file.text.split(BAD_BYTE).map(str::as_bytes).collect();
    std::fs::write(&path, parts.join([0xFF_u8].as_slice())).unwrap();
    path
}

#[tokio::test]
async fn en_16_of_damaged_rows_every_line_is_accounted_for_and_none_is_mixed_with_another() {
    let folder = data_folder();
    let stack = Stack::start(&folder.path().join("data"), &programs())
        .await
        .unwrap();
    let client = Client::new(&stack.description().services).unwrap();
    let administrator = administrator(&stack);
    let wanted = testkit::length_of_run("CSV_FUZZ_SERVICE_ROWS", IN_PASSING);
    let (mut recorded, mut read) = (0, 0);
    for number in 0..wanted.div_ceil(ROWS) {
        let plan = Plan {
            files: Files {
                accidents: Some(write(folder.path(), number)),
                ..Files::default()
            },
            state: folder.path().join("state"),
            reading: client::files::Reading {
                encoding: Some(client::files::Encoding::Utf8),
                ..client::files::Reading::default()
            },
            ..Plan::default()
        };
        // An import whose lines do not add up fails.
        let summaries = import(&client, &administrator, &plan, &Silent).await.unwrap();
        let [summary] = &summaries[..] else {
            panic!("{summaries:?}")
        };
        assert_eq!(
            summary.lines_read,
            summary.recorded + summary.unchanged + summary.refused
        );
        let unknown = |reason: &str| reason == "POLICY_UNKNOWN";
        assert!(
            summary.troubles.iter().all(|trouble| unknown(&trouble.reason)),
            "{:?}",
            summary.troubles
        );
        recorded += summary.recorded;
        read += summary.lines_read;
    }
    assert!(recorded * 4 > read, "{recorded} rows of {read} lines");
    let shown = wait_for("all that was recorded to be shown", SOON, async || {
        let shown = shown(&stack).await;
        if shown.len() == recorded {
            Ok(shown)
        } else {
            Err(shown.len())
        }
    })
    .await;
    for (claim, cells) in shown {
        let number: u32 = claim.trim_start_matches('K').parse().unwrap();
        let [policy, place, adjuster, office] = cells;
        assert_eq!(
            (policy, adjuster, office),
            (
                format!("AB{number:06}"),
                format!("A{number}"),
                format!("O{number}")
            ),
            "{claim}"
        );
        let own = number.to_string();
        let mut tags = place.split('#').skip(1).step_by(2);
        assert!(tags.all(|tag| tag == own), "{claim}: {place:?}");
    }
    stack.stop().await;
}

/// The accidents of the views by claim number: policy, place, adjuster, office.
async fn shown(stack: &Stack) -> BTreeMap<String, [String; 4]> {
    let mut connection = PgConnection::connect(&stack.description().databases["views"])
        .await
        .unwrap();
    let rows: Vec<(String, String, String, String, String)> =
        sqlx::query_as("SELECT claim_number, policy_number, place, adjuster_id, office FROM view.accident")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let rows = rows.into_iter();
    rows.map(|(claim, policy, place, adjuster, office)| (claim, [policy, place, adjuster, office]))
        .collect()
}

fn administrator(stack: &Stack) -> Bearer {
    let secrets = Secrets::open(stack.folder()).unwrap();
    let now_s = kernel::Clock::now(&kernel::SystemClock).as_second();
    let token = secrets.staff().token("M001", &["administrator"], now_s, 3_600);
    Bearer::new(&token.unwrap())
}

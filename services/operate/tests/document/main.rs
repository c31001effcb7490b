//! Every command of docs/operations.md is typed on a deployment that was set up by hand: services as processes on private
//! servers, settings files written here, staff tokens signed by an issuer of the test. Relies on the services' programs
//! having been built (`make build`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod book;
mod commands;
mod deployment;
mod operator;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testkit::wait_for;

use commands::{assert_all_typed, documented};
use deployment::{Deployment, Servers};
use operator::{DONE, FOUND, Operator, REFUSED, UNAVAILABLE, USAGE};

/// Far longer than anything takes.
const SOON: Duration = Duration::from_mins(5);
/// An address that the views' database is made to refuse.
const REFUSED_ADDRESS: &str = "refused by the view";

#[tokio::test]
async fn every_command_of_the_document_operates_a_deployment_that_nobody_else_has_set_up() {
    let folder = deployment::folder();
    let servers = Servers::start().await;
    let mut deployment = Deployment::set_up(&folder.path().join("one"), &servers);
    let before = Operator::new(&deployment);
    before.run(DONE, "", &["keyring", "prepare"]).await;
    let prepared = before.typed();
    deployment.launch_all().await;
    let operator = Operator::new(&deployment);
    operator.has_typed(prepared);

    importing(&operator, &deployment).await;
    parked(&operator, &deployment).await;
    set_aside(&operator).await;
    views(&operator).await;
    erasure(&operator, folder.path()).await;
    operator.run(DONE, "A001", &["keyring", "rotate"]).await;
    operator.run(DONE, "A001", &["signing-keys", "rotate"]).await;
    operator
        .run(DONE, "A001", &["signing-keys", "rotate", "--stolen"])
        .await;
    operator.run(DONE, "A001", &["signing-keys", "status"]).await;
    let status = operator.run(DONE, "A001", &["keyring", "status"]).await;
    assert_eq!(status["keys_under_another"], 0, "{status}");
    operator.run(DONE, "", &["housekeeping"]).await;
    backup_and_restore(&operator, folder.path()).await;
    mistakes(&operator).await;

    assert_all_typed(&documented(), &operator.typed());
    deployment.stop().await;
}

async fn importing(operator: &Operator<'_>, deployment: &Deployment) {
    let files = deployment.folder.join("files");
    book::write(&files, "東京都千代田区一丁目");
    let first = operator.run(DONE, "A001", &["import", text(&files)]).await;
    assert_eq!(first["files"][0]["recorded"], book::CONTRACTS, "{first}");
    // By addresses and a token of the environment alone, as from a machine that has no settings files.
    let again = operator.run_by_address("A001", &["import", text(&files)]).await;
    assert_eq!(again["files"][0]["unchanged"], book::CONTRACTS, "{again}");
    as_the_core_system_writes(operator, &files).await;
    book::write_with_a_bad_row(&files);
    let bad = operator.run(FOUND, "A001", &["import", text(&files)]).await;
    assert_eq!(bad["files"][0]["problems"][0]["column"], "kind", "{bad}");
    wait_for("the views to hold the contracts", SOON, async || {
        let status = operator.run(DONE, "A001", &["views"]).await;
        let contracts = status["tables"]
            .as_array()
            .unwrap()
            .iter()
            .find(|table| table["name"] == "contract");
        let rows = contracts.map(|table| table["rows"].clone());
        if rows == Some(book::CONTRACTS.into()) {
            Ok(())
        } else {
            Err(rows)
        }
    })
    .await;
}

/// One file by itself, in another encoding and with headers of its own: what would become of it, and what does.
async fn as_the_core_system_writes(operator: &Operator<'_>, files: &Path) {
    let [contracts, mapping] = book::write_as_the_core_system_does(files);
    let as_of = "2026-10-01T00:00:00+09:00";
    let import = [
        "import",
        "--contracts",
        text(&contracts),
        "--as-of",
        as_of,
        "--encoding",
        "cp932",
        "--mapping",
        text(&mapping),
    ];
    let dry_run: Vec<_> = import.into_iter().chain(["--dry-run"]).collect();
    for (words, dry_run) in [(&dry_run[..], true), (&import[..], false)] {
        let done = operator.run(DONE, "A001", words).await;
        let file = &done["files"][0];
        let said =
            ["recorded", "unchanged", "lines_read", "dry_run", "encoding"].map(|name| file[name].clone());
        let expected: [Value; 5] = [0.into(), 1.into(), 1.into(), dry_run.into(), "cp932".into()];
        assert_eq!(said, expected, "{done}");
        assert_eq!(file["as_of"], "2026-09-30T15:00:00Z", "{done}");
    }
    let differing = operator.run(DONE, "A001", &["import", "differences"]).await;
    assert_eq!(differing["differences"], Value::Array(Vec::new()), "{differing}");
}

/// The views' database refuses a row, until it is put right; then another one, which is given up.
async fn parked(operator: &Operator<'_>, deployment: &Deployment) {
    let files = deployment.folder.join("files");
    for number in 0..2 {
        let refuse = format!(
            "ALTER TABLE view.contract ADD CONSTRAINT refused CHECK (object_address NOT LIKE '{REFUSED_ADDRESS}%') NOT VALID"
        );
        deployment.sql("views", &refuse).await;
        book::write(&files, &format!("{REFUSED_ADDRESS} {number}"));
        operator.run(DONE, "A001", &["import", text(&files)]).await;
        let message = wait_for("messages to be parked", SOON, async || {
            let listed = operator.run(DONE, "A001", &["parked", "list"]).await;
            assert_eq!(listed["not_asked"], Value::Array(Vec::new()), "{listed}");
            let messages = listed["messages"].as_array().unwrap();
            if messages.len() == book::CONTRACTS {
                Ok(messages.clone())
            } else {
                Err(messages.len())
            }
        })
        .await
        .remove(0);
        let word = |name: &str| message[name].as_str().unwrap().to_owned();
        let (service, consumer, source, event) = (
            word("service"),
            word("consumer"),
            word("source"),
            word("event_id"),
        );
        let consumer = [
            "--service",
            &service,
            "--consumer",
            &consumer,
            "--source",
            &source,
        ];
        let named = [&consumer[..], &["--event", &event]].concat();
        let shown = operator
            .run(DONE, "A001", &[&["parked", "show"], &named[..]].concat())
            .await;
        assert_eq!(shown["message"]["event_id"], event.as_str(), "{shown}");
        let reason = ["--reason", "the database refuses it"];
        let replay = [&["parked", "replay"], &consumer[..], &reason].concat();
        let failed = operator.run(FOUND, "A001", &replay).await;
        assert!(failed["failed"].as_u64() > Some(0), "{failed}");
        deployment
            .sql("views", "ALTER TABLE view.contract DROP CONSTRAINT refused")
            .await;
        if number == 1 {
            let discard = [&["parked", "discard"], &named[..], &reason].concat();
            let loss = operator.run(FOUND, "A001", &discard).await;
            assert!(
                loss["lost"].as_str().unwrap().contains("until a rebuild"),
                "{loss}"
            );
            let lacking = operator.run(FOUND, "A001", &["audit"]).await;
            assert_eq!(
                lacking["parked"].as_array().unwrap().len(),
                book::CONTRACTS,
                "{lacking}"
            );
            operator
                .run(DONE, "A001", &[&discard[..], &["--yes"]].concat())
                .await;
        }
        let applied = operator.run(DONE, "A001", &replay).await;
        assert_eq!(applied["left"], 0, "{applied}");
    }
}

/// Nothing is, on a deployment that stands well.
async fn set_aside(operator: &Operator<'_>) {
    let listed = operator.run(DONE, "A001", &["set-aside", "list"]).await;
    assert_eq!(listed["events"], Value::Array(Vec::new()), "{listed}");
    let reason = ["--service", "endorsement", "--reason", "a release that can"];
    let retry = [&["set-aside", "retry"], &reason[..]].concat();
    let tried = operator.run(DONE, "A001", &retry).await;
    assert_eq!(
        (&tried["settled"], &tried["left"]),
        (&0.into(), &0.into()),
        "{tried}"
    );
    let unknown = [
        "--event",
        "7f1b0d0c-0000-4000-8000-000000000001",
        "--follower",
        "relay",
    ];
    let give_up = [&["set-aside", "give-up"], &reason[..], &unknown].concat();
    let loss = operator.run(FOUND, "A001", &give_up).await;
    assert!(loss["lost"].as_str().unwrap().contains("never hear"), "{loss}");
    operator
        .run(REFUSED, "A001", &[&give_up[..], &["--yes"]].concat())
        .await;
}

/// What was discarded is missing until the views are rebuilt.
async fn views(operator: &Operator<'_>) {
    let differs = operator.run(FOUND, "A001", &["audit"]).await;
    assert!(differs["differing_rows"].as_i64() > Some(0), "{differs}");
    operator.run(DONE, "A001", &["rebuild"]).await;
    let same = operator.run(DONE, "A001", &["audit"]).await;
    assert_eq!(same["differing_rows"], 0, "{same}");
    // There is none to be ended.
    operator.run(REFUSED, "A001", &["rebuild", "--cancel"]).await;
}

async fn erasure(operator: &Operator<'_>, folder: &Path) {
    let person = ["--customer", book::ERASED];
    let of = |command: &'static str| [&["erasure", command], &person[..]].concat();
    let hold = [
        &of("hold")[..],
        &["--reason", "open-claim", "--reference", "CL0001"],
    ]
    .concat();
    let placed = operator.run(DONE, "S001", &hold).await;
    let ask = [&of("request")[..], &["--ground", "subject-request"]].concat();
    operator.run(REFUSED, "S001", &ask).await;
    let release = [
        &of("release")[..],
        &["--hold", placed["hold_id"].as_str().unwrap()],
    ]
    .concat();
    operator.run(DONE, "S001", &release).await;
    operator.run(DONE, "S001", &ask).await;
    operator.run(DONE, "S002", &of("reject")).await;
    operator.run(DONE, "S001", &ask).await;
    let waiting = operator.run(DONE, "S001", &["erasure", "list"]).await;
    assert_eq!(waiting["erasures"].as_array().unwrap().len(), 1, "{waiting}");
    operator.run(REFUSED, "S001", &of("approve")).await;
    operator.run(DONE, "S002", &of("approve")).await;
    let shown = operator.run(DONE, "S001", &of("show")).await;
    assert_eq!(
        (&shown["state"], &shown["approved_by"]),
        (&"ERASED".into(), &"S002".into()),
        "{shown}"
    );
    let proven = operator.run(DONE, "S001", &of("verify")).await;
    assert_eq!(proven["requested_by"], "S001", "{proven}");
    let (certificate, keys) = (folder.join("certificate"), folder.join("keys.json"));
    std::fs::write(&certificate, shown["certificate"].as_str().unwrap()).unwrap();
    std::fs::write(&keys, operator.certificate_keys().await).unwrap();
    let verify = [
        "erasure",
        "verify",
        "--file",
        text(&certificate),
        "--keys",
        text(&keys),
    ];
    let offline = operator.run_alone(DONE, &verify).await;
    assert_eq!(offline, proven);
}

/// Into servers that have held nothing before; identity then knows what it knew.
async fn backup_and_restore(operator: &Operator<'_>, folder: &Path) {
    let saved = folder.join("backup");
    operator
        .run(
            DONE,
            "",
            &["backup", text(&folder.join("with-views")), "--with-views"],
        )
        .await;
    let backup = operator.run(DONE, "", &["backup", text(&saved)]).await;
    assert_eq!(
        backup["manifest"]["dumps"].as_array().unwrap().len(),
        5,
        "{backup}"
    );

    let servers = Servers::start().await;
    let mut new = Deployment::set_up(&folder.join("two"), &servers);
    let restoring = Operator::new(&new);
    restoring.run(DONE, "", &["restore", text(&saved)]).await;
    restoring.run(USAGE, "", &["restore", text(&saved)]).await;
    // Without services; who restores asks nobody.
    restoring.run(UNAVAILABLE, "S001", &["erasure", "list"]).await;
    restoring.run(DONE, "", &["keyring", "prepare"]).await;
    operator.has_typed(restoring.typed());
    new.launch("identity").await;
    let shown = Operator::new(&new)
        .run(DONE, "S001", &["erasure", "show", "--customer", book::ERASED])
        .await;
    assert_eq!(shown["state"], "ERASED", "{shown}");
    new.stop().await;
}

/// What an operator gets wrong is told with what to do.
async fn mistakes(operator: &Operator<'_>) {
    let refused = operator.failure(REFUSED, "C001", &["keyring", "status"]).await;
    assert!(refused["hint"].as_str().unwrap().contains("roles"), "{refused}");
    let unknown = operator.run_alone(USAGE, &["audit"]).await;
    assert!(
        unknown["error"]["message"]
            .as_str()
            .unwrap()
            .contains("--views http://"),
        "{unknown}"
    );
    let nothing = operator.run_alone(USAGE, &["housekeeping"]).await;
    assert!(
        nothing["error"]["message"]
            .as_str()
            .unwrap()
            .contains("--settings"),
        "{nothing}"
    );
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

//! The example of docs/api.md, in Python, against the running services: somebody who knows nothing but the protos logs in with a
//! phone call and hands a picture in.
#![allow(clippy::print_stderr, reason = "says why it looked at nothing")]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use client::login::{self, IncomingCall};
use client::request_id;
use testkit::photos;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use crate::cases::{EMAIL, PASSWORD, PHONE, Scene};
use crate::setup::programs;

/// The environment that `make test` prepares beside what it builds.
fn python() -> Option<PathBuf> {
    let python = programs().parent()?.join("python");
    // Written when all packages are there.
    python
        .join("requirements.txt")
        .is_file()
        .then(|| python.join("bin/python"))
}

#[tokio::test]
async fn the_example_in_python_logs_in_by_phone_call_and_hands_a_picture_in() {
    let Some(python) = python() else {
        eprintln!("the example's Python packages cannot be had here: it was not run");
        return;
    };
    let scene = Scene::new().await;
    let customer = scene.open_ended_customer().await;
    let accident = scene.accident().await;
    scene.customer_sees(&customer, &accident).await;
    let picture = scene.folder.path().join("photo.jpg");
    std::fs::write(&picture, photos::bridge().unwrap()).unwrap();

    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/hand_in.py");
    let mut command = Command::new(python);
    command.arg(example);
    for service in ["identity", "phone-verification", "claim-images", "views"] {
        let address = &scene.stack.description().services[service];
        command.args([&format!("--{service}"), address]);
    }
    let mut example = command
        .args(["--user-id", EMAIL])
        .arg(&picture)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut typed = example.stdin.take().unwrap();
    typed.write_all(format!("{PASSWORD}\n").as_bytes()).await.unwrap();
    let mut said = BufReader::new(example.stdout.take().unwrap()).lines();
    let mut lines = Vec::new();
    while let Some(line) = said.next_line().await.unwrap() {
        if let Some(dial) = line.strip_prefix("line to dial: ") {
            let call = IncomingCall::new("example", dial, Some(PHONE));
            login::report_call(&scene.client, &scene.carrier, &call, &request_id())
                .await
                .unwrap();
        }
        lines.push(line);
    }
    let mut complaint = String::new();
    example
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaint)
        .await
        .unwrap();
    assert!(example.wait().await.unwrap().success(), "{complaint}\n{lines:?}");
    assert_eq!(lines.last().unwrap(), "sent with T2CSVK0351: 1 picture(s)");
    testkit::wait_for(
        "the adjuster's queue to have it",
        crate::cases::SOON,
        async || (scene.queue().await.len() == 1).then_some(()),
    )
    .await;
}

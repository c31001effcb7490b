//! The life of a whole process: exit codes, standard error, a signal. Runs itself as the service, so it has a `main` of
//! its own instead of the test harness.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::process::{Command, ExitCode, Output, Stdio};

mod probe;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let as_service = ["--config", "--help", "--version", "--nonsense"];
    if arguments
        .first()
        .is_some_and(|first| as_service.contains(&first.as_str()))
    {
        return service::main::<probe::Probe>();
    }
    // `cargo test -- --list` and filters by name are answered as a harness would.
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    help_and_version_succeed();
    a_bad_configuration_ends_with_64_and_names_every_key();
    a_signal_ends_a_serving_process_cleanly();
    ExitCode::SUCCESS
}

fn run(arguments: &[&str]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .output()
        .unwrap()
}

fn help_and_version_succeed() {
    let help = run(&["--help"]);
    let told = String::from_utf8_lossy(&help.stdout);
    assert!(help.status.success() && told.contains("--config"), "{told}");
    for word in [
        "madoguchi-probe",
        "grpc.listen",
        "nats.max_message_bytes",
        "service.number",
        "A number, to be wrong with; 1",
    ] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    let version = run(&["--version"]);
    assert!(version.status.success() && String::from_utf8_lossy(&version.stdout).starts_with("probe "));
    assert_eq!(run(&["--nonsense"]).status.code(), Some(64));
}

fn a_bad_configuration_ends_with_64_and_names_every_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("probe.toml");
    std::fs::write(&file, "[grpc]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--config", file.to_str().unwrap()])
        .env("MADOGUCHI__GRPC__LISTEN", "nowhere")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{told}");
    // The environment came over the file, and was wrong.
    for key in [
        "grpc.listen: ",
        "database.url: ",
        "keyring.url: ",
        "keyring.master_key: ",
        "secrets.pepper: ",
        "service.test: ",
    ] {
        assert!(told.contains(key), "{key} is not in {told}");
    }
}

fn a_signal_ends_a_serving_process_cleanly() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let home = probe::Home::new().await;
        let file = home.folder.path().join("probe.toml");
        let json = "[telemetry]\nlog_format = \"json\"\n";
        std::fs::write(&file, format!("{}{json}", home.toml(""))).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--config", file.to_str().unwrap()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let address = home.folder.path().join("address");
        testkit::wait_for("the address file", probe::SOON, async || {
            std::fs::read_to_string(&address).ok()
        })
        .await;
        let told = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(told.success());
        let output = tokio::task::spawn_blocking(move || child.wait_with_output())
            .await
            .unwrap()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{log}");
        for line in log.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        assert!(log.contains("a signal: stopping"), "{log}");
    });
}

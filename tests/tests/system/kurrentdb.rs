//! The journey with the event store switched by the environment alone, on the fake KurrentDB as a process of its own, or on the
//! real one that `KURRENTDB_URL` names. That one must be empty: contracts have the same ids in every journey.

use std::path::{Path, PathBuf};
use std::time::Duration;

use contracts::names::SERVICES;
use serde_json::Value;
use testkit::{GuardedCommand, GuardedProcess, poll};

use crate::setup::{data_folder, play_journey_with, programs};

const SOON: Duration = Duration::from_secs(30);

struct Server {
    command: GuardedCommand,
    url_file: PathBuf,
    log: PathBuf,
}

impl Server {
    fn new(folder: &Path) -> Self {
        let (log, url_file) = (folder.join("events.log"), folder.join("url"));
        let program = programs().join("kurrentdb-fake");
        let command = GuardedCommand::new(program, folder, folder.join("kurrentdb.out"))
            .argument("--file")
            .argument(&log)
            .argument("--url-file")
            .argument(&url_file);
        Self {
            command,
            url_file,
            log,
        }
    }

    fn start(&self) -> (GuardedProcess, String) {
        let _ = std::fs::remove_file(&self.url_file);
        let process = self.command.start().unwrap();
        let look = async || std::fs::read_to_string(&self.url_file);
        let url = tokio::runtime::Runtime::new().unwrap().block_on(poll(SOON, look));
        (process, url.unwrap())
    }
}

fn play(folder: &Path, url: &str) {
    let report = play_journey_with(folder, &[("EVENT_STORE_URL", url)]);
    let failed: Vec<&Value> = report
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["passed"] != true)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_journey_holds_with_the_events_in_kurrentdb_and_again_after_its_server_was_killed() {
    let folder = data_folder();
    if let Some(url) = kurrentdb_fake::real_url() {
        play(folder.path(), &url);
        play(folder.path(), &url);
        return;
    }
    let server = Server::new(folder.path());
    let (mut process, url) = server.start();
    play(folder.path(), &url);
    process.kill();
    let kept = std::fs::read_to_string(&server.log).unwrap();
    for service in SERVICES {
        let stream = format!("\"stream\":\"{service}.");
        assert!(kept.contains(&stream), "{service} has its events elsewhere");
    }
    // Every cursor that anybody kept is good on what the next process reads from the file.
    let (_process, url) = server.start();
    play(folder.path(), &url);
}

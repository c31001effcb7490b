//! The short form of `make faults`: one round of everything that fits into less than a minute. It relies on the programs having
//! been built (`make build`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use faults::{Fault, Options};

/// Each of these takes a second or two; the others are left to `make faults`.
const QUICK: [Fault; 7] = [
    Fault::ConnectionCut,
    Fault::ConnectionHalfClosed,
    Fault::AnswersLost,
    Fault::JetstreamWiped,
    Fault::JetstreamRolledBack,
    Fault::TwoRelays,
    Fault::IdleTransaction,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_happens_twice_while_everything_fails_once() {
    let test = std::env::current_exe().unwrap();
    let programs = test.parent().unwrap().parent().unwrap().to_owned();
    let options = Options {
        seed: 1,
        rounds: 1,
        kills: 8,
        faults: QUICK.to_vec(),
        rebuild_every: 1,
        lease_ms: 2_000,
        report: programs.join("../faults-short.json"),
        evidence: programs.join("../faults-short"),
        programs,
    };
    let report = Box::pin(faults::run(&options)).await.unwrap();
    report.print();
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.kills >= 4, "{} kills met commands in flight", report.kills);
    assert!(
        report.commands.acknowledged >= 20,
        "{:?} were answered",
        report.commands
    );
    for fault in QUICK {
        assert!(report.faults.contains_key(&fault), "{fault:?} was not injected");
    }
}

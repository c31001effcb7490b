//! The fault suite (docs/adr/0016): real commands over gRPC while processes, networks, disks, clocks and versions fail; then
//! the stores are asked whether anything was lost or done twice. `make faults` runs it, its short form is a test.

mod calls;
mod disks;
mod driver;
mod environment;
mod evidence;
mod failure;
mod fault;
mod inject;
mod ledger;
mod observer;
mod options;
mod pace;
mod plan;
mod proxy;
mod recovery;
mod report;
mod verdict;
mod work;

use std::time::Duration;

use client::Client;
use dev::say;
use dev::stack::Stack;
use tokio_util::sync::CancellationToken;

use calls::Calls;
use driver::Driver;
use environment::Environment;
pub use failure::Failure;
pub use fault::Fault;
use ledger::Ledger;
pub use observer::Phase;
pub use options::Options;
use plan::Plan;
use recovery::Recovery;
pub use report::Report;
use report::Tally;
use work::Work;

/// Fewest commands of a round that are acknowledged before it ends, however slow the machine: fewer prove little.
const LEAST_ACKNOWLEDGED: u64 = 20;
/// How long they are waited for once nothing is injected any more.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_mins(5);

/// Runs the rounds. The report says what was injected and what was found wrong.
///
/// # Errors
/// When the suite itself cannot go on: servers that do not start, a database that stays away.
pub async fn run(options: &Options) -> Result<Report, Failure> {
    let (environment, mut stack) = Environment::start(&options.programs, options.lease_ms).await?;
    let outcome = rounds(options, &environment, &mut stack).await;
    let wrong = !matches!(&outcome, Ok(report) if report.problems.is_empty());
    if wrong {
        match evidence::keep(&options.evidence, &environment).await {
            Ok(()) => say!(
                "logs, ledger and events are kept in {}",
                options.evidence.display()
            ),
            Err(error) => say!("logs, ledger and events could not be kept: {error}"),
        }
    }
    environment.stop(stack).await;
    outcome
}

async fn rounds(options: &Options, environment: &Environment, stack: &mut Stack) -> Result<Report, Failure> {
    let ledger = Ledger::create(&environment.disks.folder().join("ledger.jsonl"))?;
    let recovery = Recovery::default();
    let calls = Calls::new(&ledger, &recovery, options.seed);
    let client: Client = environment.client.clone();
    let work = Work::new(client, calls, &environment.secrets, options.seed);
    let mut tally = Tally::default();
    let mut report = Report::of(options, 0, &tally, &[], &recovery, Vec::new());
    for round in 1..=options.rounds {
        let plan = Plan::of(options, round);
        let stop = CancellationToken::new();
        let least = ledger.acknowledged() + LEAST_ACKNOWLEDGED;
        let injections = async {
            let mut driver = Driver::new(environment, stack, &ledger, &recovery, &mut tally, &plan);
            let outcome = driver.inject(&plan).await;
            let mut healed = driver.heal().await;
            if outcome.is_ok() && healed.is_ok() {
                healed = acknowledged(&ledger, least).await;
            }
            stop.cancel();
            outcome.and(healed)
        };
        let watching = recovery.watch(&environment.observer.pools, &stop);
        let (worked, driven, ()) = futures::join!(work.run(&stop), injections, watching);
        worked?;
        driven?;
        recovery.end_round();
        let rebuild = round == options.rounds || round % options.rebuild_every.max(1) == 0;
        let found = match stack.fallen() {
            Some(fallen) => vec![fallen.to_string()],
            None => verdict::judge(environment, &ledger, rebuild).await?,
        };
        say!(
            "round {round} of {}: {} acknowledged, {} kills, {}",
            options.rounds,
            ledger.acknowledged(),
            tally.kills(),
            if found.is_empty() { "all well" } else { "WRONG" }
        );
        let problems = found
            .into_iter()
            .map(|problem| format!("round {round}: {problem}"))
            .collect();
        report = Report::of(options, round, &tally, &ledger.read()?, &recovery, problems);
        report.write(&options.report)?;
        if !report.problems.is_empty() {
            break;
        }
    }
    Ok(report)
}

/// Waits until so many commands were acknowledged.
async fn acknowledged(ledger: &Ledger, least: u64) -> Result<(), Failure> {
    let look = async || {
        let acknowledged = ledger.acknowledged();
        if acknowledged < least {
            Err(acknowledged)
        } else {
            Ok(())
        }
    };
    testkit::poll(ACKNOWLEDGED_WITHIN, look).await.map_err(|acknowledged| {
        let acknowledged = acknowledged.unwrap_or_default();
        format!("{acknowledged} commands were acknowledged {ACKNOWLEDGED_WITHIN:?} after all was well again, expected {least}").into()
    })
}

//! `madoguchi-faults`: what `make faults` runs. Exit status 0 only if nothing was lost and nothing doubled.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use dev::output;
use faults::{Failure, Fault, Options};

/// Commands under faults; then the stores are asked
#[derive(Parser)]
#[command(name = "madoguchi-faults", version)]
struct Cli {
    /// Where every choice comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Rounds: in each every fault is injected once, and the kills
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// SIGKILLs of a round
    #[arg(long, default_value_t = 24)]
    kills: u32,
    /// Only these faults besides the kills, by name; `none` for none
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    faults: Vec<String>,
    /// Every how many rounds the views are compared with a rebuild
    #[arg(long, default_value_t = 5)]
    rebuild_every: u32,
    /// How long leases last
    #[arg(long, default_value_t = 2_000)]
    lease_ms: u32,
    /// Where the report is written
    #[arg(long, value_name = "FILE", default_value = "target/faults.json")]
    report: PathBuf,
    /// Where logs and ledger are kept if something is wrong
    #[arg(long, value_name = "DIR", default_value = "target/faults")]
    evidence: PathBuf,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            output::error(format_args!("madoguchi-faults: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn run(cli: Cli) -> Result<bool, Failure> {
    let programs = std::env::current_exe()?
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    let options = Options {
        seed: cli.seed,
        rounds: cli.rounds,
        kills: cli.kills,
        faults: chosen(&cli.faults)?,
        rebuild_every: cli.rebuild_every,
        lease_ms: cli.lease_ms,
        programs,
        report: cli.report,
        evidence: cli.evidence,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(faults::run(&options))?;
    report.print();
    Ok(report.problems.is_empty())
}

fn chosen(names: &[String]) -> Result<Vec<Fault>, Failure> {
    if names.is_empty() {
        return Ok(Fault::ALL.to_vec());
    }
    names
        .iter()
        .filter(|name| *name != "none")
        .map(|name| {
            let found = Fault::ALL.into_iter().find(|fault| {
                serde_json::to_value(fault).is_ok_and(|own| own.as_str() == Some(name.as_str()))
            });
            found.ok_or_else(|| format!("there is no fault {name}").into())
        })
        .collect()
}

//! `testkit-servers run -- command…` runs a command with one PostgreSQL and one NATS that all its tests share, and
//! ends with the command's exit status. The servers and their data are gone afterwards, however this ends.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use testkit::{NATS_URL_VARIABLE, POSTGRES_URL_VARIABLE, PostgresOptions, PrivateNats, PrivatePostgres};

/// Wrong use, after sysexits.h.
const USAGE: u8 = 64;
/// The servers or the command could not be started.
const UNAVAILABLE: u8 = 69;

#[tokio::main]
#[allow(clippy::print_stderr, reason = "a command line tool speaks to its user there")]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [run, dashes, program, rest @ ..] = arguments.as_slice() else {
        return usage();
    };
    if run != "run" || dashes != "--" {
        return usage();
    }
    match with_servers(program, rest).await {
        Ok(status) => ExitCode::from(exit_code(status)),
        Err(error) => {
            eprintln!("testkit-servers: {error}");
            ExitCode::from(UNAVAILABLE)
        }
    }
}

#[allow(clippy::print_stderr, reason = "a command line tool speaks to its user there")]
fn usage() -> ExitCode {
    eprintln!("usage: testkit-servers run -- COMMAND [ARGUMENT]...");
    ExitCode::from(USAGE)
}

async fn with_servers(
    program: &OsString,
    arguments: &[OsString],
) -> Result<ExitStatus, Box<dyn std::error::Error>> {
    let options = PostgresOptions {
        durable: false,
        ..PostgresOptions::default()
    };
    let (postgres, nats) = tokio::join!(PrivatePostgres::temporary(options), PrivateNats::temporary());
    let (mut postgres, mut nats) = (postgres?, nats?);
    let mut command = tokio::process::Command::new(program)
        .args(arguments)
        .env(POSTGRES_URL_VARIABLE, postgres.url("postgres"))
        .env(NATS_URL_VARIABLE, nats.url())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let status = loop {
        tokio::select! {
            status = command.wait() => break status?,
            // The terminal sends Ctrl-C to the command as well: its end is waited for.
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
    };
    tokio::join!(postgres.stop(), nats.stop());
    Ok(status)
}

/// As a shell reports it: 128 and the signal's number for an end by signal.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

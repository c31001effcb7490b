//! `kurrentdb-fake [--listen ADDRESS] [--file FILE] [--url-file FILE]`: the KurrentDB in process as a process of its own,
//! so that services started from outside can use it. With `--file` a later process goes on with the same log.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kurrentdb_fake::{KurrentDb, KurrentDbOptions};
use tokio::signal::unix::{SignalKind, signal};

/// Wrong use, after sysexits.h.
const USAGE: u8 = 64;
/// The server could not be started.
const UNAVAILABLE: u8 = 69;

#[tokio::main]
#[allow(clippy::print_stderr, reason = "a command line tool speaks to its user there")]
async fn main() -> ExitCode {
    let Some((options, url_file)) = arguments(std::env::args_os().skip(1)) else {
        eprintln!("usage: kurrentdb-fake [--listen ADDRESS] [--file FILE] [--url-file FILE]");
        return ExitCode::from(USAGE);
    };
    match serve(options, url_file.as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kurrentdb-fake: {error}");
            ExitCode::from(UNAVAILABLE)
        }
    }
}

fn arguments(mut given: impl Iterator<Item = OsString>) -> Option<(KurrentDbOptions, Option<PathBuf>)> {
    let (mut options, mut url_file) = (KurrentDbOptions::default(), None);
    while let Some(name) = given.next() {
        let value = given.next()?;
        match name.to_str()? {
            "--listen" => options.listen = value.to_str()?.parse().ok()?,
            "--file" => options.file = Some(value.into()),
            "--url-file" => url_file = Some(value.into()),
            _ => return None,
        }
    }
    Some((options, url_file))
}

/// Until a signal.
async fn serve(options: KurrentDbOptions, url_file: Option<&Path>) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = KurrentDb::start_with(options).await?;
    writeln!(std::io::stdout(), "{}", server.url())?;
    if let Some(file) = url_file {
        // Whole or not at all: somebody waits for it.
        let unfinished = file.with_extension("unfinished");
        std::fs::write(&unfinished, server.url())?;
        std::fs::rename(unfinished, file)?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    server.stop();
    Ok(())
}

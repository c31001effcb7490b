//! The outer sequence of any of our programs: arguments → settings, with every error in them → telemetry → its life → a
//! signal → flush → exit code. What it lives for is handed in.

use std::future::Future;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use messaging::chain;
use nix::sys::stat::{Mode, umask};
use tokio_util::sync::CancellationToken;

use crate::config::keys::{ConfigErrors, Keys};
use crate::config::start_error::StartError;
use crate::start::telemetry::{self, TelemetrySettings};

/// Runs a program called `madoguchi-<name>`: `read` makes its settings of the configuration, `life` lasts until the token
/// is cancelled, which the first SIGTERM or SIGINT does.
pub fn program<S, L>(
    name: &'static str,
    help: impl FnOnce() -> String,
    read: impl FnOnce(Keys) -> Result<(TelemetrySettings, S), ConfigErrors>,
    life: impl FnOnce(S, CancellationToken) -> L,
) -> ExitCode
where
    L: Future<Output = Result<(), StartError>>,
{
    private_files();
    let file = match arguments(name, help, std::env::args().skip(1)) {
        Ok(file) => file,
        Err(code) => return code,
    };
    let (telemetry, settings) = match read(Keys::from_file_and_environment(file.as_deref())) {
        Ok(read) => read,
        Err(errors) => return usage(name, &errors),
    };
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(live(name, &telemetry, |stop| life(settings, stop))),
        Err(error) => fail(name, &StartError::new("starting the runtime", error)),
    }
}

/// Whatever this process writes from now on is for its own user alone: files 600, folders 700.
pub fn private_files() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// The configuration's file, from `--config` or `MADOGUCHI_CONFIG`.
fn arguments(
    name: &'static str,
    help: impl FnOnce() -> String,
    mut arguments: impl Iterator<Item = String>,
) -> Result<Option<PathBuf>, ExitCode> {
    #[allow(
        clippy::disallowed_methods,
        reason = "names the file the configuration is read from"
    )]
    let mut file = std::env::var_os("MADOGUCHI_CONFIG").map(PathBuf::from);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Err(say(&help())),
            "--version" | "-V" => return Err(say(&format!("{} {}\n", name, env!("CARGO_PKG_VERSION")))),
            "--config" => match arguments.next() {
                Some(path) => file = Some(path.into()),
                None => {
                    return Err(usage(
                        name,
                        &ConfigErrors(vec!["--config: a path must follow".to_owned()]),
                    ));
                }
            },
            other => match other.strip_prefix("--config=") {
                Some(path) => file = Some(path.into()),
                None => {
                    return Err(usage(
                        name,
                        &ConfigErrors(vec![format!("{other}: no such argument; try --help")]),
                    ));
                }
            },
        }
    }
    Ok(file)
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn usage(name: &str, errors: &ConfigErrors) -> ExitCode {
    fail(name, &StartError::Configuration(errors.clone()))
}

/// Before telemetry stands, and for the last word: standard error.
fn fail(name: &str, error: &StartError) -> ExitCode {
    // Where this cannot be written, nobody is listening.
    let _ = writeln!(std::io::stderr(), "{name}: {}", chain(error));
    ExitCode::from(error.exit_code())
}

async fn live<L>(
    name: &'static str,
    telemetry: &TelemetrySettings,
    life: impl FnOnce(CancellationToken) -> L,
) -> ExitCode
where
    L: Future<Output = Result<(), StartError>>,
{
    let telemetry = match telemetry::install(name, telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(name, &error),
    };
    let stop = CancellationToken::new();
    let ended = match signals(stop.clone()) {
        Ok(signals) => {
            tokio::select! {
                biased;
                ended = life(stop) => ended,
                () = signals => Err(StartError::new("stopping", "a second signal cut the drain")),
            }
        }
        Err(error) => Err(StartError::new("listening for signals", error)),
    };
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(name, &error),
    };
    // The exporters block while they flush.
    let _ = tokio::task::spawn_blocking(move || telemetry.flush()).await;
    code
}

/// Cancels `stop` at the first SIGTERM or SIGINT; a second one ends the process's patience.
fn signals(stop: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        for second in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if second {
                tracing::warn!("a second signal: stopping without waiting for calls in flight");
                return;
            }
            tracing::info!("a signal: stopping");
            stop.cancel();
        }
    })
}

//! PostgreSQL's own programs, which know how to dump and restore a database.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use tokio::process::Command;
use url::Url;

use super::BackupError;

/// Dumps one database as it was at the moment of `snapshot`, in PostgreSQL's custom format.
pub(super) async fn dump(database: &str, url: &str, snapshot: &str, file: &Path) -> Result<(), BackupError> {
    let mut command = command("pg_dump", database, url)?;
    command.arg("--format=custom").arg("--snapshot").arg(snapshot);
    command.arg("--file").arg(file);
    run("pg_dump", database, command).await
}

/// Restores a dump into an empty database, all of it or nothing. What it makes belongs to the user of the URL.
pub(super) async fn restore(database: &str, url: &str, file: &Path) -> Result<(), BackupError> {
    let mut command = command("pg_restore", database, url)?;
    command.args([
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-privileges",
    ]);
    command.arg(file);
    run("pg_restore", database, command).await
}

/// The password goes into the environment: other users of the machine see a command line, but not that.
fn command(program: &str, database: &str, url: &str) -> Result<Command, BackupError> {
    let wrong = || BackupError::Url {
        database: database.to_owned(),
    };
    let mut url = Url::parse(url).map_err(|_| wrong())?;
    let mut command = Command::new(find(program));
    if let Some(password) = url.password() {
        let password = percent_decode_str(password).decode_utf8().map_err(|_| wrong())?;
        command.env("PGPASSWORD", password.as_ref());
    }
    url.set_password(None).map_err(|()| wrong())?;
    command.arg("--dbname").arg(url.as_str()).env("LC_ALL", "C");
    Ok(command)
}

async fn run(program: &'static str, database: &str, mut command: Command) -> Result<(), BackupError> {
    let failed = |output: String| BackupError::Program {
        database: database.to_owned(),
        program,
        output,
    };
    match command.kill_on_drop(true).output().await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// The newest of Debian's, since an older one refuses a newer server; or whatever is on PATH.
fn find(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max();
    let installed = newest.map(|version| {
        Path::new("/usr/lib/postgresql")
            .join(version.to_string())
            .join("bin")
            .join(program)
    });
    installed
        .filter(|path| path.is_file())
        .unwrap_or_else(|| program.into())
}

//! Where the servers' programs are, and which user may run them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment;
use crate::error::ServerError;

/// The folder that holds `initdb` and `postgres`: as named in the environment, the newest of Debian's, or on PATH.
pub(crate) fn postgres_folder() -> Result<PathBuf, ServerError> {
    const DEBIAN: &str = "/usr/lib/postgresql";
    let named = environment::read(environment::POSTGRES_BIN_VARIABLE).map(PathBuf::from);
    let candidates = match named {
        Some(folder) => vec![folder],
        None => newest_first(Path::new(DEBIAN))
            .into_iter()
            .chain(path_folders())
            .collect(),
    };
    candidates
        .into_iter()
        .find(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
        .ok_or(ServerError::NotInstalled {
            program: "the PostgreSQL server",
            places: format!("{DEBIAN}/*/bin and PATH"),
            variable: environment::POSTGRES_BIN_VARIABLE,
        })
}

fn newest_first(parent: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// The `nats-server` program; Debian puts it into a folder that is not on every user's PATH.
pub(crate) fn nats_server() -> Result<PathBuf, ServerError> {
    let named = environment::read(environment::NATS_SERVER_VARIABLE).map(PathBuf::from);
    let candidates: Vec<PathBuf> = match named {
        Some(program) => vec![program],
        None => path_folders()
            .chain(["/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map(PathBuf::from))
            .map(|folder| folder.join("nats-server"))
            .collect(),
    };
    candidates
        .into_iter()
        .find(|program| program.is_file())
        .ok_or(ServerError::NotInstalled {
            program: "nats-server",
            places: "PATH, /usr/sbin and /usr/local".to_owned(),
            variable: environment::NATS_SERVER_VARIABLE,
        })
}

fn path_folders() -> impl Iterator<Item = PathBuf> {
    let path = environment::read("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

/// Which user runs PostgreSQL: ourselves, or for root, whom PostgreSQL refuses, its own user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostgresUser {
    Ourselves,
    Postgres { uid: u32, gid: u32 },
}

impl PostgresUser {
    pub(crate) fn find() -> Result<Self, ServerError> {
        if id(&["-u"])? != Some(0) {
            return Ok(Self::Ourselves);
        }
        match (id(&["-u", "postgres"])?, id(&["-g", "postgres"])?) {
            (Some(uid), Some(gid)) => Ok(Self::Postgres { uid, gid }),
            _ => Err(ServerError::NoPostgresUser),
        }
    }

    /// The command line that runs `program` as this user with a home it may write.
    pub(crate) fn command_line(self, program: &Path, home: &Path) -> Vec<std::ffi::OsString> {
        let mut words: Vec<std::ffi::OsString> = Vec::new();
        if let Self::Postgres { .. } = self {
            words.extend(
                [
                    "setpriv",
                    "--reuid=postgres",
                    "--regid=postgres",
                    "--init-groups",
                    "env",
                ]
                .map(Into::into),
            );
            let mut variable = std::ffi::OsString::from("HOME=");
            variable.push(home);
            words.push(variable);
        }
        words.push(program.into());
        words
    }

    /// Makes this user the owner of a file or folder of ours.
    pub(crate) fn hand_over(self, path: &Path) -> Result<(), ServerError> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Postgres { uid, gid } => std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .map_err(ServerError::io("hand over to the user postgres", path)),
        }
    }
}

fn id(arguments: &[&str]) -> Result<Option<u32>, ServerError> {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .map_err(ServerError::io("run", Path::new("id")))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
}

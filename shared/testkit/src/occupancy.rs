//! Who works in a data folder. A process id from a pid file may belong to somebody else by now, and a killed
//! PostgreSQL leaves children for a moment; the working directories in /proc tell the truth about both. Where there is
//! no /proc nobody is seen, and the servers' own checks remain.

use std::path::Path;
use std::time::Duration;

use crate::error::ServerError;
use crate::wait::poll;

/// A server that was told to stop with its owner may still be at it.
const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until no process named `program` has `dir` as its working directory.
pub(crate) async fn wait_until_vacant(dir: &Path, program: &str) -> Result<(), ServerError> {
    let Ok(dir) = dir.canonicalize() else {
        return Ok(());
    };
    match poll(DEADLINE, async || occupant(&dir, program).map_or(Ok(()), Err)).await {
        Err(Some(pid)) => Err(ServerError::InUse { dir, pid }),
        Ok(()) | Err(None) => Ok(()),
    }
}

fn occupant(dir: &Path, program: &str) -> Option<u32> {
    std::fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == dir))
        .find(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == program)
        })
}

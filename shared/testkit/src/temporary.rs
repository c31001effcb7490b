//! A temporary folder that is removed with its owner, even when the owner is killed or holds it in a static. A small
//! shell waits at the other end of a pipe, as in `guarded.rs`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::ServerError;

/// Servers that end with the same owner may still write while the folder is removed: it must stay away for a while.
const REMOVE: &str = r#"
read -r _
looks=0 gone=0
while [ -e "$1" ] && [ "$looks" -lt 100 ]; do
    rm -rf -- "$1" 2>/dev/null
    gone=0
    while [ ! -e "$1" ] && [ "$gone" -lt 10 ]; do
        sleep 0.1
        gone=$((gone + 1))
    done
    [ -e "$1" ] && sleep 0.1
    looks=$((looks + 1))
done
"#;

/// A folder below the system's temporary one, removed when dropped or when its owner ends.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    guard: Child,
}

impl TemporaryFolder {
    /// The folder may be passed through by other users, because PostgreSQL may run as one.
    pub(crate) fn create() -> Result<Self, ServerError> {
        let path = tempfile::Builder::new()
            .prefix("madoguchi-test-")
            .tempdir()
            .map_err(ServerError::io("create a folder in", &std::env::temp_dir()))?
            .keep();
        // Set afterwards: at creation the process's umask would take its part away.
        std::fs::set_permissions(&path, Permissions::from_mode(0o711))
            .map_err(ServerError::io("open", &path))?;
        let guard = Command::new("sh")
            .args(["-c", REMOVE, "remove"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(ServerError::io("guard", &path))?;
        Ok(Self { path, guard })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What cannot be removed at once is left to the guard.
        let _ = std::fs::remove_dir_all(&self.path);
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

//! Small file systems under the data folder, which can be made full, and the removal of everything when the suite ends,
//! however it ends. Mounting needs root; without it nothing is mounted and no disk runs full.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;

/// What each may grow to. Held in memory, as far as it is used.
const SIZE: &str = "1500m";
/// A block, the unit a small file system is cut to.
const BLOCK: u64 = 4_096;

/// Stands at the other end of a pipe. Unmounts, and removes what the servers, which end at the same time, may still write to.
const GUARD: &str = r#"
read -r _
folder=$1
shift
looks=0
while [ -e "$folder" ] && [ "$looks" -lt 100 ]; do
    for mount in "$@"; do umount -l "$mount" 2>/dev/null; done
    rm -rf -- "$folder" 2>/dev/null
    [ -e "$folder" ] && sleep 0.1
    looks=$((looks + 1))
done
"#;

/// Which of the small file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Postgres,
    Nats,
    Images,
}

impl Disk {
    pub(crate) const ALL: [Self; 3] = [Self::Postgres, Self::Nats, Self::Images];

    fn folder(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Nats => "nats",
            Self::Images => "services/claim-images",
        }
    }
}

/// The data folder and what is mounted in it.
#[derive(Debug)]
pub(crate) struct Disks {
    folder: PathBuf,
    mounted: bool,
    guard: Child,
}

impl Disks {
    /// Makes a new folder, and the file systems if this user may.
    pub(crate) fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("madoguchi-faults-")
            .tempdir()?
            .keep();
        // PostgreSQL may run as another user, who passes through.
        run("chmod", &["711".as_ref(), folder.as_os_str()])?;
        let mounts = Disk::ALL.map(|disk| folder.join(disk.folder()));
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .args(&mounts)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let mut disks = Self {
            folder,
            mounted: false,
            guard,
        };
        disks.mounted = mounts.iter().all(|mount| mount_at(mount).is_ok());
        Ok(disks)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a disk can be made full.
    pub(crate) const fn mounted(&self) -> bool {
        self.mounted
    }

    /// Leaves no room on a disk.
    pub(crate) fn fill(&self, disk: Disk) -> Result<(), Failure> {
        let mount = self.folder.join(disk.folder());
        // What is in use now may be more a moment later: then the system refuses, and is asked again.
        for spare in 0..64 {
            // A size of 0 would mean without limit.
            let size = (used(&mount)? + spare * BLOCK).max(BLOCK);
            if resize(&mount, &size.to_string()).is_ok() {
                return Ok(());
            }
        }
        Err("a small file system cannot be cut to what it holds".into())
    }

    /// Gives the room back.
    pub(crate) fn empty(&self, disk: Disk) -> Result<(), Failure> {
        resize(&self.folder.join(disk.folder()), SIZE)
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard ends when the folder is gone.
        let _ = self.guard.wait();
    }
}

fn mount_at(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let options = format!("size={SIZE},mode=711");
    run(
        "mount",
        &[
            "-t".as_ref(),
            "tmpfs".as_ref(),
            "-o".as_ref(),
            options.as_ref(),
            "madoguchi-faults".as_ref(),
            folder.as_os_str(),
        ],
    )
}

fn resize(mount: &Path, size: &str) -> Result<(), Failure> {
    let options = format!("remount,size={size}");
    run("mount", &["-o".as_ref(), options.as_ref(), mount.as_os_str()])
}

fn used(mount: &Path) -> Result<u64, Failure> {
    let output = Command::new("df")
        .args(["--output=used", "-B1"])
        .arg(mount)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.lines().nth(1).ok_or("df tells nothing")?;
    Ok(number.trim().parse()?)
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<(), Failure> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}

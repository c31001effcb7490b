//! The data folder: what is where in it. Files are 600 and folders 700, because most hold secrets or people's data.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::StackError;

/// How things are laid out: 2 since each service has a role of its own in PostgreSQL.
const LAYOUT: &str = "2";

/// The data folder of one stack.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// Opens the folder, which is made if it does not exist; what others could look into is closed to them. Root's may be
    /// passed through, because PostgreSQL then runs as another user, but not looked into.
    pub fn open(path: &Path) -> Result<Self, StackError> {
        make(path, 0o700)?;
        let path = path.canonicalize().map_err(StackError::file("find", path))?;
        close_all(&path).map_err(StackError::file("close to others", &path))?;
        let folder = Self { path };
        folder.refuse_older()?;
        for name in ["secrets", "config", "logs", "services", "import", "sample"] {
            make(&folder.path.join(name), 0o700)?;
        }
        Ok(folder)
    }

    /// Databases whose tables belong to a superuser cannot be handed to roles; a developer's data are made again.
    fn refuse_older(&self) -> Result<(), StackError> {
        let (layout, older) = (self.file("layout"), self.file("stack.json").exists());
        let layout = self.kept(&layout, || Ok(if older { "1" } else { LAYOUT }.to_owned()))?;
        if layout == LAYOUT {
            return Ok(());
        }
        Err(StackError::Older {
            path: self.path.clone(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn secret(&self, name: &str) -> PathBuf {
        self.path.join("secrets").join(name)
    }

    pub(super) fn config(&self, service: &str) -> PathBuf {
        self.path.join("config").join(format!("{service}.toml"))
    }

    pub fn log(&self, service: &str) -> PathBuf {
        self.path.join("logs").join(format!("{service}.log"))
    }

    /// A service's own files.
    pub(super) fn service(&self, service: &str) -> Result<PathBuf, StackError> {
        let path = self.path.join("services").join(service);
        make(&path, 0o700)?;
        Ok(path)
    }

    /// Writes a file whole or not at all, readable by its owner alone.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), StackError> {
        let part = path.with_extension("part");
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&part)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&part, path)
        };
        write().map_err(StackError::file("write", path))
    }

    /// What is kept in `path`, made by `new` the first time.
    pub(super) fn kept(
        &self,
        path: &Path,
        new: impl FnOnce() -> Result<String, StackError>,
    ) -> Result<String, StackError> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(text.trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = new()?;
                self.write(path, &format!("{text}\n"))?;
                Ok(text.trim_end().to_owned())
            }
            Err(error) => Err(StackError::file("read", path)(error)),
        }
    }

    /// A folder for PostgreSQL outside, where the user PostgreSQL runs as cannot enter this one. Named by this folder's
    /// path and emptied when it belongs to an earlier folder of the same path.
    pub(super) fn outside(&self) -> Result<PathBuf, StackError> {
        let name = hex::encode(&Sha256::digest(self.path.as_os_str().as_encoded_bytes())[..8]);
        let outside = Path::new("/var/tmp").join(format!("madoguchi-{name}"));
        make(&outside, 0o711)?;
        // A link or a folder of somebody else's in this place for all could be a trap.
        let found = fs::symlink_metadata(&outside).map_err(StackError::file("look at", &outside))?;
        let own = fs::metadata(&self.path).map_err(StackError::file("look at", &self.path))?;
        if !found.is_dir() || found.uid() != own.uid() {
            return Err(StackError::Foreign { path: outside });
        }
        let instance = self.kept(&self.file("instance"), || {
            Ok(hex::encode(rand::random::<[u8; 16]>()))
        })?;
        let marker = outside.join("instance");
        if fs::read_to_string(&marker).is_ok_and(|other| other.trim_end() != instance) {
            fs::remove_dir_all(&outside).map_err(StackError::file("remove", &outside))?;
            make(&outside, 0o711)?;
        }
        self.write(&marker, &instance)?;
        Ok(outside)
    }
}

fn close_all(folder: &Path) -> std::io::Result<()> {
    let found = fs::metadata(folder)?;
    let mode = if found.uid() == 0 { 0o711 } else { 0o700 };
    if found.permissions().mode() & 0o777 != mode {
        fs::set_permissions(folder, Permissions::from_mode(mode))?;
    }
    for entry in fs::read_dir(folder)? {
        match close(&entry?.path()) {
            // Servers may be at work in there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Takes from group and others what they have of a file, or of a folder and all in it; links are not followed.
fn close(path: &Path) -> std::io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
    }
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            close(&entry?.path())?;
        }
    }
    Ok(())
}

fn make(path: &Path, mode: u32) -> Result<(), StackError> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map_err(StackError::file("create", path)),
    }
}

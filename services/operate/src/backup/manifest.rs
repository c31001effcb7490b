//! `backup.json`: what a backup consists of, so that a damaged or incomplete one is known before anything is restored.

use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::BackupError;

const FORMAT: u32 = 1;
const NAME: &str = "backup.json";

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The moment, RFC 3339, UTC.
    pub taken_at: String,
    pub dumps: Vec<Dump>,
    /// The folders of files.
    pub files: Vec<Files>,
}

/// One database, in `<name>.dump`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The name of the service's settings file, or `keyring`.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

/// One service's folder, in `files/<service>`. Each file authenticates itself when it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The name of the service's settings file.
    pub service: String,
    pub files: u64,
    pub bytes: u64,
}

impl Manifest {
    pub(super) const fn new(taken_at: String, dumps: Vec<Dump>, files: Vec<Files>) -> Self {
        Self {
            format: FORMAT,
            taken_at,
            dumps,
            files,
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(NAME);
        let write = || {
            let file = std::fs::File::create_new(&path)?;
            serde_json::to_writer_pretty(&file, self)?;
            file.sync_all()
        };
        write().map_err(BackupError::file("write", &path))
    }

    /// Reads the manifest of a backup and checks that every dump is as it was written.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(NAME);
        let text = std::fs::read(&path).map_err(BackupError::file("read", &path))?;
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|_| BackupError::Damaged { path: path.clone() })?;
        if manifest.format != FORMAT {
            return Err(BackupError::Format(manifest.format));
        }
        for dump in &manifest.dumps {
            let path = folder.join(format!("{}.dump", dump.name));
            if Dump::of(&dump.name, &path)? != *dump {
                return Err(BackupError::Damaged { path });
            }
        }
        Ok(manifest)
    }
}

impl Dump {
    pub(super) fn of(name: &str, path: &Path) -> Result<Self, BackupError> {
        let digest = || {
            let mut file = std::fs::File::open(path)?;
            let mut digest = Sha256::new();
            let mut buffer = vec![0; 1 << 16];
            let mut bytes = 0;
            loop {
                let read = file.read(&mut buffer)?;
                if read == 0 {
                    file.sync_all()?;
                    return Ok((bytes, hex::encode(digest.finalize())));
                }
                digest.update(&buffer[..read]);
                bytes += read as u64;
            }
        };
        let (bytes, sha256) = digest().map_err(BackupError::file("read", path))?;
        Ok(Self {
            name: name.to_owned(),
            bytes,
            sha256,
        })
    }
}

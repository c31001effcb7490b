//! Where uploads wait until they are whole: a folder per upload, and in it segments of about a MiB, each sealed by itself
//! under the subject's key and synced before it counts (docs/adr/0008, Format). No plaintext touches the disk. How much
//! of an upload is safe is what the folder holds, so a crash leaves nothing to repair.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use kernel::ids::{SubjectId, UploadId};
use privacy::{FileError, FileHeader, FileOpener, HEADER_BYTES, Keyring, KeyringError};
use zeroize::Zeroizing;

use crate::folders::private_folder;
use crate::sealing;
use crate::turns::Turn;
use crate::upload_limits::SEGMENT_BYTES;

/// A segment on its way to disk; one left behind by a crash is written over or removed with its folder.
const UNFINISHED: &str = "unfinished";

/// Why the spool failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    #[error("the spool's disk")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A segment is not what was written.
    #[error("a segment of the spool cannot be opened")]
    Damaged(#[from] FileError),
    /// The subject was erased meanwhile: nothing of theirs can be written or read.
    #[error("the subject has been erased")]
    Erased(SubjectId),
}

/// What is safe of an upload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpoolHeld {
    pub(crate) bytes: u64,
    /// Segments of less than a MiB.
    pub(crate) short_segments: usize,
}

/// The folder of all uploads.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    folder: PathBuf,
    keyring: Keyring,
}

impl Spool {
    /// Opens the folder, creating it for this user alone where it is missing.
    pub(crate) fn open(folder: PathBuf, keyring: Keyring) -> io::Result<Self> {
        private_folder(&folder)?;
        Ok(Self { folder, keyring })
    }

    /// How many bytes of an upload are safe.
    pub(crate) async fn persisted(&self, upload: UploadId) -> Result<u64, SpoolError> {
        Ok(self.held(upload).await?.bytes)
    }

    /// What of an upload is safe, and in how many pieces.
    pub(crate) async fn held(&self, upload: UploadId) -> Result<SpoolHeld, SpoolError> {
        let folder = self.of(upload);
        blocking(move || {
            let segments = segments(&folder)?;
            let short = |(_, length): &&(u64, u64)| *length < SEGMENT_BYTES as u64;
            Ok(SpoolHeld {
                bytes: segments.iter().map(|(_, length)| length).sum(),
                short_segments: segments.iter().filter(short).count(),
            })
        })
        .await
    }

    /// Appends a segment at `offset`, which must be what is persisted; safe on disk when it returns. The turn comes back
    /// with it: a caller that is dropped meanwhile keeps it until the disk is done.
    pub(crate) async fn append(
        &self,
        turn: Turn,
        (upload, subject): (UploadId, SubjectId),
        offset: u64,
        bytes: Zeroizing<Vec<u8>>,
    ) -> Result<Turn, SpoolError> {
        let folder = self.of(upload);
        let keys = self.keyring.seal_keys(&BTreeSet::from([subject])).await?;
        blocking(move || {
            let key = keys.of_subject(subject).ok_or(SpoolError::Erased(subject))?;
            let sealed = sealing::seal(key, &purpose(upload, offset), &bytes)?;
            private_folder(&folder)?;
            write_synced(&folder, &segment_name(offset, bytes.len() as u64), &sealed)?;
            Ok(turn)
        })
        .await
    }

    /// The whole of what is persisted; overwritten in memory when the last copy is dropped.
    pub(crate) async fn read(&self, upload: UploadId) -> Result<Bytes, SpoolError> {
        self.read_segments(upload, usize::MAX).await
    }

    /// The first bytes of what is persisted, at most a MiB.
    pub(crate) async fn read_beginning(&self, upload: UploadId) -> Result<Bytes, SpoolError> {
        self.read_segments(upload, 1).await
    }

    async fn read_segments(&self, upload: UploadId, most: usize) -> Result<Bytes, SpoolError> {
        let folder = self.of(upload);
        let sealed = blocking(move || {
            let read = |(offset, length)| {
                Ok((
                    offset,
                    length,
                    fs::read(folder.join(segment_name(offset, length)))?,
                ))
            };
            segments(&folder)?
                .into_iter()
                .take(most)
                .map(read)
                .collect::<Result<Vec<_>, SpoolError>>()
        })
        .await?;
        let headers = sealed
            .iter()
            .map(|(_, _, bytes)| FileHeader::parse(bytes))
            .collect::<Result<Vec<_>, _>>()?;
        let keys = self
            .keyring
            .open_keys(&headers.iter().map(|header| header.key_id).collect())
            .await?;
        blocking(move || {
            let size: u64 = sealed.iter().map(|(_, length, _)| length).sum();
            let mut whole = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0)));
            for ((offset, _, bytes), header) in sealed.iter().zip(&headers) {
                let key = keys
                    .by_id(header.key_id)
                    .ok_or(SpoolError::Erased(header.subject))?;
                let mut opener = FileOpener::new(header, key, &purpose(upload, *offset))?;
                whole.extend_from_slice(&opener.frame(bytes.get(HEADER_BYTES..).unwrap_or_default())?);
                whole.extend_from_slice(&opener.finish()?);
            }
            Ok(Bytes::from_owner(whole))
        })
        .await
    }

    /// Drops an upload's segments; none is fine too.
    pub(crate) async fn remove(&self, upload: UploadId) -> Result<(), SpoolError> {
        let folder = self.of(upload);
        blocking(move || match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        })
        .await
    }

    /// Every upload that has a folder.
    pub(crate) async fn uploads(&self) -> Result<Vec<UploadId>, SpoolError> {
        let folder = self.folder.clone();
        blocking(move || {
            let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name()));
            let names = names.collect::<io::Result<Vec<_>>>()?;
            Ok(names
                .iter()
                .filter_map(|name| name.to_str()?.parse().ok())
                .collect())
        })
        .await
    }

    fn of(&self, upload: UploadId) -> PathBuf {
        self.folder.join(upload.to_string())
    }
}

/// What a segment is sealed for: it opens nowhere else. **Format.**
fn purpose(upload: UploadId, offset: u64) -> String {
    format!("upload/{upload}/{offset}")
}

/// **Format**: offset in 20 digits, dash, length; both in bytes of plaintext.
fn segment_name(offset: u64, length: u64) -> String {
    format!("{offset:020}-{length}")
}

/// The segments that continue each other from the start, as offset and length.
fn segments(folder: &Path) -> Result<Vec<(u64, u64)>, SpoolError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut named: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in entries {
        let name = entry?.file_name();
        let parsed = name.to_str().and_then(|name| name.split_once('-'));
        if let Some((Ok(offset), Ok(length))) =
            parsed.map(|(offset, length)| (offset.parse(), length.parse()))
        {
            named.insert(offset, length);
        }
    }
    let (mut end, mut continued) = (0, Vec::new());
    while let Some(length) = named.get(&end).copied().filter(|length| *length > 0) {
        continued.push((end, length));
        end += length;
    }
    Ok(continued)
}

/// A name appears only when the bytes behind it are on disk, and the name itself is on disk when this returns.
fn write_synced(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(UNFINISHED);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()?;
    // The upload's own folder may be new.
    folder
        .parent()
        .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| SpoolError::Disk(io::Error::other(error)))?
}

//! The store of originals and derivatives: sealed under the subject's key, addressed by subject and SHA-256 of the
//! plaintext (docs/adr/0008, Format), so the same picture of one person is kept once and another person's is never shared.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kernel::ids::SubjectId;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use privacy::{FileError, FileHeader, FileOpener, HEADER_BYTES, Keyring, KeyringError};
use zeroize::Zeroizing;

use crate::domain::{DerivativeSize, Sha256};
use crate::folders::private_folder;
use crate::sealing;

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// The object store does not answer as it should; waiting may help.
    #[error("the store of originals")]
    Store(#[source] object_store::Error),
    /// What should be there is not.
    #[error("an original is missing from the store")]
    Missing,
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// What is there is not what was stored.
    #[error("an original in the store is damaged")]
    Damaged(#[from] FileError),
    /// The subject was erased: nothing of theirs can be written or read.
    #[error("the subject has been erased")]
    Erased(SubjectId),
    /// Sealing did not come to its end.
    #[error("sealing was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Store(other),
        }
    }
}

/// What is stored of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As the customer sent it, byte for byte (CI-5).
    Original,
    Derivative {
        /// What it was made by: another recipe is another file.
        recipe: u32,
        size: DerivativeSize,
    },
}

const ORIGINALS: &str = "originals";
const DERIVATIVES: &str = "derivatives";

impl Kind {
    /// What the file is sealed for. **Format.**
    fn purpose(self) -> String {
        match self {
            Self::Original => "original".to_owned(),
            Self::Derivative { recipe, size } => format!("derivative-{}", derivative_name(recipe, size)),
        }
    }

    fn path(self, subject: SubjectId, sha256: Sha256) -> ObjectPath {
        match self {
            Self::Original => {
                ObjectPath::from_iter([ORIGINALS.to_owned(), subject.to_string(), sha256.to_string()])
            }
            Self::Derivative { recipe, size } => {
                derivatives_of(subject, sha256).join(derivative_name(recipe, size))
            }
        }
    }
}

fn derivatives_of(subject: SubjectId, sha256: Sha256) -> ObjectPath {
    ObjectPath::from_iter([DERIVATIVES.to_owned(), subject.to_string(), sha256.to_string()])
}

/// **Format.**
fn derivative_name(recipe: u32, size: DerivativeSize) -> String {
    format!("{recipe}-{}", size.side())
}

#[derive(Debug, Clone)]
pub(crate) struct Originals {
    store: Arc<dyn ObjectStore>,
    keyring: Keyring,
}

impl Originals {
    /// In a local folder for this user alone; every write is synced.
    pub(crate) fn in_folder(folder: &Path, keyring: Keyring) -> Result<Self, object_store::Error> {
        private_folder(folder).map_err(|source| object_store::Error::Generic {
            store: "folder",
            source: Box::new(source),
        })?;
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            keyring,
        })
    }

    /// Seals and stores. What is there already under that address has the same content and stays.
    pub(crate) async fn keep(
        &self,
        kind: Kind,
        (subject, sha256): (SubjectId, Sha256),
        plaintext: Bytes,
    ) -> Result<(), StorageError> {
        let keys = self.keyring.seal_keys(&BTreeSet::from([subject])).await?;
        let sealed = tokio::task::spawn_blocking(move || {
            let key = keys.of_subject(subject).ok_or(StorageError::Erased(subject))?;
            let whole = sealing::seal(key, &kind.purpose(), &plaintext)?;
            Ok::<_, StorageError>(Bytes::from(whole))
        })
        .await??;
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        match self
            .store
            .put_opts(&kind.path(subject, sha256), sealed.into(), options)
            .await
        {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens for reading, frame by frame.
    pub(crate) async fn open(
        &self,
        kind: Kind,
        subject: SubjectId,
        sha256: Sha256,
    ) -> Result<Reading, StorageError> {
        let mut sealed = match self.store.get(&kind.path(subject, sha256)).await {
            Ok(found) => found.into_stream(),
            // Swept after an erasure (OP-4), not lost.
            Err(object_store::Error::NotFound { .. }) if self.is_erased(subject).await? => {
                return Err(StorageError::Erased(subject));
            }
            Err(error) => return Err(error.into()),
        };
        let mut start = Vec::new();
        while start.len() < HEADER_BYTES {
            let Some(bytes) = sealed.next().await else {
                return Err(FileError::NotSealed.into());
            };
            start.extend_from_slice(&bytes?);
        }
        let header = FileHeader::parse(&start)?;
        let keys = self.keyring.open_keys(&BTreeSet::from([header.key_id])).await?;
        let key = keys.by_id(header.key_id).ok_or(StorageError::Erased(subject))?;
        let opener = FileOpener::new(&header, key, &kind.purpose())?;
        let rest = Bytes::from(start.split_off(HEADER_BYTES));
        Ok(Reading {
            sealed,
            rest: Some(rest),
            opener: Some(opener),
        })
    }

    /// The whole of something small.
    pub(crate) async fn read(
        &self,
        kind: Kind,
        subject: SubjectId,
        sha256: Sha256,
    ) -> Result<Zeroizing<Vec<u8>>, StorageError> {
        let mut reading = self.open(kind, subject, sha256).await?;
        let mut whole = Zeroizing::new(Vec::new());
        while let Some(bytes) = reading.next().await? {
            whole.extend_from_slice(&bytes);
        }
        Ok(whole)
    }

    async fn is_erased(&self, subject: SubjectId) -> Result<bool, StorageError> {
        let gone = self.keyring.destroyed(&BTreeSet::from([subject])).await?;
        Ok(!gone.is_empty())
    }

    /// Drops everything of a subject, and says how many files that were.
    pub(crate) async fn drop_subject(&self, subject: SubjectId) -> Result<usize, StorageError> {
        let mut dropped = 0;
        for folder in [DERIVATIVES, ORIGINALS] {
            let folder = ObjectPath::from_iter([folder.to_owned(), subject.to_string()]);
            dropped += self.drop_where(&folder, |_| true).await?;
        }
        Ok(dropped)
    }

    /// Drops an original and its derivatives; none is fine too.
    pub(crate) async fn drop_all(&self, subject: SubjectId, sha256: Sha256) -> Result<(), StorageError> {
        self.drop_file(&Kind::Original.path(subject, sha256)).await?;
        self.drop_where(&derivatives_of(subject, sha256), |_| true)
            .await?;
        Ok(())
    }

    /// Drops one file; none is fine too.
    pub(crate) async fn drop_one(
        &self,
        kind: Kind,
        subject: SubjectId,
        sha256: Sha256,
    ) -> Result<(), StorageError> {
        self.drop_file(&kind.path(subject, sha256)).await?;
        Ok(())
    }

    /// Drops what older recipes made of an original.
    pub(crate) async fn drop_older(
        &self,
        subject: SubjectId,
        sha256: Sha256,
        recipe: u32,
    ) -> Result<(), StorageError> {
        let is_older = |name: &str| {
            let of = name.split_once('-').and_then(|(of, _)| of.parse::<u32>().ok());
            of.is_some_and(|of| of < recipe)
        };
        self.drop_where(&derivatives_of(subject, sha256), is_older)
            .await?;
        Ok(())
    }

    /// Drops the files of a folder whose names fit, and says how many that were.
    async fn drop_where(
        &self,
        folder: &ObjectPath,
        fits: impl Fn(&str) -> bool,
    ) -> Result<usize, StorageError> {
        let mut dropped = 0;
        let mut found = self.store.list(Some(folder));
        while let Some(file) = found.next().await {
            let location = file?.location;
            if location.filename().is_some_and(&fits) {
                dropped += usize::from(self.drop_file(&location).await?);
            }
        }
        Ok(dropped)
    }

    /// Whether it was there.
    async fn drop_file(&self, path: &ObjectPath) -> Result<bool, StorageError> {
        match self.store.delete(path).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// A stored file being read.
pub(crate) struct Reading {
    sealed: BoxStream<'static, object_store::Result<Bytes>>,
    rest: Option<Bytes>,
    opener: Option<FileOpener>,
}

impl Reading {
    /// More of the plaintext; none at its authenticated end.
    pub(crate) async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StorageError> {
        while let Some(mut opener) = self.opener.take() {
            let sealed = match self.rest.take() {
                Some(rest) => Some(rest),
                None => self.sealed.next().await.transpose()?,
            };
            let Some(sealed) = sealed else {
                return Ok(Some(opener.finish()?));
            };
            let plaintext = opener.frame(&sealed)?;
            self.opener = Some(opener);
            if !plaintext.is_empty() {
                return Ok(Some(plaintext));
            }
        }
        Ok(None)
    }
}

//! Sealing of files too large for memory: STREAM (BE32) over XChaCha20-Poly1305 in frames of 64 KiB, under the
//! subject's key. Frames cannot be changed, reordered, dropped or cut off unnoticed, nor read for another purpose.
//! Header and framing are a Format (docs/adr/0004-personal-data.md). No I/O here: bytes in, bytes out.

use aead_stream::{DecryptorBE32, EncryptorBE32, NewStream, StreamBE32};
use chacha20poly1305::XChaCha20Poly1305;
use kernel::ids::{KeyId, SubjectId};
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::key::{SubjectKey, random};

/// Bytes of plaintext in every frame but the last, which has 1 to that many (0 in an empty file).
pub const FRAME_BYTES: usize = 64 * 1024;

/// Bytes of a full frame as sealed: plaintext and authentication tag.
pub const SEALED_FRAME_BYTES: usize = FRAME_BYTES + TAG_BYTES;

/// Bytes before the first frame: magic, version, key id, subject id, nonce prefix.
pub const HEADER_BYTES: usize = 4 + 1 + 16 + 16 + NONCE_PREFIX_BYTES;

const MAGIC: [u8; 4] = *b"MDGF";
const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;
/// What STREAM leaves of the 24 bytes of a nonce: 4 count frames, 1 marks the last.
const NONCE_PREFIX_BYTES: usize = 19;

/// A sealed file cannot be written or read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FileError {
    /// Does not start as a sealed file does.
    #[error("not a sealed file")]
    NotSealed,
    /// Sealed by a newer release.
    #[error("sealed in version {0}, which this release does not know")]
    UnknownVersion(u8),
    /// The key offered is not the one the header names.
    #[error("sealed under key {needed}, opened with key {given}")]
    WrongKey {
        /// The key the header names.
        needed: KeyId,
        /// The key offered.
        given: KeyId,
    },
    /// Changed, cut off, reordered, or sealed for another purpose. Nothing of this frame or after it can be trusted.
    #[error("frame {frame} of the sealed file does not authenticate")]
    Damaged {
        /// Counted from 0.
        frame: u32,
    },
    /// More frames than the counter counts (256 TiB).
    #[error("too long to seal as one file")]
    TooLong,
}

/// The start of a sealed file: tells which key opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHeader {
    /// The key the file is sealed under.
    pub key_id: KeyId,
    /// Whose file it is.
    pub subject: SubjectId,
    nonce_prefix: [u8; NONCE_PREFIX_BYTES],
}

impl FileHeader {
    /// Reads the first [`HEADER_BYTES`] of a sealed file; what follows them is ignored.
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(FileError::NotSealed)?;
        let (version, rest) = rest.split_first().ok_or(FileError::NotSealed)?;
        if *version != VERSION {
            return Err(FileError::UnknownVersion(*version));
        }
        let (key_id, rest) = rest.split_first_chunk().ok_or(FileError::NotSealed)?;
        let (subject, rest) = rest.split_first_chunk().ok_or(FileError::NotSealed)?;
        let (nonce_prefix, _) = rest.split_first_chunk().ok_or(FileError::NotSealed)?;
        Ok(Self {
            key_id: KeyId::from_uuid(Uuid::from_bytes(*key_id)),
            subject: SubjectId::from_uuid(Uuid::from_bytes(*subject)),
            nonce_prefix: *nonce_prefix,
        })
    }

    /// The bytes at the start of the file.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5..21].copy_from_slice(self.key_id.as_uuid().as_bytes());
        bytes[21..37].copy_from_slice(self.subject.as_uuid().as_bytes());
        bytes[37..].copy_from_slice(&self.nonce_prefix);
        bytes
    }

    fn stream(&self, key: &SubjectKey) -> StreamBE32<XChaCha20Poly1305> {
        StreamBE32::from_aead(key.cipher(), (&self.nonce_prefix).into())
    }

    /// Format: header, then the purpose to the end.
    fn authenticated_data(&self, purpose: &str) -> Vec<u8> {
        [self.to_bytes().as_slice(), purpose.as_bytes()].concat()
    }
}

/// Seals one file. Takes plaintext in pieces of any size; write out what each call gives, in order.
pub struct FileSealer {
    header: FileHeader,
    stream: EncryptorBE32<XChaCha20Poly1305>,
    aad: Vec<u8>,
    buffer: FrameBuffer,
}

impl FileSealer {
    /// For one file of the key's subject. The same purpose (`"original"`, say) must be named to open it.
    /// Write [`FileSealer::header`] first.
    pub fn new(key: &SubjectKey, purpose: &str) -> Self {
        Self::with_nonce_prefix(key, purpose, random())
    }

    pub(crate) fn with_nonce_prefix(
        key: &SubjectKey,
        purpose: &str,
        nonce_prefix: [u8; NONCE_PREFIX_BYTES],
    ) -> Self {
        let header = FileHeader {
            key_id: key.id(),
            subject: key.subject(),
            nonce_prefix,
        };
        Self {
            stream: EncryptorBE32::from_stream_primitive(header.stream(key)),
            aad: header.authenticated_data(purpose),
            buffer: FrameBuffer::new(FRAME_BYTES),
            header,
        }
    }

    /// What the sealed file starts with.
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        self.header.to_bytes()
    }

    /// Takes plaintext and gives the frames it completes: none, one or many.
    pub fn frame(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, FileError> {
        let mut sealed = Vec::new();
        let (stream, aad) = (&mut self.stream, &self.aad);
        self.buffer.push(plaintext, |frame| {
            stream
                .encrypt_next_in_place(aad, frame)
                .map_err(|_| FileError::TooLong)?;
            sealed.extend_from_slice(frame);
            Ok(())
        })?;
        Ok(sealed)
    }

    /// Gives the last frame. A file without it reads as cut off.
    pub fn finish(mut self) -> Result<Vec<u8>, FileError> {
        let mut last = self.buffer.take_last();
        self.stream
            .encrypt_last_in_place(&self.aad, &mut last)
            .map_err(|_| FileError::TooLong)?;
        Ok(last)
    }
}

/// Opens one sealed file. Takes its bytes after the header in pieces of any size. What it gives is authentic so far;
/// that nothing is missing is known only when [`FileOpener::finish`] succeeds.
pub struct FileOpener {
    stream: DecryptorBE32<XChaCha20Poly1305>,
    aad: Vec<u8>,
    buffer: FrameBuffer,
    frames: u32,
    failed: bool,
}

impl FileOpener {
    /// With the key that the header names, and the purpose the file was sealed for.
    pub fn new(header: &FileHeader, key: &SubjectKey, purpose: &str) -> Result<Self, FileError> {
        if (header.key_id, header.subject) != (key.id(), key.subject()) {
            return Err(FileError::WrongKey {
                needed: header.key_id,
                given: key.id(),
            });
        }
        Ok(Self {
            stream: DecryptorBE32::from_stream_primitive(header.stream(key)),
            aad: header.authenticated_data(purpose),
            buffer: FrameBuffer::new(SEALED_FRAME_BYTES),
            frames: 0,
            failed: false,
        })
    }

    /// Takes sealed bytes and gives the plaintext of the frames they complete. After an error every call fails.
    pub fn frame(&mut self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, FileError> {
        if self.failed {
            return Err(FileError::Damaged { frame: self.frames });
        }
        let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len() + SEALED_FRAME_BYTES));
        let (stream, aad, frames) = (&mut self.stream, &self.aad, &mut self.frames);
        let opened = self.buffer.push(sealed, |frame| {
            stream
                .decrypt_next_in_place(aad, frame)
                .map_err(|_| FileError::Damaged { frame: *frames })?;
            *frames += 1;
            plaintext.extend_from_slice(frame);
            Ok(())
        });
        self.failed = opened.is_err();
        opened.map(|()| plaintext)
    }

    /// Gives the plaintext of the last frame, and the certainty that the file is whole.
    pub fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let damaged = FileError::Damaged { frame: self.frames };
        if self.failed {
            return Err(damaged);
        }
        let mut last = Zeroizing::new(self.buffer.take_last());
        match self.stream.decrypt_last_in_place(&self.aad, &mut *last) {
            Ok(()) => Ok(last),
            Err(_) => Err(damaged),
        }
    }
}

/// Cuts a stream into frames of one size. A full frame is held back until more comes, because the last frame is
/// treated differently and may be full.
struct FrameBuffer {
    size: usize,
    held: Vec<u8>,
}

impl FrameBuffer {
    fn new(size: usize) -> Self {
        Self {
            size,
            // The tag is appended in place: room for it, so that plaintext is never left behind by a reallocation.
            held: Vec::with_capacity(size + TAG_BYTES),
        }
    }

    fn push(
        &mut self,
        mut bytes: &[u8],
        mut full: impl FnMut(&mut Vec<u8>) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        while !bytes.is_empty() {
            if self.held.len() == self.size {
                full(&mut self.held)?;
                self.held.zeroize();
            }
            let taken = bytes.len().min(self.size - self.held.len());
            self.held.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    fn take_last(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

impl Drop for FrameBuffer {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

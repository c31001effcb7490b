//! Personal data at rest: a key per person (the keyring), sealed fields in events, sealed files, keyed hashes.
//! Depends on kernel and decider alone. The bytes it writes are a Format: see docs/adr/0004-personal-data.md.
#![warn(missing_docs)]

mod cache;
mod classify;
mod field;
mod file;
mod grants;
mod key;
mod keyring;
#[cfg(test)]
mod known_answers;
mod material;
mod pepper;
mod rotation;
mod secret;
mod tombstone;
mod tree;

pub use field::{ALGORITHM, ERASED_ALGORITHM, SealError, open_field, seal_field};
pub use file::{
    FRAME_BYTES, FileError, FileHeader, FileOpener, FileSealer, HEADER_BYTES, SEALED_FRAME_BYTES,
};
pub use grants::{KeyringUse, MIGRATIONS_TABLE, is_prepared, prepare};
pub use key::{KeySet, MasterKey, SubjectKey};
pub use keyring::{Keyring, KeyringError, MIGRATOR};
pub use material::MaterialError;
pub use pepper::Pepper;
pub use secret::{SecretError, SecretSealer};
pub use tombstone::Tombstone;
pub use tree::{keys_in, open_tree, seal_tree, subjects_in};

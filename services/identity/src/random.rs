//! Where this service's randomness comes from: the operating system's, through the process's generator. Only secrets
//! and the ids of logins and sessions are random; every other id is derived.

use rand::Rng as _;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Bytes nobody can guess.
pub fn secret<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::rng().fill_bytes(bytes.as_mut());
    bytes
}

/// An id nobody had before: a login or a session, which are never retried under the same id.
pub fn id() -> Uuid {
    uuid::Builder::from_random_bytes(*secret()).into_uuid()
}

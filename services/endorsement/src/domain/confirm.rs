//! The confirm token (EN-8): a keyed hash over exactly what a review shows and the versions it rests on.
//! See docs/adr/0009-prepare-and-submit.md.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;

use super::rejection::Rejection;

/// The key of confirm tokens, derived from the service's pepper.
#[derive(Clone)]
pub struct ConfirmKey([u8; 32]);

impl ConfirmKey {
    /// From derived key bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, canonical: &impl Serialize) -> Result<Hmac<Sha256>, Rejection> {
        // Neither can fail: a MAC takes any key length, and the form is plain data.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| Rejection::ContentChanged)?;
        mac.update(&serde_json::to_vec(canonical).map_err(|_| Rejection::ContentChanged)?);
        Ok(mac)
    }

    /// The token of what is shown in its canonical form, lower-case hexadecimal.
    pub(super) fn token(&self, canonical: &impl Serialize) -> Result<String, Rejection> {
        Ok(hex::encode(self.mac(canonical)?.finalize().into_bytes()))
    }

    /// Whether `token` is that of this form, compared in constant time.
    pub(super) fn confirms(&self, token: &str, canonical: &impl Serialize) -> Result<(), Rejection> {
        let token = hex::decode(token).map_err(|_| Rejection::ContentChanged)?;
        self.mac(canonical)?
            .verify_slice(&token)
            .map_err(|_| Rejection::ContentChanged)
    }
}

impl fmt::Debug for ConfirmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmKey(…)")
    }
}

//! The confirm token (EN-8): a keyed hash over exactly what a review shows and the versions it rests on.
//! See docs/adr/0009-prepare-and-submit.md.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::civil::Date;
use kernel::PhoneNumber;
use kernel::ids::{AccountId, ContractId};
use serde::Serialize;
use sha2::Sha256;

use super::party::{InsurerShare, Section};
use super::rejection::Rejection;
use super::review::{PhonesReview, Review};

/// The key of confirm tokens, derived from the service's pepper.
#[derive(Clone)]
pub struct ConfirmKey([u8; 32]);

impl ConfirmKey {
    /// From derived key bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn mac(&self, review: &Review) -> Result<Hmac<Sha256>, Rejection> {
        // Neither can fail: a MAC takes any key length, and the form is plain data.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| Rejection::ContentChanged)?;
        mac.update(&serde_json::to_vec(&review.canonical()).map_err(|_| Rejection::ContentChanged)?);
        Ok(mac)
    }

    /// The token of a review, lower-case hexadecimal.
    pub fn token(&self, review: &Review) -> Result<String, Rejection> {
        Ok(hex::encode(self.mac(review)?.finalize().into_bytes()))
    }

    /// Whether `token` is that of this review, compared in constant time.
    pub(super) fn confirms(&self, token: &str, review: &Review) -> Result<(), Rejection> {
        let token = hex::decode(token).map_err(|_| Rejection::ContentChanged)?;
        self.mac(review)?
            .verify_slice(&token)
            .map_err(|_| Rejection::ContentChanged)
    }
}

impl fmt::Debug for ConfirmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmKey(…)")
    }
}

/// All that is shown and what it rests on, in one fixed form. Tokens live as long as a customer reads, so the form may
/// change between releases: an older token is then drift.
#[derive(Serialize)]
struct Canonical<'a> {
    contract: ContractId,
    revision: u64,
    account: AccountId,
    effective_date: Date,
    changes: Vec<CanonicalChange<'a>>,
    insurers: &'a [InsurerShare],
    warnings: Vec<&'static str>,
}

#[derive(Serialize)]
struct CanonicalChange<'a> {
    section: Section,
    before: &'a [PhoneNumber],
    after: Vec<(&'a PhoneNumber, &'static str)>,
}

impl Review {
    fn canonical(&self) -> Canonical<'_> {
        Canonical {
            contract: self.contract,
            revision: self.revision,
            account: self.account,
            effective_date: self.effective_date,
            changes: self.changes.iter().map(CanonicalChange::of).collect(),
            insurers: &self.insurers,
            warnings: self.warnings.iter().map(|warning| warning.reason).collect(),
        }
    }
}

impl<'a> CanonicalChange<'a> {
    fn of(change: &'a PhonesReview) -> Self {
        Self {
            section: change.section,
            before: &change.before,
            after: change
                .after
                .iter()
                .map(|phone| (&phone.number, phone.login.reason()))
                .collect(),
        }
    }
}

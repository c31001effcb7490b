//! Who writes to the bus beside a relay: with a key that the source announces, or with one of their own. What is signed is put
//! together here a second time, from docs/adr/0032.

use ed25519_dalek::{Signer as _, SigningKey};
use sqlx::PgPool;
use uuid::Uuid;

/// What signs.
#[derive(Debug)]
pub struct Pen {
    key_id: Uuid,
    key: SigningKey,
}

/// The values of two headers: whose key, and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// `Madoguchi-Key-Id`
    pub key_id: String,
    /// `Madoguchi-Signature`
    pub signature: String,
}

impl Pen {
    /// Nobody knows its key.
    #[must_use]
    pub fn strange() -> Self {
        Self {
            key_id: Uuid::from_bytes(rand::random()),
            key: SigningKey::from_bytes(&rand::random()),
        }
    }

    /// A key that `service` announces in its database: what it signs is the service's word.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(service: &str, pool: &PgPool) -> Result<Self, sqlx::Error> {
        let pen = Self::strange();
        sqlx::query("INSERT INTO messaging.signing_key (service, key_id, public_key) VALUES ($1, $2, $3)")
            .bind(service)
            .bind(pen.key_id)
            .bind(pen.key.verifying_key().to_bytes().as_slice())
            .execute(pool)
            .await?;
        Ok(pen)
    }

    /// Signs a message without traceparent. The subject has no prefix; no previous cursor is that of a first message.
    #[must_use]
    pub fn message(
        &self,
        subject: &str,
        (cursor, previous): (&[u8], &[u8]),
        event: Uuid,
        payload: &[u8],
    ) -> Signed {
        self.sign(&[
            b"madoguchi message 1",
            subject.as_bytes(),
            cursor,
            previous,
            event.as_bytes(),
            b"",
            payload,
        ])
    }

    /// Signs a heartbeat that names a last published event.
    #[must_use]
    pub fn heartbeat(&self, source: &str, cursor: &[u8], event: Uuid) -> Signed {
        self.sign(&[
            b"madoguchi heartbeat 1",
            source.as_bytes(),
            cursor,
            event.as_bytes(),
        ])
    }

    fn sign(&self, parts: &[&[u8]]) -> Signed {
        let parts = parts
            .iter()
            .map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat());
        let signature = self.key.sign(&parts.collect::<Vec<_>>().concat());
        Signed {
            key_id: self.key_id.to_string(),
            signature: hex::encode(signature.to_bytes()),
        }
    }
}

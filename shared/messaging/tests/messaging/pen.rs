//! Who writes to the bus beside the relay: with a key of the source's, with one of their own, or with none. What is signed is put
//! together here a second time, from docs/adr/0032.

use async_nats::HeaderMap;
use contracts::names;
use ed25519_dalek::{Signer as _, SigningKey};
use eventsourcing::{Cursor, Position};
use uuid::Uuid;

use crate::tally::{SOURCE, random};
use crate::world::World;

/// What signs.
pub(crate) struct Pen {
    key_id: Uuid,
    key: SigningKey,
}

impl Pen {
    /// Nobody knows its key.
    pub(crate) fn strange() -> Self {
        let (one, other) = (random(), random());
        let seed: Vec<u8> = [*one.as_bytes(), *other.as_bytes()].concat();
        Self {
            key_id: random(),
            key: SigningKey::from_bytes(&seed.try_into().unwrap()),
        }
    }

    /// The source announces its key: what it signs is the source's word.
    pub(crate) async fn of_source(world: &World) -> Self {
        let pen = Self::strange();
        sqlx::query("INSERT INTO messaging.signing_key (service, key_id, public_key) VALUES ($1, $2, $3)")
            .bind(SOURCE)
            .bind(pen.key_id)
            .bind(pen.key.verifying_key().to_bytes().as_slice())
            .execute(&world.source.pool)
            .await
            .unwrap();
        pen
    }

    /// The headers of a message of the source's, whose subject has no prefix.
    pub(crate) fn message(
        &self,
        subject: &str,
        position: &Position,
        previous: Option<Cursor>,
        payload: &[u8],
    ) -> HeaderMap {
        let mut headers = place(position, previous);
        let previous = previous.map(|previous| previous.to_bytes().to_vec());
        self.sign(
            &mut headers,
            &[
                b"madoguchi message 1",
                subject.as_bytes(),
                &position.cursor.to_bytes(),
                &previous.unwrap_or_default(),
                position.event_id.as_uuid().as_bytes(),
                b"",
                payload,
            ],
        );
        headers
    }

    /// The headers of a heartbeat of the source's.
    pub(crate) fn heartbeat(&self, position: &Position) -> HeaderMap {
        let mut headers = place(position, None);
        self.sign(
            &mut headers,
            &[
                b"madoguchi heartbeat 1",
                SOURCE.as_bytes(),
                &position.cursor.to_bytes(),
                position.event_id.as_uuid().as_bytes(),
            ],
        );
        headers
    }

    fn sign(&self, headers: &mut HeaderMap, parts: &[&[u8]]) {
        let parts = parts.iter().map(|part| {
            let length = u64::try_from(part.len()).unwrap().to_be_bytes();
            [&length[..], part].concat()
        });
        let signature = self.key.sign(&parts.collect::<Vec<_>>().concat());
        headers.insert(names::KEY_ID_HEADER, self.key_id.to_string());
        headers.insert(names::SIGNATURE_HEADER, hex::encode(signature.to_bytes()));
    }
}

/// Headers that nobody has signed.
pub(crate) fn place(position: &Position, previous: Option<Cursor>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(names::CURSOR_HEADER, position.cursor.to_string());
    headers.insert(names::EVENT_ID_HEADER, position.event_id.to_string());
    if let Some(previous) = previous {
        headers.insert(names::PREVIOUS_CURSOR_HEADER, previous.to_string());
    }
    headers
}

//! The bus is not believed: a source signs what its relay sends, and a consumer applies nothing that it did not sign
//! (docs/adr/0032). Ed25519 (RFC 8032); the text that is signed is **Format**.

use std::collections::HashMap;

use async_nats::HeaderMap;
use contracts::names::{KEY_ID_HEADER, SIGNATURE_HEADER};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use eventsourcing::Position;
use uuid::Uuid;

use crate::headers::Labels;

const MESSAGE: &[u8] = b"madoguchi message 1";
const HEARTBEAT: &[u8] = b"madoguchi heartbeat 1";

/// The public keys of a source, by their ids.
pub(crate) type PublicKeys = HashMap<Uuid, VerifyingKey>;

/// What is signed: its kind and its parts, each with its length before it, so that no two read alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement(Vec<u8>);

impl Statement {
    /// Everything a consumer goes by. The subject is the one without the deployment's prefix.
    pub(crate) fn of_message(subject: &str, labels: &Labels, payload: &[u8]) -> Self {
        let previous = labels.previous.map(|previous| previous.to_bytes().to_vec());
        let traceparent = labels.traceparent.as_deref().unwrap_or_default();
        Self::of(&[
            MESSAGE,
            subject.as_bytes(),
            labels.position.cursor.to_bytes().as_ref(),
            &previous.unwrap_or_default(),
            labels.position.event_id.as_uuid().as_bytes(),
            traceparent.as_bytes(),
            payload,
        ])
    }

    /// How far a source has published, if at all.
    pub(crate) fn of_heartbeat(source: &str, published: Option<&Position>) -> Self {
        let cursor = published.map(|position| position.cursor.to_bytes().to_vec());
        let event = published.map(|position| position.event_id.as_uuid().as_bytes().to_vec());
        Self::of(&[
            HEARTBEAT,
            source.as_bytes(),
            &cursor.unwrap_or_default(),
            &event.unwrap_or_default(),
        ])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let bytes: usize = parts.iter().map(|part| part.len() + 8).sum();
        let mut text = Vec::with_capacity(bytes);
        for part in parts {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part);
        }
        Self(text)
    }
}

/// A key that signs; it lives in this process alone.
pub(crate) struct Signer {
    pub(crate) key_id: Uuid,
    key: SigningKey,
}

impl Signer {
    pub(crate) fn generate() -> Self {
        Self {
            key_id: Uuid::from_bytes(rand::random()),
            key: SigningKey::from_bytes(&rand::random()),
        }
    }

    pub(crate) fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Puts the signature into the headers.
    pub(crate) fn sign(&self, statement: &Statement, headers: &mut HeaderMap) {
        let signature = self.key.sign(&statement.0);
        headers.insert(KEY_ID_HEADER, self.key_id.to_string());
        headers.insert(SIGNATURE_HEADER, hex::encode(signature.to_bytes()));
    }
}

/// Why something on the bus is not of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// No signature.
    Unsigned,
    /// A signature, or other headers, that cannot be read.
    Malformed,
    /// Signed, but not this: changed, moved to another subject, or signed by somebody else.
    Altered,
}

impl Forgery {
    /// As stored and shown.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "UNSIGNED",
            Self::Malformed => "MALFORMED",
            Self::Altered => "ALTERED",
        }
    }
}

/// Whose a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authenticity {
    /// Of its source.
    Genuine,
    /// Signed with a key that is not known (any more): it may be genuine, and the feed says what is.
    UnknownKey,
    Forged(Forgery),
}

/// The key that a message names; none where it names none that can be read.
pub(crate) fn key_of(headers: Option<&HeaderMap>) -> Option<Uuid> {
    headers?.get(KEY_ID_HEADER)?.as_str().parse().ok()
}

/// Whether one of the keys has signed the statement, as the headers say.
pub(crate) fn authenticity(headers: &HeaderMap, statement: &Statement, keys: &PublicKeys) -> Authenticity {
    let (Some(key), Some(signature)) = (headers.get(KEY_ID_HEADER), headers.get(SIGNATURE_HEADER)) else {
        return Authenticity::Forged(Forgery::Unsigned);
    };
    let mut bytes = [0; Signature::BYTE_SIZE];
    let (Ok(key), Ok(())) = (
        key.as_str().parse::<Uuid>(),
        hex::decode_to_slice(signature.as_str(), &mut bytes),
    ) else {
        return Authenticity::Forged(Forgery::Malformed);
    };
    let Some(key) = keys.get(&key) else {
        return Authenticity::UnknownKey;
    };
    match key.verify_strict(&statement.0, &Signature::from_bytes(&bytes)) {
        Ok(()) => Authenticity::Genuine,
        Err(_) => Authenticity::Forged(Forgery::Altered),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use eventsourcing::Cursor;
    use kernel::ids::EventId;

    use super::*;

    fn labels() -> Labels {
        Labels {
            position: Position {
                cursor: Cursor::postgres(1, 2, 3),
                event_id: EventId::from_uuid(Uuid::from_u128(4)),
            },
            previous: Some(Cursor::postgres(1, 2, 2)),
            traceparent: Some("00-a-b-01".to_owned()),
        }
    }

    fn keys(signer: &Signer) -> PublicKeys {
        let key = VerifyingKey::from_bytes(&signer.public_key()).unwrap();
        HashMap::from([(signer.key_id, key)])
    }

    #[test]
    fn what_was_signed_is_genuine_and_nothing_of_it_can_be_changed() {
        let signer = Signer::generate();
        let statement = Statement::of_message("a.b", &labels(), b"content");
        let mut headers = HeaderMap::new();
        signer.sign(&statement, &mut headers);
        let judge = |statement| authenticity(&headers, &statement, &keys(&signer));
        assert_eq!(judge(statement), Authenticity::Genuine);
        let other = EventId::from_uuid(Uuid::from_u128(5));
        let changed = [
            ("a.c", labels(), &b"content"[..]),
            ("a.b", labels(), b"contend"),
            ("a.b", labels(), b""),
            (
                "a.b",
                Labels {
                    previous: None,
                    ..labels()
                },
                b"content",
            ),
            (
                "a.b",
                Labels {
                    traceparent: None,
                    ..labels()
                },
                b"content",
            ),
            (
                "a.b",
                Labels {
                    position: Position {
                        event_id: other,
                        ..labels().position
                    },
                    ..labels()
                },
                b"content",
            ),
            (
                "a.b",
                Labels {
                    position: Position {
                        cursor: Cursor::postgres(1, 2, 4),
                        ..labels().position
                    },
                    ..labels()
                },
                b"content",
            ),
        ];
        for (subject, labels, payload) in changed {
            let statement = Statement::of_message(subject, &labels, payload);
            assert_eq!(
                judge(statement),
                Authenticity::Forged(Forgery::Altered),
                "{subject} {labels:?}"
            );
        }
        let beat = Statement::of_heartbeat("a.b", Some(&labels().position));
        assert_eq!(judge(beat), Authenticity::Forged(Forgery::Altered));
    }

    #[test]
    fn whoever_did_not_sign_is_told_from_whoever_is_not_known() {
        let (signer, stranger) = (Signer::generate(), Signer::generate());
        let statement = Statement::of_heartbeat("identity", None);
        let judge = |headers: &HeaderMap| authenticity(headers, &statement, &keys(&signer));
        assert_eq!(judge(&HeaderMap::new()), Authenticity::Forged(Forgery::Unsigned));
        let mut headers = HeaderMap::new();
        stranger.sign(&statement, &mut headers);
        assert_eq!(judge(&headers), Authenticity::UnknownKey);
        // Somebody who signs by himself under a known name.
        headers.insert(KEY_ID_HEADER, signer.key_id.to_string());
        assert_eq!(judge(&headers), Authenticity::Forged(Forgery::Altered));
        headers.insert(SIGNATURE_HEADER, "00");
        assert_eq!(judge(&headers), Authenticity::Forged(Forgery::Malformed));
    }
}

//! `Personal<T>` marks a personal value inside an event and names whose it is (OP-4); `SealedField` is what it
//! becomes in a store. **Format**: the marker keys and the names of a sealed field's parts are stored and sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, SubjectId};

/// JSON key that marks a value not yet sealed: `{"$personal":{"subject":…,"value":…}}`. Never stored.
pub const PERSONAL_MARKER: &str = "$personal";
/// JSON key that marks a sealed value: `{"$sealed":{…}}`.
pub const SEALED_MARKER: &str = "$sealed";
/// JSON key that marks a value whose key was destroyed: `{"$erased":{"subject":…}}`.
pub const ERASED_MARKER: &str = "$erased";

/// One personal value as stored: encrypted under its subject's key and bound to its place. **Format.**
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedField {
    /// The value's place in its domain event, list index included; it travels with copies.
    pub path: String,
    /// Whose value it is.
    pub subject: SubjectId,
    /// The key it was sealed with.
    #[serde(rename = "key")]
    pub key_id: KeyId,
    /// The sealing algorithm's name.
    #[serde(rename = "alg")]
    pub algorithm: String,
    /// The nonce, base64 in JSON.
    #[serde(with = "base64_text")]
    pub nonce: Vec<u8>,
    /// The ciphertext, base64 in JSON; empty when the value was erased before it was written.
    #[serde(rename = "ct", with = "base64_text")]
    pub ciphertext: Vec<u8>,
}

impl fmt::Debug for SealedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedField")
            .field("path", &self.path)
            .field("subject", &self.subject)
            .field("key_id", &self.key_id)
            .field("ciphertext_bytes", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

/// A personal value with its subject.
///
/// `Serialize` emits the plaintext of a known value, on purpose and for the sealing codec alone: it turns every
/// [`PERSONAL_MARKER`] into a [`SEALED_MARKER`] before anything is stored. `Debug` never shows the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Personal<T> {
    /// The value can be read.
    #[serde(rename = "$personal")]
    Known {
        /// Whose value it is.
        subject: SubjectId,
        /// The value in plaintext.
        value: T,
    },
    /// The value is sealed and was not opened here (a copy on its way).
    #[serde(rename = "$sealed")]
    Sealed(SealedField),
    /// The subject's key is gone; the value can never be read again.
    #[serde(rename = "$erased")]
    Erased {
        /// Whose value it was.
        subject: SubjectId,
    },
}

impl<T> Personal<T> {
    /// A readable value of `subject`.
    pub const fn new(subject: SubjectId, value: T) -> Self {
        Self::Known { subject, value }
    }

    /// Whose value it is.
    pub const fn subject(&self) -> SubjectId {
        match self {
            Self::Known { subject, .. } | Self::Erased { subject } => *subject,
            Self::Sealed(field) => field.subject,
        }
    }

    /// The value, where it can be read; the caller says what happens where it cannot.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Sealed(_) | Self::Erased { .. } => None,
        }
    }

    /// The value itself, where it can be read.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Sealed(_) | Self::Erased { .. } => None,
        }
    }

    /// The same marker around another view of the value. A sealed field keeps its content, which is of the old type:
    /// map before sealing or after opening.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Personal<U> {
        match self {
            Self::Known { subject, value } => Personal::Known {
                subject,
                value: change(value),
            },
            Self::Sealed(field) => Personal::Sealed(field),
            Self::Erased { subject } => Personal::Erased { subject },
        }
    }

    /// The same marker around a borrow of the value.
    pub fn as_ref(&self) -> Personal<&T> {
        match self {
            Self::Known { subject, value } => Personal::Known {
                subject: *subject,
                value,
            },
            Self::Sealed(field) => Personal::Sealed(field.clone()),
            Self::Erased { subject } => Personal::Erased { subject: *subject },
        }
    }

    /// Whether the value was erased: its key is gone, or it was written without content.
    pub fn is_erased(&self) -> bool {
        match self {
            Self::Known { .. } => false,
            Self::Sealed(field) => field.ciphertext.is_empty(),
            Self::Erased { .. } => true,
        }
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self {
            Self::Known { .. } => "<personal>",
            Self::Sealed(_) => "<sealed>",
            Self::Erased { .. } => "<erased>",
        };
        write!(f, "Personal({}, {state})", self.subject())
    }
}

/// Bytes as standard base64 with padding.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn subject() -> SubjectId {
        SubjectId::from_uuid(Uuid::from_u128(7))
    }

    fn sealed() -> SealedField {
        SealedField {
            path: "/phones/0/number".into(),
            subject: subject(),
            key_id: KeyId::from_uuid(Uuid::from_u128(8)),
            algorithm: "XC20P".into(),
            nonce: vec![0, 255],
            ciphertext: vec![1, 2, 3],
        }
    }

    #[test]
    fn op_4_each_state_has_the_stored_form_that_the_codec_knows() {
        let id = "00000000-0000-0000-0000-000000000007";
        let known = Personal::new(subject(), "山田".to_owned());
        let forms = [
            (known, json!({PERSONAL_MARKER: {"subject": id, "value": "山田"}})),
            (
                Personal::Sealed(sealed()),
                json!({SEALED_MARKER: {
                    "path": "/phones/0/number", "subject": id,
                    "key": "00000000-0000-0000-0000-000000000008", "alg": "XC20P", "nonce": "AP8=", "ct": "AQID",
                }}),
            ),
            (
                Personal::Erased { subject: subject() },
                json!({ERASED_MARKER: {"subject": id}}),
            ),
        ];
        for (value, form) in forms {
            assert_eq!(serde_json::to_value(&value).unwrap(), form);
            assert_eq!(
                serde_json::from_value::<Personal<String>>(form.clone()).unwrap(),
                value
            );
            let text = serde_json::to_string(&form).unwrap();
            assert_eq!(serde_json::from_str::<Personal<String>>(&text).unwrap(), value);
        }
    }

    #[test]
    fn op_4_debug_never_shows_the_value() {
        let shown = format!("{:?}", Personal::new(subject(), "山田".to_owned()));
        assert_eq!(
            shown,
            "Personal(00000000-0000-0000-0000-000000000007, <personal>)"
        );
        assert!(!format!("{:?}", sealed()).contains("AQID"));
    }

    #[test]
    fn only_a_known_value_can_be_read() {
        assert_eq!(Personal::new(subject(), 1).map(|n| n + 1).known(), Some(&2));
        assert_eq!(Personal::<u8>::Sealed(sealed()).known(), None);
        assert!(!Personal::<u8>::Sealed(sealed()).is_erased());
        assert!(
            Personal::<u8>::Sealed(SealedField {
                ciphertext: vec![],
                ..sealed()
            })
            .is_erased()
        );
        assert!(Personal::<u8>::Erased { subject: subject() }.is_erased());
    }

    #[test]
    fn broken_base64_is_refused() {
        let mut form = serde_json::to_value(Personal::<u8>::Sealed(sealed())).unwrap();
        form[SEALED_MARKER]["ct"] = json!("***");
        assert!(serde_json::from_value::<Personal<u8>>(form).is_err());
    }
}

//! Stream names (docs/adr/0001, Format): `<service>.<category>-<id>`, so that one shared store can serve all services
//! by prefix. A name holds no personal value: the id is a typed id or a keyed hash, never what a person typed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Length of a hyphenated UUID, which is how every stream name ends.
const ID_LENGTH: usize = 36;

/// The name of one aggregate's stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName {
    service: Cow<'static, str>,
    category: Cow<'static, str>,
    id: Uuid,
}

/// A text that is no stream name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no stream name of the form <service>.<category>-<uuid>")]
pub struct StreamNameError(String);

impl StreamName {
    /// The stream of the aggregate `id` of `category` in `service`.
    pub const fn new(service: &'static str, category: &'static str, id: Uuid) -> Self {
        Self {
            service: Cow::Borrowed(service),
            category: Cow::Borrowed(category),
            id,
        }
    }

    /// The service that owns the stream.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The kind of aggregate, as in [`decider::Decider::CATEGORY`].
    pub fn category(&self) -> &str {
        &self.category
    }

    /// The aggregate's id.
    pub const fn id(&self) -> Uuid {
        self.id
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}-{}", self.service, self.category, self.id.hyphenated())
    }
}

impl FromStr for StreamName {
    type Err = StreamNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || StreamNameError(text.to_owned());
        let split = text
            .len()
            .checked_sub(ID_LENGTH)
            .filter(|at| text.is_char_boundary(*at))
            .ok_or_else(error)?;
        let (kind, id) = text.split_at(split);
        let (service, category) = kind
            .strip_suffix('-')
            .and_then(|kind| kind.split_once('.'))
            .ok_or_else(error)?;
        let parsed = Uuid::try_parse(id).map_err(|_| error())?;
        // One aggregate has one name: only the canonical spelling is read.
        if !is_word(service) || !is_word(category) || parsed.hyphenated().to_string() != id {
            return Err(error());
        }
        Ok(Self {
            service: Cow::Owned(service.to_owned()),
            category: Cow::Owned(category.to_owned()),
            id: parsed,
        })
    }
}

impl TryFrom<String> for StreamName {
    type Error = StreamNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.to_string()
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

    #[test]
    fn a_name_reads_back_as_it_was_written_also_with_dashes_in_the_service() {
        let name = StreamName::new("phone-verification", "challenge", ID);
        assert_eq!(
            name.to_string(),
            "phone-verification.challenge-01234567-89ab-cdef-0123-456789abcdef"
        );
        assert_eq!(name.to_string().parse::<StreamName>().unwrap(), name);
        assert_eq!(
            (name.service(), name.category(), name.id()),
            ("phone-verification", "challenge", ID)
        );
    }

    #[test]
    fn a_name_is_kept_as_its_text() {
        let name = StreamName::new("claim-images", "image_upload2", ID);
        let json = serde_json::to_value(&name).unwrap();
        assert_eq!(json, serde_json::Value::String(name.to_string()));
        assert_eq!(serde_json::from_value::<StreamName>(json).unwrap(), name);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "challenge",
            "identity.account",
            "identity.account-",
            "identity.account-0123456789abcdef0123456789abcdef",
            "identity.account-01234567-89AB-cdef-0123-456789abcdef",
            "identityaccount-01234567-89ab-cdef-0123-456789abcdef",
            ".account-01234567-89ab-cdef-0123-456789abcdef",
            "identity.-01234567-89ab-cdef-0123-456789abcdef",
            "Identity.account-01234567-89ab-cdef-0123-456789abcdef",
            "窓口",
        ] {
            assert!(
                text.parse::<StreamName>().is_err(),
                "{text:?} was read as a stream name"
            );
        }
    }
}

//! E-mail addresses as customers in Japan have them (ID-19): the carriers' old addresses with `..` and `.@` are
//! accepted on purpose; what could never be delivered is refused. That it works is proved by a code, not here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::UnicodeNormalization as _;

use crate::marks;

/// Most bytes of an address (RFC 5321, errata 1690).
pub const MAX_BYTES: usize = 254;

/// An e-mail address. Two addresses are the same customer's if their [`EmailAddress::match_key`]s are equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    entered: String,
    address: String,
}

/// Why a text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing was typed.
    #[error("the e-mail address is empty")]
    Empty,
    /// More than [`MAX_BYTES`].
    #[error("the e-mail address is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// The part before the `@` is missing, too long, or has a character no mailbox has.
    #[error("the part before the @ is not valid")]
    Mailbox,
    /// The part after the `@` is missing or no domain name.
    #[error("the part after the @ is not valid")]
    Domain,
}

impl EmailAddress {
    /// Reads an address as people type it: full width is folded (NFKC), surrounding space dropped.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let folded: String = text.nfkc().collect();
        let address = folded.trim_matches(marks::is_blank);
        if address.is_empty() {
            return Err(EmailError::Empty);
        }
        if address.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let (mailbox, domain) = address.rsplit_once('@').ok_or(EmailError::Domain)?;
        if !is_mailbox(mailbox) {
            return Err(EmailError::Mailbox);
        }
        if !is_domain(domain) {
            return Err(EmailError::Domain);
        }
        Ok(Self {
            entered: text.to_owned(),
            address: address.to_owned(),
        })
    }

    /// The address mail is sent to.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// What was typed, byte for byte.
    pub fn as_entered(&self) -> &str {
        &self.entered
    }

    /// The key to compare by: lower case, although a mailbox may in theory mind its case.
    pub fn match_key(&self) -> String {
        self.address.to_ascii_lowercase()
    }
}

/// Dots may stand anywhere (ID-19: old addresses of Japanese carriers), but not alone.
fn is_mailbox(mailbox: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-.".contains(&b);
    (1..=64).contains(&mailbox.len()) && mailbox.bytes().all(allowed) && mailbox.bytes().any(|b| b != b'.')
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((_, top)) = domain.rsplit_once('.') else {
        return false;
    };
    domain.split('.').all(is_label) && top.len() >= 2 && top.starts_with(|c: char| c.is_ascii_alphabetic())
}

impl FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        Self::parse(text)
    }
}

/// Masked: an address is personal, and debug output ends in logs.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.entered)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn id_19_the_carriers_old_addresses_are_accepted() {
        for text in [
            "a..b@docomo.ne.jp",
            "hana.@ezweb.ne.jp",
            ".x@softbank.ne.jp",
            "taro+web@example.co.jp",
        ] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn full_width_is_folded_and_what_was_typed_is_kept() {
        let email = EmailAddress::parse(" Ｔａｒｏ＠Example.ＪＰ").unwrap();
        assert_eq!(email.as_str(), "Taro@Example.JP");
        assert_eq!(email.as_entered(), " Ｔａｒｏ＠Example.ＪＰ");
        assert_eq!(email.match_key(), "taro@example.jp");
        let json = serde_json::to_string(&email).unwrap();
        assert_eq!(serde_json::from_str::<EmailAddress>(&json).unwrap(), email);
    }

    #[test]
    fn what_can_never_be_delivered_is_refused() {
        let refused = [
            ("", EmailError::Empty),
            ("taro", EmailError::Domain),
            ("@example.jp", EmailError::Mailbox),
            (".@example.jp", EmailError::Mailbox),
            ("ta ro@example.jp", EmailError::Mailbox),
            ("a@b@example.jp", EmailError::Mailbox),
            ("太郎@example.jp", EmailError::Mailbox),
            ("taro@example", EmailError::Domain),
            ("taro@example..jp", EmailError::Domain),
            ("taro@-example.jp", EmailError::Domain),
            ("taro@192.0.2.1", EmailError::Domain),
        ];
        for (text, error) in refused {
            assert_eq!(EmailAddress::parse(text), Err(error), "{text}");
        }
        let long = format!("a@{}.jp", "a.".repeat(130));
        assert_eq!(EmailAddress::parse(&long), Err(EmailError::TooLong));
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(
            format!("{:?}", EmailAddress::parse("taro@example.jp").unwrap()),
            "EmailAddress(…)"
        );
    }

    proptest! {
        #[test]
        fn an_address_read_again_is_the_same(text in "[ -~＠Ａａ．]{0,20}@[a-z.＠-]{0,12}") {
            if let Ok(email) = EmailAddress::parse(&text) {
                prop_assert_eq!(EmailAddress::parse(email.as_str()).unwrap().match_key(), email.match_key());
            }
        }
    }
}

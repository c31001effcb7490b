//! Hashes kept instead of secrets. They print nothing, are 32 bytes, and lower-case hexadecimal in events.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! hash {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the hash as computed outside the domain.
            pub const fn new(hash: [u8; 32]) -> Self {
                Self(hash)
            }

            /// The hash, for comparing in constant time.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&hex::encode(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                let mut hash = [0; 32];
                hex::decode_to_slice(text.as_bytes(), &mut hash).map_err(de::Error::custom)?;
                Ok(Self(hash))
            }
        }
    )+};
}

hash! {
    /// HMAC under the service's pepper: of a strong code, of an imported row.
    KeyedHash;
    /// HMAC under the service's pepper of a refresh token's secret (ID-16).
    TokenHash;
    /// Argon2id, keyed with the service's pepper: of a password, of a weak code.
    SlowHash;
}

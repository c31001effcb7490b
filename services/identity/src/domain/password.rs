//! Passwords (ID-14): which are accepted, and what is kept of one. Hashing itself costs time and memory and happens
//! outside the domain.

use rulebook::PasswordRules;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::SlowHash;

/// Passwords that everyone tries first, one a line, lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// A part of an e-mail address or number shorter than this is found in too many good passwords.
const SHORTEST_PART: usize = 4;

/// What Argon2id costs: memory in KiB, passes, lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashCost {
    pub m_kib: u32,
    pub t: u32,
    pub p: u32,
}

impl HashCost {
    /// The least a password is hashed with (ID-14): 19 MiB, two passes, one lane.
    pub const MINIMUM: Self = Self {
        m_kib: 19_456,
        t: 2,
        p: 1,
    };
}

/// What is kept of a password: Argon2id over it, with its salt and cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    /// The cost it was computed at.
    #[serde(flatten)]
    pub cost: HashCost,
    /// 16 bytes.
    pub salt: Salt,
    pub hash: SlowHash,
}

/// A salt of 16 bytes, lower-case hexadecimal in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl Serialize for Salt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let mut salt = [0; 16];
        hex::decode_to_slice(text.as_bytes(), &mut salt).map_err(serde::de::Error::custom)?;
        Ok(Self(salt))
    }
}

/// A password as it is hashed: NFC, so that one keyboard's composed and another's decomposed letters are the same.
/// A secret: prints nothing, wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// What was typed at a login, whatever it is. Cut at a length no password has, so that normalising stays cheap.
    pub fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.chars().take(1024).nfc().collect()))
    }

    /// A new password, checked by ID-14. `forbidden` are the policy number, the initial user ID and the e-mail address.
    pub fn chosen(
        text: &str,
        rules: &PasswordRules,
        second_factor: bool,
        forbidden: &[&str],
    ) -> Result<Self, WeakPassword> {
        let password = Self::typed(text);
        password.check(rules, second_factor, forbidden).map(|()| password)
    }

    /// Whether it contains one of these, read without case and dashes.
    pub fn contains_one_of(&self, parts: &[&str]) -> bool {
        let folded = fold(&self.0);
        parts
            .iter()
            .map(|part| fold(part))
            .any(|part| part.chars().count() >= SHORTEST_PART && folded.contains(part.as_str()))
    }

    /// The bytes that are hashed.
    pub fn reveal(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn check(
        &self,
        rules: &PasswordRules,
        second_factor: bool,
        forbidden: &[&str],
    ) -> Result<(), WeakPassword> {
        let chars = u32::try_from(self.0.chars().count()).unwrap_or(u32::MAX);
        let min = rules.min_chars(second_factor);
        let lower = Zeroizing::new(self.0.to_lowercase());
        if chars < min {
            Err(WeakPassword::TooShort { min })
        } else if chars > rules.max_chars {
            Err(WeakPassword::TooLong { max: rules.max_chars })
        } else if COMMON.lines().any(|common| common == lower.as_str()) {
            Err(WeakPassword::Common)
        } else if self.contains_one_of(forbidden) {
            Err(WeakPassword::Personal)
        } else {
            Ok(())
        }
    }
}

fn fold(text: &str) -> Zeroizing<String> {
    Zeroizing::new(
        text.nfkc()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect(),
    )
}

/// Why a password is refused (ID-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer characters than the rulebook asks for.
    #[error("the password has fewer than {min} characters")]
    TooShort { min: u32 },
    /// More than anybody types.
    #[error("the password has more than {max} characters")]
    TooLong { max: u32 },
    /// Everyone tries it first.
    #[error("the password is a common one")]
    Common,
    /// It contains the policy number or the e-mail address.
    #[error("the password contains the policy number or the e-mail address")]
    Personal,
}

impl WeakPassword {
    /// The reason told to the caller.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "PASSWORD_TOO_SHORT",
            Self::TooLong { .. } => "PASSWORD_TOO_LONG",
            Self::Common => "PASSWORD_COMMON",
            Self::Personal => "PASSWORD_CONTAINS_PERSONAL",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const RULES: PasswordRules = PasswordRules {
        min_chars_with_second_factor: 8,
        min_chars_alone: 15,
        max_chars: 128,
    };

    fn check(text: &str, second_factor: bool) -> Result<(), WeakPassword> {
        Password::chosen(text, &RULES, second_factor, &["AB12345678", "taro.yamada"]).map(|_| ())
    }

    #[test]
    fn id_14_length_depends_on_the_second_factor() {
        assert_eq!(
            check("ぱすわーど八字", true),
            Err(WeakPassword::TooShort { min: 8 })
        );
        assert_eq!(check("ぱすわーど八文字", true), Ok(()));
        assert_eq!(
            check("fourteen chars", false),
            Err(WeakPassword::TooShort { min: 15 })
        );
        assert_eq!(check("fifteen chars !", false), Ok(()));
        assert_eq!(check(&"長い".repeat(64), true), Ok(()));
        assert_eq!(
            check(&"長い".repeat(65), true),
            Err(WeakPassword::TooLong { max: 128 })
        );
    }

    #[test]
    fn id_14_no_composition_is_asked_for() {
        assert_eq!(check("correct horse battery staple", true), Ok(()));
        assert_eq!(check("        !", true), Ok(()));
    }

    #[test]
    fn id_14_common_passwords_are_refused_in_any_case() {
        for text in ["password", "PassWord1", "12345678", "qwertyuiop"] {
            assert_eq!(check(text, true), Err(WeakPassword::Common), "{text}");
        }
        assert!(COMMON.lines().count() >= 200);
        assert!(
            COMMON
                .lines()
                .all(|line| line == line.trim().to_lowercase() && !line.is_empty())
        );
    }

    #[test]
    fn id_14_policy_number_and_address_are_refused_however_written() {
        assert_eq!(check("my-ab12345678!", true), Err(WeakPassword::Personal));
        assert_eq!(check("xx AB-1234-5678", true), Err(WeakPassword::Personal));
        assert_eq!(check("Taro.Yamada#1", true), Err(WeakPassword::Personal));
        assert_eq!(
            Password::chosen("axolotl garden", &RULES, true, &["ax"]).map(|_| ()),
            Ok(())
        );
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same_password() {
        assert_eq!(
            Password::typed("か\u{3099}").reveal(),
            Password::typed("が").reveal()
        );
        assert_eq!(format!("{:?}", Password::typed("secret")), "Password(…)");
    }
}

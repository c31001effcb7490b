//! What is kept of an initial password or procedure code (ID-4, ID-8): nothing of a masked one, a keyed hash of one
//! that cannot be guessed, Argon2id of a weaker one.

use kernel::initial_code::InitialCode;
use serde::{Deserialize, Serialize};

use super::{KeyedHash, PasswordHash};

/// Random bits from which on guessing is hopeless and a keyed hash is enough (ID-8).
pub const STRONG_BITS: f64 = 60.0;

/// How a typed code is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeVerifier {
    /// The paper shows asterisks: nothing can be typed that is right (ID-4).
    Masked,
    /// At least 60 random bits: a keyed hash.
    Keyed(KeyedHash),
    /// A weaker code: Argon2id.
    Slow(PasswordHash),
}

/// Whether a code of this length over this alphabet has at least 60 bits when it was drawn at random.
pub fn is_strong(code: &InitialCode) -> bool {
    let text = code.reveal();
    let has = |is_in: fn(char) -> bool| text.chars().any(is_in);
    let classes = [
        (has(|c| c.is_ascii_digit()), 10_u8),
        (has(|c| c.is_ascii_uppercase()), 26),
        (has(|c| c.is_ascii_lowercase()), 26),
        (has(|c| !c.is_ascii_alphanumeric()), 32),
    ];
    let alphabet: u8 = classes
        .iter()
        .filter(|(used, _)| *used)
        .map(|(_, size)| size)
        .sum();
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    f64::from(length) * f64::from(alphabet).log2() >= STRONG_BITS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn id_8_sixty_random_bits_divide_weak_codes_from_strong_ones() {
        for (code, strong) in [
            ("123456", false),
            ("00000000000000000", false),
            ("000000000000000000000", true),
            ("ABCD-EFGH-JKLM", false),
            ("ABCD2EFGH3JK", true),
            ("aB3dE5gH7jK", true),
            ("aB3dE5gH7j", false),
        ] {
            assert_eq!(is_strong(&InitialCode::parse(code).unwrap()), strong, "{code}");
        }
    }

    #[test]
    fn a_verifier_prints_no_hash() {
        assert_eq!(
            format!("{:?}", CodeVerifier::Keyed(KeyedHash::new([7; 32]))),
            "Keyed(KeyedHash(…))"
        );
    }
}

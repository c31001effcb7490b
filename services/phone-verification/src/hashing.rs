//! Keyed hashes under the service's pepper: how caller numbers and calls are named without being told.
//! **Format**: purposes and layouts are stored in events and stream names.

use kernel::PhoneNumber;
use privacy::Pepper;

use crate::domain::{CallId, NumberHash};

/// The keyed hash of a caller number.
pub fn number_hash(pepper: &Pepper, number: &PhoneNumber) -> NumberHash {
    NumberHash::from_bytes(pepper.hash("caller-number", number.as_e164().as_bytes()))
}

/// The id of a call: its trunk (with its length before it, so that no two pairs read alike) and its id there.
pub fn call_id(pepper: &Pepper, trunk: &str, id_on_trunk: &str) -> CallId {
    let length = u64::try_from(trunk.len()).unwrap_or(u64::MAX).to_be_bytes();
    let name = [&length[..], trunk.as_bytes(), id_on_trunk.as_bytes()].concat();
    CallId::from_uuid(pepper.id("call", &name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn trunk_and_call_id_do_not_run_into_each_other() {
        let pepper = Pepper::from_hex(&"01".repeat(32)).unwrap();
        assert_eq!(call_id(&pepper, "a", "bc"), call_id(&pepper, "a", "bc"));
        assert_ne!(call_id(&pepper, "a", "bc"), call_id(&pepper, "ab", "c"));
    }

    #[test]
    fn pv_5_one_number_has_one_hash_however_it_is_written() {
        let pepper = Pepper::from_hex(&"01".repeat(32)).unwrap();
        let hash = |text| number_hash(&pepper, &PhoneNumber::parse(text).unwrap());
        assert_eq!(hash("０９０－１２３４－５６７８"), hash("+81 (0)90 1234 5678"));
        assert_eq!(hash("186 090 1234 5678"), hash("09012345678"));
        assert_ne!(hash("09012345678"), hash("09012345679"));
    }
}

//! Device tokens (ID-10, docs/adr/0034): what a device that completed a login keeps, so that strangers who guess at the same
//! name do not stop it. No login by itself, and no person: it names the account by a keyed hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use kernel::{AccountId, Timestamp};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::random;
use crate::secrets::Secrets;

/// How long a device token is good.
pub const DEVICE_LIFE: SignedDuration = SignedDuration::from_hours(180 * 24);

/// **Format**: version, device id, keyed hash of the account, expiry in seconds, mark.
const VERSION: u8 = 1;
const MARK: usize = 16;

/// A token for a new device of an account.
pub fn issue(secrets: &Secrets, account: AccountId, now: Timestamp) -> String {
    let expires_at = now.checked_add(DEVICE_LIFE).unwrap_or(Timestamp::MAX);
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(random::id().as_bytes());
    bytes.extend_from_slice(secrets.device_account(account).as_bytes());
    bytes.extend_from_slice(&expires_at.as_second().to_be_bytes());
    let mark = secrets.device_mark(&bytes);
    bytes.extend_from_slice(&mark[..MARK]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The device, if the token is ours, of this account and still good. Any other one is as none.
pub fn device(secrets: &Secrets, account: AccountId, token: &str, now: Timestamp) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (marked, mark) = bytes.split_last_chunk::<MARK>()?;
    if !bool::from(secrets.device_mark(marked)[..MARK].ct_eq(mark)) {
        return None;
    }
    let (version, rest) = marked.split_first_chunk::<1>()?;
    let (device, rest) = rest.split_first_chunk::<16>()?;
    let (of, expires_at) = rest.split_first_chunk::<16>()?;
    let expires_at: &[u8; 8] = expires_at.try_into().ok()?;
    let good = *version == [VERSION]
        && bool::from(secrets.device_account(account).as_bytes().ct_eq(of))
        && now.as_second() < i64::from_be_bytes(*expires_at);
    good.then(|| Uuid::from_bytes(*device))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use privacy::Pepper;

    use super::*;

    #[test]
    fn id_10_a_wrong_foreign_or_expired_device_token_is_as_none() {
        let secrets = Secrets::new(Pepper::from_hex(&"0f".repeat(32)).unwrap());
        let others = Secrets::new(Pepper::from_hex(&"1f".repeat(32)).unwrap());
        let account = |number| AccountId::from_uuid(Uuid::from_u128(number));
        let now: Timestamp = "2026-11-18T03:00:00Z".parse().unwrap();
        let token = issue(&secrets, account(1), now);
        let known = device(&secrets, account(1), &token, now);
        assert!(known.is_some());
        assert_ne!(
            device(&secrets, account(1), &issue(&secrets, account(1), now), now),
            known
        );

        let later = now + DEVICE_LIFE;
        assert_eq!(device(&secrets, account(1), &token, later), None);
        assert_eq!(device(&secrets, account(2), &token, now), None);
        assert_eq!(device(&others, account(1), &token, now), None);
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(device(&secrets, account(1), &changed, now), None, "{place}");
        }
        assert_eq!(device(&secrets, account(1), "", now), None);
    }
}

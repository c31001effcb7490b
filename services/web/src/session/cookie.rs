//! The session's cookie: 256 random bits that nothing else knows. `__Host-` keeps other hosts and paths from setting it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::problem::Problem;

/// Of customers; the back office's has another name.
pub(crate) const CUSTOMER_COOKIE: &str = "__Host-session";

/// What identity knows this browser by at the next login (ID-10). It outlives sessions and logouts, and is no login by itself.
pub(crate) const DEVICE_COOKIE: &str = "__Host-device";
/// Half a year, as long as identity takes it.
const DEVICE_LIFE_S: u32 = 180 * 24 * 60 * 60;

const BYTES: usize = 32;

/// What a cookie holds.
#[derive(Clone)]
pub(super) struct CookieSecret(Zeroizing<[u8; BYTES]>);

impl CookieSecret {
    pub(super) fn random() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// As a browser sends it; `None` for what we never set.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// What names the row.
    pub(super) fn row(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }

    fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }
}

/// `Set-Cookie` of a session. Without an age: it ends with the browser, and the row by its own times.
pub(super) fn set(secret: &CookieSecret) -> Result<HeaderValue, Problem> {
    let text = secret.text();
    set_cookie(CUSTOMER_COOKIE, &text, "HttpOnly; SameSite=Lax")
}

/// `Set-Cookie` of any cookie of ours.
pub(crate) fn set_cookie(name: &str, value: &str, more: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Secure; {more}")).map_err(Problem::internal)
}

/// `Set-Cookie` of the device.
pub(crate) fn device_cookie(token: &str) -> Result<HeaderValue, Problem> {
    let more = format!("HttpOnly; SameSite=Lax; Max-Age={DEVICE_LIFE_S}");
    set_cookie(DEVICE_COOKIE, token, &more)
}

/// `Set-Cookie` that takes the session's cookie away.
pub(crate) fn expired_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_cookie_has_256_bits_and_is_out_of_reach_of_scripts_and_other_hosts() {
        let secret = CookieSecret::random();
        let header = set(&secret).unwrap();
        let header = header.to_str().unwrap();
        for part in [
            "__Host-session=",
            "; Path=/",
            "; Secure",
            "; HttpOnly",
            "; SameSite=Lax",
        ] {
            assert!(header.contains(part), "{header}");
        }
        assert!(!header.contains("Domain"), "{header}");
        let read = CookieSecret::parse(&secret.text()).unwrap();
        assert_eq!((read.bytes().len() * 8, read.row()), (256, secret.row()));
        assert!(CookieSecret::parse("short").is_none());
        assert!(expired_cookie().to_str().unwrap().starts_with(CUSTOMER_COOKIE));
    }
}

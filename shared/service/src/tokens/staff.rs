//! The insurer's OIDC provider signs for all of the insurer's applications: which of its tokens are meant for us (docs/adr/0007).

use std::time::Duration;

use jsonwebtoken::{Header, jwk::JwkSet};

use super::claims::{ISSUED_AHEAD_S, StaffClaims};
use super::refused::TokenRefused;

/// How long a staff token may be good, where no setting says otherwise.
pub(crate) const MAX_LIFE: Duration = Duration::from_hours(12);
/// The kinds that a provider's access tokens say they are (RFC 9068, RFC 7519).
pub(crate) const KINDS: [&str; 2] = ["at+jwt", "JWT"];

/// The provider, and what its tokens have to say (`[tokens] staff_…`).
pub(crate) struct StaffIssuer {
    pub(crate) issuer: String,
    pub(crate) keys: JwkSet,
    pub(crate) audience: String,
    /// Accepted values of the header `typ`.
    pub(crate) kinds: Vec<String>,
    pub(crate) max_life: Duration,
}

impl StaffIssuer {
    /// Whether a token that the provider signed is for us and good at this second of the Unix epoch.
    pub(crate) fn admit(
        &self,
        header: &Header,
        claims: &StaffClaims,
        now_s: i64,
    ) -> Result<(), TokenRefused> {
        let latest_s = now_s.saturating_add(ISSUED_AHEAD_S);
        let life_s = u64::try_from(claims.exp.saturating_sub(claims.iat)).unwrap_or(0);
        let wrong = if claims.iss != self.issuer {
            Some("issuer")
        } else if !self.kinds.iter().any(|kind| is_kind(header, kind)) {
            Some("typ")
        } else if !claims.aud.names(&self.audience) {
            Some("audience")
        } else if claims.iat > latest_s {
            Some("issued at")
        } else if claims.nbf.is_some_and(|not_before| not_before > latest_s) {
            Some("not before")
        } else if life_s > self.max_life.as_secs() {
            Some("life")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            // Signed by the provider: its settings or ours are wrong, or it is another application's.
            tracing::info!(wrong, "a staff token was refused");
            return Err(TokenRefused::Invalid);
        }
        if now_s >= claims.exp {
            return Err(TokenRefused::Expired);
        }
        Ok(())
    }
}

/// A media type: letter case does not count, nor does the `application/` that may be left out (RFC 7515, section 4.1.9).
fn is_kind(header: &Header, kind: &str) -> bool {
    let said = header.typ.as_deref().unwrap_or_default();
    let said = match said.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => said,
    };
    said.eq_ignore_ascii_case(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_read_as_a_media_type() {
        let is = |said: Option<&str>, kind| {
            let header = Header {
                typ: said.map(str::to_owned),
                ..Header::default()
            };
            is_kind(&header, kind)
        };
        assert!(is(Some("at+jwt"), "at+jwt"));
        assert!(is(Some("application/AT+JWT"), "at+jwt"));
        assert!(is(Some("jwt"), "JWT"));
        assert!(
            is(None, ""),
            "a provider that names none, where the setting says so"
        );
        for (said, kind) in [
            (None, "JWT"),
            (Some("id+jwt"), "JWT"),
            (Some("application/"), "JWT"),
            (Some("日本語日本語"), "JWT"),
        ] {
            assert!(!is(said, kind), "{said:?}");
        }
    }
}

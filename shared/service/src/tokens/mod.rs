//! Bearer tokens: their claims (docs/adr/0007, Format), issuing them (identity; the local staff issuer of
//! development) and verifying them (every service). Expiry goes by the Clock, so that tests move it.

pub(crate) mod caller;
pub(crate) mod certificate;
pub(crate) mod claims;
pub(crate) mod keys;
mod known_keys;
pub(crate) mod peers;
mod refused;
pub(crate) mod staff;
pub(crate) mod verifier;

pub use claims::{
    ACCESS_AUDIENCE, AccessClaims, Audience, CUSTOMER_ISSUER, IssueError, LOGIN_AUDIENCE, LONGEST_TOKEN_LIFE,
    LoginClaims, StaffClaims, issue_access, issue_login, issue_staff,
};
pub use keys::{KeySource, KeySourceError};
pub use known_keys::KEYS_FRESH;
pub use refused::TokenRefused;
pub use verifier::{LoginToken, TokenVerifier};

//! Bearer tokens: their claims (docs/adr/0007, Format), issuing them (identity; the local staff issuer of
//! development) and verifying them (every service). Expiry goes by the Clock, so that tests move it.

mod claims;
mod keys;
mod verifier;

pub use claims::{
    ACCESS_AUDIENCE, AccessClaims, CUSTOMER_ISSUER, IssueError, LOGIN_AUDIENCE, LoginClaims, StaffClaims,
    issue_access, issue_login, issue_staff,
};
pub(crate) use keys::IdentityKeys;
pub use keys::{KeySource, KeySourceError};
pub(crate) use verifier::StaffIssuer;
pub use verifier::{LoginToken, TokenRefused, TokenVerifier};

//! Staff tokens for development and tests, where the insurer's identity provider is not at hand. A library alone: no
//! service of ours issues them, and nothing of this is reachable over the network.

use jsonwebtoken::jwk::JwkSet;
use kernel::Timestamp;
use service::Role;
use service::tokens::{IssueError, StaffClaims, issue_staff};

use crate::signing::{KeyError, Signer};

/// An issuer with its key.
#[derive(Debug)]
pub struct StaffIssuer {
    issuer: String,
    signer: Signer,
}

impl StaffIssuer {
    /// An issuer of this name (`tokens.staff_issuer` of the services) with a private Ed25519 key in PKCS #8 PEM.
    pub fn new(issuer: impl Into<String>, pem: &str) -> Result<Self, KeyError> {
        Ok(Self {
            issuer: issuer.into(),
            signer: Signer::from_pem(pem)?,
        })
    }

    /// The key set the services verify by (`tokens.staff_jwks_file`).
    pub fn key_set(&self) -> Result<JwkSet, KeyError> {
        self.signer.key_set(&[])
    }

    /// A token for a member of staff, good for `valid_s` seconds from `now`.
    pub fn issue(
        &self,
        id: &str,
        roles: &[Role],
        now: Timestamp,
        valid_s: i64,
    ) -> Result<String, IssueError> {
        let claims = StaffClaims {
            iss: self.issuer.clone(),
            sub: id.to_owned(),
            roles: roles.iter().map(|role| role_name(*role).to_owned()).collect(),
            iat: now.as_second(),
            exp: now.as_second().saturating_add(valid_s),
        };
        issue_staff(self.signer.id(), self.signer.key(), &claims)
    }
}

/// The role as staff tokens name it.
const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Adjuster => "adjuster",
        Role::Supervisor => "supervisor",
        Role::CallCentre => "call_centre",
        Role::Administrator => "administrator",
    }
}

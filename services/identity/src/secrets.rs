//! Keyed hashes under the service's pepper: what stands in stores instead of user IDs, codes and tokens. Each purpose
//! has its own name, so that no hash means anything elsewhere. **Format**: stream names and stored verifiers rest on it.

use kernel::initial_code::InitialCode;
use kernel::{AccountId, ContractId, EmailAddress, PolicyNumber, SubjectId};
use privacy::Pepper;
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::domain::password::Salt;
use crate::domain::{CodeVerifier, KeyedHash, ReservationId, TokenHash};

/// The service's keyed hashes.
#[derive(Debug, Clone)]
pub struct Secrets {
    pepper: Pepper,
}

impl Secrets {
    pub const fn new(pepper: Pepper) -> Self {
        Self { pepper }
    }

    /// Names the user ID that is this e-mail address.
    pub fn user_id(&self, email: &EmailAddress) -> ReservationId {
        ReservationId::from_uuid(self.pepper.id("user-id", email.match_key().as_bytes()))
    }

    /// Names what somebody typed as user ID: an e-mail address, or something that is nobody's.
    pub fn typed_user_id(&self, typed: &str) -> ReservationId {
        match EmailAddress::parse(typed) {
            Ok(email) => self.user_id(&email),
            Err(_) => ReservationId::from_uuid(self.pepper.id("user-id-unreadable", typed.as_bytes())),
        }
    }

    /// Names an initial user ID as printed or typed; a policy number is read as policy numbers are.
    pub fn initial_user(&self, typed: &str) -> ReservationId {
        let folded =
            PolicyNumber::parse(typed).map_or_else(|_| fold(typed), |number| number.as_str().to_owned());
        ReservationId::from_uuid(self.pepper.id("initial-user", folded.as_bytes()))
    }

    /// A strong code of this initial user.
    pub fn code(&self, user: ReservationId, code: &InitialCode) -> KeyedHash {
        let mut data = user.as_uuid().as_bytes().to_vec();
        data.extend_from_slice(code.reveal().as_bytes());
        KeyedHash::new(self.pepper.hash("initial-code", &data))
    }

    /// The salt of a weak code: one for each initial user, so that one typed code costs one hash however many contracts
    /// share the user ID. Also the salt a stranger's attempt is hashed with.
    pub fn code_salt(&self, user: ReservationId) -> Salt {
        self.salt("initial-code-salt", user)
    }

    /// The salt the password of nobody is hashed with, so that unknown users cost the same.
    pub fn nobodys_salt(&self, user: ReservationId) -> Salt {
        self.salt("nobodys-salt", user)
    }

    fn salt(&self, purpose: &str, user: ReservationId) -> Salt {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.pepper.hash(purpose, user.as_uuid().as_bytes())[..16]);
        Salt(salt)
    }

    /// Digest of an imported row, to tell whether it changed. Over the verifier and never over the code: a fast hash of a
    /// weak code, stored beside the slow one, would undo it (ID-8). Salts are derived, so the same code at the same cost
    /// has the same verifier.
    pub fn row(
        &self,
        contract: ContractId,
        subject: SubjectId,
        user: ReservationId,
        verifier: &CodeVerifier,
    ) -> KeyedHash {
        let mut data = Vec::new();
        for id in [contract.as_uuid(), subject.as_uuid(), user.as_uuid()] {
            data.extend_from_slice(id.as_bytes());
        }
        match verifier {
            CodeVerifier::Masked => data.push(0),
            CodeVerifier::Keyed(hash) => {
                data.push(1);
                data.extend_from_slice(hash.as_bytes());
            }
            CodeVerifier::Slow(slow) => {
                data.push(2);
                data.extend_from_slice(slow.hash.as_bytes());
            }
        }
        KeyedHash::new(self.pepper.hash("initial-credential-row", &data))
    }

    /// A refresh token's secret part.
    pub fn refresh(&self, account: AccountId, secret: &[u8; 32]) -> TokenHash {
        let mut data = account.as_uuid().as_bytes().to_vec();
        data.extend_from_slice(secret);
        TokenHash::new(self.pepper.hash("refresh-token", &data))
    }

    /// Marks a refresh token as ours: over all of it before the mark.
    pub fn refresh_mark(&self, token: &[u8]) -> [u8; 32] {
        self.pepper.hash("refresh-token-mark", token)
    }

    /// Names an account in device tokens.
    pub fn device_account(&self, account: AccountId) -> Uuid {
        self.pepper.id("device-account", account.as_uuid().as_bytes())
    }

    /// Marks a device token as ours: over all of it before the mark.
    pub fn device_mark(&self, token: &[u8]) -> [u8; 32] {
        self.pepper.hash("device-token-mark", token)
    }

    /// Stands for the account of a name that has none, so that both are looked for alike.
    pub fn nobodys_account(&self, user: ReservationId) -> AccountId {
        AccountId::from_uuid(self.pepper.id("nobodys-account", user.as_uuid().as_bytes()))
    }

    /// Names what attempts are counted by.
    pub fn attempt(&self, kind: &str, parts: &[&[u8]]) -> Uuid {
        let mut data = Vec::new();
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part);
        }
        self.pepper.id(kind, &data)
    }

    /// Keys Argon2id, so that a stolen database alone cannot be guessed at.
    pub fn hashing_key(&self) -> [u8; 32] {
        self.pepper.hash("password-hashing", &[])
    }

    /// Hash of a request's content without its secrets, for recognising a retry.
    pub fn payload(&self, content: &[u8]) -> String {
        hex::encode(self.pepper.hash("request-payload", content))
    }
}

fn fold(typed: &str) -> String {
    typed
        .nfkc()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_uppercase)
        .collect()
}

//! The secrets of one stack, random, made at the first start and kept in files of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contracts::access::FORWARDERS;
use kernel::{Clock as _, SystemClock};
use sha2::{Digest as _, Sha256};
use testkit::staff_issuer::StaffIssuer;

use super::{DataFolder, SERVICES, SESSION_KEY, StackError};

/// The peer that reports calls (PV-14).
const CARRIER: &str = "carrier";

/// The secrets of one stack.
pub struct Secrets {
    staff: StaffIssuer,
    peers: BTreeMap<&'static str, String>,
    folder: DataFolder,
}

/// A secret that nobody types.
#[allow(clippy::unnecessary_wraps, reason = "fits DataFolder::kept")]
pub(super) fn random() -> Result<String, StackError> {
    Ok(hex::encode(rand::random::<[u8; 32]>()))
}

fn ed25519_key() -> Result<String, StackError> {
    Ok(StaffIssuer::generate().to_pem()?)
}

impl Secrets {
    /// Reads them, and makes those that are missing.
    pub fn open(folder: &DataFolder) -> Result<Self, StackError> {
        folder.kept(&folder.secret("master_key"), random)?;
        let staff = folder.kept(&folder.secret("staff_key.pem"), ed25519_key)?;
        let staff = StaffIssuer::from_pem(&staff)?;
        folder.write(&folder.secret("staff_jwks.json"), &staff.jwks())?;
        let mut peers = BTreeMap::new();
        for service in SERVICES {
            folder.kept(&folder.secret(&format!("pepper_{service}")), random)?;
        }
        folder.kept(&folder.secret(SESSION_KEY), random)?;
        let others = FORWARDERS.iter().copied().chain([CARRIER]);
        for peer in SERVICES.into_iter().chain(others) {
            peers.insert(
                peer,
                folder.kept(&folder.secret(&format!("peer_{peer}")), random)?,
            );
        }
        Ok(Self {
            staff,
            peers,
            folder: folder.clone(),
        })
    }

    /// The issuer of staff tokens.
    pub const fn staff(&self) -> &StaffIssuer {
        &self.staff
    }

    /// Writes a token of an administrator into a file that operators' commands take; its path.
    pub fn write_operator_token(&self, hours: u32) -> Result<PathBuf, StackError> {
        let now_s = SystemClock.now().as_second();
        let token = self
            .staff
            .token("operator", &["administrator"], now_s, hours * 3_600)?;
        let path = self.folder.secret("operator_token");
        self.folder.write(&path, &format!("{token}\n"))?;
        Ok(path)
    }

    /// The bearer secret of the peer that reports calls.
    pub fn carrier(&self) -> &str {
        self.peers.get(CARRIER).map_or("", String::as_str)
    }

    /// The SHA-256 of each peer's secret, as services accept them.
    pub(super) fn accepted(&self) -> BTreeMap<String, String> {
        let hash = |secret: &String| hex::encode(Sha256::digest(secret.as_bytes()));
        self.peers
            .iter()
            .map(|(peer, secret)| ((*peer).to_owned(), hash(secret)))
            .collect()
    }

    /// The file of a secret.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.secret(name)
    }
}

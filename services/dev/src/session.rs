//! What the client remembers between two commands: who is logged in, and which sample customers have registered. Kept in
//! the data folder, readable by its owner alone.

use std::collections::BTreeMap;

use client::{Bearer, Client, Refusal, login};
use contracts::identity::v1::Tokens;
use kernel::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use crate::stack::{DataFolder, StackError};

const FILE: &str = "session.json";
/// A token this close to its end is exchanged first.
const MARGIN_US: i64 = 30_000_000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The customer logged in last.
    pub customer: Option<LoggedIn>,
    /// Policy numbers of sample contracts the journey registered with.
    #[serde(default)]
    pub registered: Vec<String>,
    /// Customer numbers the journey had erased; the core system still sends them.
    #[serde(default)]
    pub erased: Vec<String>,
    /// The adjuster of the journey's accident.
    #[serde(default)]
    pub adjuster: String,
    /// What this device was given for later logins, by user ID (ID-10); kept beyond the logout.
    #[serde(default)]
    pub device_tokens: BTreeMap<String, String>,
}

/// A customer who is logged in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedIn {
    pub email: String,
    /// Password, so that people can try to log in again.
    pub password: String,
    /// A number that is registered for the call.
    pub phone: String,
    pub access_token: String,
    /// Its end, microseconds since the Unix epoch.
    pub access_expires_at_us: i64,
    pub refresh_token: String,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LoggedIn(…)")
    }
}

impl LoggedIn {
    /// Takes new tokens over.
    pub fn take(&mut self, tokens: Tokens) {
        self.access_token = tokens.access_token;
        self.access_expires_at_us = tokens.access_expires_at_us;
        self.refresh_token = tokens.refresh_token;
    }

    /// Exchanges the tokens if the access token is about to end. Whether it did.
    pub async fn refresh_if_due(&mut self, client: &Client) -> Result<bool, Refusal> {
        if SystemClock.now().as_microsecond() + MARGIN_US < self.access_expires_at_us {
            return Ok(false);
        }
        self.take(login::refresh(client, &self.refresh_token).await?);
        Ok(true)
    }

    /// For calls in this customer's name.
    pub fn bearer(&self) -> Bearer {
        Bearer::new(&self.access_token)
    }
}

impl Session {
    /// What is remembered in this data folder; nothing if it is new.
    pub fn read(folder: &DataFolder) -> Self {
        let text = std::fs::read(folder.file(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub fn write(&self, folder: &DataFolder) -> Result<(), StackError> {
        folder.write(
            &folder.file(FILE),
            &serde_json::to_string_pretty(self).unwrap_or_default(),
        )
    }
}

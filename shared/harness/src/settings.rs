//! Settings of a service under test, key by key, written out as the TOML text it reads.

use sha2::{Digest as _, Sha256};
use testkit::{TestDatabase, TestNats};
use toml::{Table, Value};

/// The keyring's master key in every world, hexadecimal.
pub const MASTER_KEY: &str = "0f0e0d0c0b0a09080706050403020100000102030405060708090a0b0c0d0e0f";
/// The pepper of every service in every world, hexadecimal.
pub const PEPPER: &str = "101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f";

/// The secret that a service or another peer shows.
pub fn secret_of(peer: &str) -> String {
    format!("a-secret-of-{peer}")
}

/// Settings.
#[derive(Debug, Clone, Default)]
pub struct Settings(Table);

impl Settings {
    /// All callers of a test come by one connection, which holds an eighth of a room (docs/adr/0033).
    const ROOM: i64 = 2_048;

    /// What every service has: a port of the system's choice, databases, secrets, NATS.
    pub(crate) fn new(database: &TestDatabase, keys: &TestDatabase, nats: &TestNats) -> Self {
        Self::default()
            .with("grpc.listen", "127.0.0.1:0")
            .with("grpc.max_concurrent", Self::ROOM)
            .with("database.url", &*database.url)
            .with("keyring.url", &*keys.url)
            .with("keyring.master_key", MASTER_KEY)
            .with("secrets.pepper", PEPPER)
            .with("nats.url", &*nats.url)
            .with("nats.prefix", &*nats.prefix)
    }

    /// Sets `section.key` (`grpc.listen`); what stood there is replaced.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let (section, key) = self.place(name);
        section.insert(key.to_owned(), value.into());
    }

    /// Leaves `section.key` out.
    pub fn remove(&mut self, name: &str) {
        let (section, key) = self.place(name);
        section.remove(key);
    }

    fn place<'n>(&mut self, name: &'n str) -> (&mut Table, &'n str) {
        let (sections, key) = name.rsplit_once('.').expect("a section and a key");
        let mut table = &mut self.0;
        for section in sections.split('.') {
            let next = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            table = next.as_table_mut().expect("a section");
        }
        (table, key)
    }

    /// The same with `section.key` set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// A peer may call, by its [`secret_of`].
    pub fn accept(&mut self, peer: &str) {
        let hash = hex::encode(Sha256::digest(secret_of(peer)));
        self.set(&format!("peers.accept.{peer}"), hash);
    }

    /// As a settings file.
    pub fn to_toml(&self) -> String {
        self.0.to_string()
    }
}

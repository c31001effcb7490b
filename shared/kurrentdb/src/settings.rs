//! Where the store is, from a connection string. Parsed at the door: what the client library would stumble over later, in
//! a task of its own where nobody hears the panic, is refused here.

use std::fmt;
use std::time::Duration;

use eventstore::{ClientSettings, NodePreference};

/// How long one call may take; the library's own deadline reaches the server only.
const DEADLINE: Duration = Duration::from_secs(10);

/// A connection string that can be used. Prints no secret.
#[derive(Clone)]
pub struct KurrentSettings {
    pub(crate) client: ClientSettings,
    pub(crate) deadline: Duration,
}

/// A connection string that cannot be used. Names no part of it that may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KurrentSettingsError {
    /// Another scheme, no host, or a value of the wrong kind.
    #[error(
        "is no esdb:// connection string: esdb://[user:password@]host:port[,host:port…][?tls=false…] or esdb+discover://domain:port"
    )]
    Form,
    /// Reads from another node than the leader may be old, and a command decided on them would conflict for ever.
    #[error("nodePreference must be leader, or left out")]
    Preference,
    /// Without keep-alive nothing tells a follower at rest that its server is gone.
    #[error("keepAliveInterval and keepAliveTimeout must not be switched off")]
    KeepAlive,
    /// A file it names cannot be read as what it should be.
    #[error("{setting} names {path}, which cannot be read as PEM")]
    File {
        /// The parameter.
        setting: &'static str,
        /// Its value.
        path: String,
    },
}

impl KurrentSettings {
    /// Reads `esdb://…` (one node, or several separated by commas) or `esdb+discover://…` (a cluster by DNS).
    ///
    /// Beside the library's own parameters nothing is understood; `nodePreference` is always leader.
    pub fn parse(url: &str) -> Result<Self, KurrentSettingsError> {
        let lower = url.to_ascii_lowercase();
        if !lower.starts_with("esdb://") && !lower.starts_with("esdb+discover://") {
            return Err(KurrentSettingsError::Form);
        }
        let client: ClientSettings = url.parse().map_err(|_| KurrentSettingsError::Form)?;
        // The leader is what it prefers unless told otherwise, whatever its documentation says.
        if client.node_preference() != NodePreference::Leader {
            return Err(KurrentSettingsError::Preference);
        }
        // A follower at rest learns from nothing else that its server is gone.
        let endless = |setting: &str| lower.contains(&format!("{setting}=-"));
        if ["keepaliveinterval", "keepalivetimeout"].into_iter().any(endless) {
            return Err(KurrentSettingsError::KeepAlive);
        }
        readable("tlsCaFile", client.tls_ca_file())?;
        if let Some((certificate, key)) = client.user_certificate() {
            readable("userCertFile", Some(certificate))?;
            readable("userKeyFile", Some(key))?;
        }
        Ok(Self {
            client,
            deadline: DEADLINE,
        })
    }

    /// How long one call, or a reader's wait for a sign of life, may take; ten seconds where nothing is said.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

impl fmt::Debug for KurrentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.client.hosts().iter();
        f.debug_struct("KurrentSettings")
            .field(
                "hosts",
                &hosts
                    .map(|host| format!("{}:{}", host.host, host.port))
                    .collect::<Vec<_>>(),
            )
            .field("tls", &self.client.is_secure_mode_enabled())
            .finish_non_exhaustive()
    }
}

fn readable(setting: &'static str, path: Option<&String>) -> Result<(), KurrentSettingsError> {
    let Some(path) = path else { return Ok(()) };
    let holds_pem = std::fs::read_to_string(path).is_ok_and(|text| text.contains("-----BEGIN "));
    if holds_pem {
        Ok(())
    } else {
        Err(KurrentSettingsError::File {
            setting,
            path: path.clone(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_node_a_cluster_discovery_tls_and_a_user_are_understood() {
        for (url, hosts, tls) in [
            ("esdb://localhost:2113?tls=false", 1, false),
            ("esdb://localhost", 1, true),
            ("esdb://admin:changeit@one:2113,two:2114,three:2115", 3, true),
            (
                "esdb+discover://admin:changeit@cluster.example:2113?tlsVerifyCert=false",
                1,
                true,
            ),
        ] {
            let settings = KurrentSettings::parse(url).unwrap();
            assert_eq!(settings.client.hosts().len(), hosts, "{url}");
            assert_eq!(settings.client.is_secure_mode_enabled(), tls, "{url}");
            assert_eq!(settings.client.node_preference(), NodePreference::Leader, "{url}");
            let named = settings.client.default_authenticated_user().is_some();
            assert_eq!(named, url.contains('@'), "{url}");
            assert!(!format!("{settings:?}").contains("changeit"), "{settings:?}");
        }
    }

    #[test]
    fn keep_alive_is_not_switched_off() {
        for setting in ["keepAliveInterval=-1", "tls=false&keepAliveTimeout=-1"] {
            let refused = KurrentSettings::parse(&format!("esdb://localhost:2113?{setting}"));
            assert_eq!(refused.unwrap_err(), KurrentSettingsError::KeepAlive, "{setting}");
        }
        KurrentSettings::parse("esdb://localhost:2113?keepAliveInterval=10000").unwrap();
    }

    #[test]
    fn where_it_connects_is_told_and_nothing_else() {
        let settings = KurrentSettings::parse("esdb://admin:changeit@one:2113").unwrap();
        assert_eq!(
            format!("{settings:?}"),
            r#"KurrentSettings { hosts: ["one:2113"], tls: true, .. }"#
        );
        assert_eq!(settings.deadline, DEADLINE);
        let hour = Duration::from_hours(1);
        assert_eq!(settings.with_deadline(hour).deadline, hour);
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_its_password() {
        let missing = KurrentSettingsError::File {
            setting: "tlsCaFile",
            path: "/nowhere/ca.pem".to_owned(),
        };
        for (url, error) in [
            ("postgres://localhost", KurrentSettingsError::Form),
            ("esdb://", KurrentSettingsError::Form),
            ("esdb://u:secret@h:nonsense", KurrentSettingsError::Form),
            ("esdb://u:secret@h?tls=perhaps", KurrentSettingsError::Form),
            (
                "esdb://h?nodePreference=follower",
                KurrentSettingsError::Preference,
            ),
            ("esdb://h?tlsCaFile=/nowhere/ca.pem", missing),
        ] {
            let refused = KurrentSettings::parse(url).unwrap_err();
            assert_eq!(refused, error, "{url}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}

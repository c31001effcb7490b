//! Where services listen, as settings files tell it: others' feeds and identity's URL as the services themselves reach them,
//! and what each one listens on.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use client::SERVICES;
use contracts::names::IDENTITY;

use super::settings::SettingsFile;

/// The address of each service that any of the files tells.
pub(super) fn of(files: &[SettingsFile]) -> BTreeMap<&'static str, String> {
    let mut told = BTreeMap::new();
    for file in files {
        for service in SERVICES {
            // Environment variables have no dashes, and the services take both.
            let feed = file
                .word("feeds", service)
                .or_else(|| file.word("feeds", &service.replace('-', "_")));
            if let Some(url) = feed {
                told.entry(service).or_insert_with(|| url.to_owned());
            }
        }
        if let Some(url) = file.word("tokens", "identity_url") {
            told.entry(IDENTITY).or_insert_with(|| url.to_owned());
        }
    }
    for file in files {
        let listen = file.word("grpc", "listen").and_then(reachable);
        if let Some(address) = listen {
            told.entry(file.service).or_insert(address);
        }
    }
    told
}

/// A service that listens on every interface is reached on this machine's own.
fn reachable(listen: &str) -> Option<String> {
    let mut address: SocketAddr = listen.parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    // Chosen by the system when the service starts, and written nowhere.
    (address.port() != 0).then(|| format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_from_what_others_reach_a_service_by_and_else_from_what_it_listens_on() {
        let views = "[grpc]\nlisten = \"[::]:7005\"\n[feeds]\nendorsement = \"http://e:1\"\nclaim_images = \"http://c:2\"\n\
                     [tokens]\nidentity_url = \"http://i:3\"";
        let endorsement = "[grpc]\nlisten = \"0.0.0.0:7001\"";
        let phones = "[grpc]\nlisten = \"127.0.0.1:0\"";
        let files = [
            SettingsFile::of_text("endorsement", endorsement),
            SettingsFile::of_text("views", views),
            SettingsFile::of_text("phone-verification", phones),
        ];
        let expected = BTreeMap::from([
            ("claim-images", "http://c:2".to_owned()),
            ("endorsement", "http://e:1".to_owned()),
            ("identity", "http://i:3".to_owned()),
            ("views", "http://[::1]:7005".to_owned()),
        ]);
        assert_eq!(of(&files), expected);
    }
}

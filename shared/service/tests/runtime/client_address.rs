//! Whose word on a client's address is believed (ADR 0034), through the real door.

use futures::FutureExt;
use service::{Overrides, Running, client_address, start_in_process};
use sha2::{Digest as _, Sha256};
use tonic::transport::Channel;

use crate::probe::{self, Home, OPEN_CHALLENGE, PEER_SECRET, Probe, connect};

const WEB_SECRET: &str = "a-secret-of-the-web-pages";

struct Stage {
    home: Home,
    _running: Running,
    channel: Channel,
}

async fn stage() -> Stage {
    let home = Home::new().await;
    let web = hex::encode(Sha256::digest(WEB_SECRET));
    let toml = home
        .toml("")
        .replace("[peers.accept]", &format!("[peers.accept]\nweb = \"{web}\""));
    assert!(toml.contains(&web), "{toml}");
    let shared = home.shared();
    let seen = shared.clone();
    let own: probe::Handler = Box::new(move |_, request| {
        let address = client_address(&request).to_string();
        let secret = request.metadata().get("madoguchi-peer").is_some();
        seen.seen.lock().unwrap().push(format!("{address} {secret}"));
        async { Ok(()) }.boxed()
    });
    assert!(shared.own.set(own).is_ok());
    let running = start_in_process::<Probe>(&toml, Overrides::default())
        .await
        .unwrap();
    let channel = connect(running.address).await;
    Stage {
        home,
        _running: running,
        channel,
    }
}

impl Stage {
    /// The address the handler saw for a call with this metadata.
    async fn seen(&self, metadata: &[(&'static str, &str)]) -> String {
        let metadata = [&[("x-do", "own")], metadata].concat();
        probe::call(&self.channel, OPEN_CHALLENGE, &metadata)
            .await
            .unwrap();
        let seen = self.home.shared().seen.lock().unwrap().pop().unwrap();
        let address = seen.strip_suffix(" false").expect("the secret stays at the door");
        address.to_owned()
    }
}

#[tokio::test]
async fn id_10_only_a_forwarder_by_its_secret_names_the_clients_address() {
    let stage = stage().await;
    let (address, peer) = ("madoguchi-client-address", "madoguchi-peer");
    let named = (address, "203.0.113.9");
    let connection = "127.0.0.1";

    assert_eq!(stage.seen(&[]).await, connection);
    assert_eq!(stage.seen(&[(peer, WEB_SECRET)]).await, connection);
    assert_eq!(stage.seen(&[named, (peer, WEB_SECRET)]).await, "203.0.113.9");
    let ipv6 = (address, "2001:db8:1:2:3:4:5:6");
    assert_eq!(stage.seen(&[ipv6, (peer, WEB_SECRET)]).await, "2001:db8:1:2::/64");

    assert_eq!(stage.seen(&[named]).await, connection, "without a secret");
    assert_eq!(stage.seen(&[named, (peer, "guessed")]).await, connection);
    assert_eq!(
        stage.seen(&[named, (peer, PEER_SECRET)]).await,
        connection,
        "a peer that does not forward"
    );
    let forwarded = ("x-forwarded-for", "203.0.113.9");
    assert_eq!(
        stage.seen(&[forwarded, (peer, WEB_SECRET)]).await,
        connection,
        "an open header"
    );
    for malformed in ["203.0.113.9:443", "203.0.113.9, 198.51.100.7", "", "somewhere"] {
        let named = (address, malformed);
        assert_eq!(
            stage.seen(&[named, (peer, WEB_SECRET)]).await,
            connection,
            "{malformed}"
        );
    }
}

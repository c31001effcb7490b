//! The master key is changed while identity serves (docs/adr/0015): read by both, wrapped anew, read by the new one alone.

use contracts::identity::v1::keyring_service_client::KeyringServiceClient;
use contracts::identity::v1::{GetAccountRequest, GetKeyringStatusRequest, RewrapKeysRequest};
use tonic::transport::Channel;

use crate::world::{World, bearing, random, reason};

impl World {
    pub(crate) async fn keyring_admin(&self) -> KeyringServiceClient<Channel> {
        KeyringServiceClient::connect(self.instance().url())
            .await
            .unwrap()
    }

    async fn email(&self, access_token: &str) -> String {
        let request = bearing(GetAccountRequest {}, access_token);
        self.client
            .clone()
            .get_account(request)
            .await
            .unwrap()
            .into_inner()
            .email
    }
}

#[tokio::test]
async fn the_master_key_changes_without_anybody_noticing() {
    let mut world = World::start().await;
    let mut customers = Vec::new();
    for number in 1..=5 {
        let email = world.customer(number).await;
        customers.push((world.session(&email).await, email));
    }
    // The new key in front, the old one beside it.
    let (old, new) = (harness::MASTER_KEY, "33".repeat(32));
    world.kill();
    world.settings.set("keyring.master_key", new);
    world.settings.set("keyring.other_master_key", old);
    world.start_again().await;
    let mut admin = world.keyring_admin().await;
    let status = world.as_administrator(GetKeyringStatusRequest {});
    let status = admin.get_keyring_status(status).await.unwrap().into_inner();
    assert_eq!(status.left, 5);
    let by = |master_key_id: &str| {
        world.as_administrator(RewrapKeysRequest {
            request_id: random().to_string(),
            limit: 2,
            master_key_id: master_key_id.to_owned(),
        })
    };
    // As an instance answers that was left out and still has the old one in front.
    for other in [&old[..16], ""] {
        assert_eq!(reason(admin.rewrap_keys(by(other)).await), "MASTER_KEY_OTHER");
    }
    let mut left = Vec::new();
    while left.last() != Some(&0) {
        let done = admin.rewrap_keys(by(&status.master_key_id)).await;
        left.push(done.unwrap().into_inner().left);
        for (tokens, email) in &customers {
            assert_eq!(world.email(&tokens.access_token).await, *email);
        }
    }
    assert_eq!(left, [3, 1, 0]);
    // The old one is forgotten.
    world.kill();
    world.settings.remove("keyring.other_master_key");
    world.start_again().await;
    for (tokens, email) in &customers {
        assert_eq!(world.email(&tokens.access_token).await, *email);
    }
}

#[tokio::test]
async fn only_administrators_change_the_master_key() {
    let world = World::start().await;
    let message = RewrapKeysRequest {
        request_id: random().to_string(),
        limit: 0,
        master_key_id: String::new(),
    };
    let request = world.as_staff("S001", "supervisor", message);
    let refused = world.keyring_admin().await.rewrap_keys(request).await;
    assert_eq!(reason(refused), "CALLER_NOT_ALLOWED");
}

//! The life of the keys that tokens are signed with (docs/adr/0035): announced → active → retiring → removed, on every instance
//! alike, and never in clear in the database. Whole rotations, seen by another service: `tests/across/signing_keys.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use contracts::identity::v1::signing_key_service_client::SigningKeyServiceClient;
use contracts::identity::v1::{
    GetSigningKeyStatusRequest, RotateSigningKeysRequest, SigningKey, SigningKeyPurpose, SigningKeyState,
};
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use futures::future::{join_all, try_join_all};
use identity::domain::signing_key::Purpose;
use identity::signing_keys::{RotationSettings, SigningKeys};
use jiff::SignedDuration;
use privacy::Pepper;
use testkit::wait_for;
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::world::{DEADLINE, World, random, reason};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// A token's life, and what clocks may differ.
const OUTLIVES: i64 = 15 * 60;

impl World {
    async fn key_admin(&self) -> SigningKeyServiceClient<Channel> {
        SigningKeyServiceClient::connect(self.instance().url())
            .await
            .unwrap()
    }

    async fn rotate(&self, request_id: Uuid, stolen: bool) -> Result<Vec<SigningKey>, Status> {
        let message = RotateSigningKeysRequest {
            request_id: request_id.to_string(),
            stolen,
        };
        let request = self.as_administrator(message);
        let answer = self.key_admin().await.rotate_signing_keys(request).await?;
        Ok(answer.into_inner().keys)
    }

    /// The keys of tokens as operators see them, the newest first.
    async fn token_keys(&self) -> Vec<(String, SigningKeyState)> {
        let request = self.as_administrator(GetSigningKeyStatusRequest {});
        let keys = self.key_admin().await.get_signing_key_status(request).await;
        of_tokens(keys.unwrap().into_inner().keys)
    }
}

fn of_tokens(keys: Vec<SigningKey>) -> Vec<(String, SigningKeyState)> {
    keys.into_iter()
        .filter(|key| key.purpose() == SigningKeyPurpose::Tokens)
        .map(|key| (key.key_id.clone(), key.state()))
        .collect()
}

fn published(keys: &SigningKeys) -> BTreeSet<String> {
    let set = keys.published(Purpose::Tokens).keys;
    set.into_iter().map(|key| key.common.key_id.unwrap()).collect()
}

fn signing(keys: &SigningKeys) -> String {
    keys.signer(Purpose::Tokens).unwrap().id().to_owned()
}

async fn tend(keys: &SigningKeys, world: &World) {
    keys.tend(world.now()).await.unwrap();
}

#[tokio::test]
async fn an_announced_key_is_published_and_does_not_sign_a_retiring_one_verifies_and_is_removed() {
    let world = World::start().await;
    let keys = world.signing_keys().await;
    let first = signing(&keys);
    world.advance(30 * DAY - HOUR - 1);
    tend(&keys, &world).await;
    assert_eq!(published(&keys), [first.clone()].into());

    world.advance(1);
    tend(&keys, &world).await;
    assert_eq!(published(&keys).len(), 2, "the successor is announced");
    assert_eq!(signing(&keys), first, "an announced key signs");
    world.advance(HOUR - 1);
    assert_eq!(signing(&keys), first);
    world.advance(1);
    let second = signing(&keys);
    assert_ne!(second, first);

    tend(&keys, &world).await;
    let sealed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM identity.signing_key WHERE purpose = 'TOKENS' AND sealed_private IS NOT NULL",
    )
    .fetch_one(&world.database.pool)
    .await
    .unwrap();
    assert_eq!(sealed, 1, "the private half of a key that signs no more is kept");
    world.advance(OUTLIVES - 1);
    assert!(published(&keys).contains(&first));
    world.advance(1);
    assert_eq!(published(&keys), [second].into());
    tend(&keys, &world).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.signing_key WHERE purpose = 'TOKENS'")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn replicas_that_come_at_once_make_one_key_and_one_successor() {
    let mut world = World::start().await;
    world.stop().await;
    sqlx::query("DELETE FROM identity.signing_key")
        .execute(&world.database.pool)
        .await
        .unwrap();
    let replicas = join_all((0..8).map(|_| world.signing_keys())).await;
    let one = |replicas: &[SigningKeys]| {
        let ids: BTreeSet<_> = replicas.iter().map(signing).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        ids
    };
    let first = one(&replicas);
    world.advance(30 * DAY);
    let now = world.now();
    try_join_all(replicas.iter().map(|keys| keys.tend(now)))
        .await
        .unwrap();
    // Whoever was first has announced it; the others look again.
    world.advance(1);
    for keys in &replicas {
        tend(keys, &world).await;
        assert_eq!(published(keys).len(), 2);
    }
    assert_eq!(
        one(&replicas),
        first,
        "the successor was not announced long enough"
    );
    world.advance(HOUR);
    assert_ne!(one(&replicas), first);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.signing_key")
        .fetch_one(&world.database.pool)
        .await
        .unwrap();
    assert_eq!(rows, 3, "two of tokens, one of certificates");
}

#[tokio::test]
async fn private_keys_are_in_no_table_in_clear() {
    let world = World::start().await;
    let keys = world.signing_keys().await;
    let mut needles = Vec::new();
    for purpose in Purpose::ALL {
        let signer = keys.signer(purpose).unwrap();
        let secret = signer.secret();
        let der = ed25519_dalek::SigningKey::from_bytes(secret)
            .to_pkcs8_der()
            .unwrap();
        needles.push(hex::encode(secret));
        for bytes in [secret.as_slice(), der.as_bytes()] {
            needles.extend([STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]);
        }
    }
    let tables: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_schema, table_name FROM information_schema.tables
         WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'",
    )
    .fetch_all(&world.database.pool)
    .await
    .unwrap();
    let mut seen = false;
    for (schema, table) in tables {
        // Bytes are shown as hexadecimal digits.
        let query =
            format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM \"{schema}\".\"{table}\" t");
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_one(&world.database.pool)
            .await
            .unwrap();
        seen |= rows.contains(&signing(&keys));
        for needle in &needles {
            assert!(!rows.contains(needle), "a private key in {schema}.{table}");
        }
    }
    assert!(seen, "the search does not see the keys' rows");
    // Neither is the sealed form of use to anybody without the pepper.
    let pepper = Pepper::from_hex(&"77".repeat(32)).unwrap();
    let settings = RotationSettings {
        every: SignedDuration::from_hours(24),
        notice: SignedDuration::from_hours(1),
    };
    let clock = Arc::new(world.clock.clone());
    let opened = SigningKeys::open(world.database.pool.clone(), &pepper, clock, settings).await;
    let error = messaging::chain(&opened.unwrap_err());
    assert!(error.contains("another pepper"), "{error}");
}

#[tokio::test]
async fn an_operator_changes_the_key_once_for_each_request_and_it_signs_two_minutes_later() {
    use SigningKeyState::{Active, Announced, Retiring};
    let world = World::start().await;
    let [(first, Active)] = &world.token_keys().await[..] else {
        panic!("one key signs")
    };
    let request = random();
    let states =
        |keys: &[(String, SigningKeyState)]| keys.iter().map(|(_, state)| *state).collect::<Vec<_>>();
    for _ in 0..2 {
        let keys = of_tokens(world.rotate(request, false).await.unwrap());
        assert_eq!(states(&keys), [Announced, Active], "{keys:?}");
        assert_eq!(keys[1].0, *first);
    }
    // Another request brings nothing new: the next key is announced.
    let again = of_tokens(world.rotate(random(), false).await.unwrap());
    assert_eq!(states(&again), [Announced, Active]);
    world.advance(120);
    assert_eq!(states(&world.token_keys().await), [Active, Retiring]);

    // The same request removes what is there once: what it made stays.
    let request = random();
    let stolen = of_tokens(world.rotate(request, true).await.unwrap());
    assert_eq!(states(&stolen), [Active]);
    assert!(!again.iter().any(|(key, _)| *key == stolen[0].0));
    assert_eq!(of_tokens(world.rotate(request, true).await.unwrap()), stolen);

    let customer = world.customer(1).await;
    let token = world.session(&customer).await.access_token;
    let message = RotateSigningKeysRequest {
        request_id: random().to_string(),
        stolen: true,
    };
    let request = crate::world::bearing(message, &token);
    let refused = world.key_admin().await.rotate_signing_keys(request).await;
    assert_eq!(reason(refused), "CALLER_NOT_ALLOWED");
}

/// OP-4: what a certificate says is proven for ever, whatever became of the keys of tokens.
#[tokio::test]
async fn op_4_certificates_of_former_keys_are_still_proven() {
    let world = World::start().await;
    let keys = world.signing_keys().await;
    let former = keys.signer(Purpose::Certificates).unwrap();
    world.rotate(random(), true).await.unwrap();
    world.advance(1);
    wait_for("the other instance to hear of it", DEADLINE, async || {
        tend(&keys, &world).await;
        let now = keys.signer(Purpose::Certificates).unwrap();
        (now.id() != former.id()).then_some(())
    })
    .await;
    world.advance(3_650 * DAY);
    tend(&keys, &world).await;
    let ids: BTreeSet<_> = keys
        .published(Purpose::Certificates)
        .keys
        .into_iter()
        .map(|key| key.common.key_id.unwrap())
        .collect();
    let now = keys.signer(Purpose::Certificates).unwrap();
    assert_eq!(ids, [former.id().to_owned(), now.id().to_owned()].into());
    assert!(
        !published(&keys).contains(former.id()),
        "a certificate's key verifies tokens"
    );
}

/// A rotation that does not come about shows, and the former key goes on.
#[tokio::test]
async fn a_rotation_that_fails_is_overdue_and_refuses_nobody() {
    let mut world = World::start().await;
    let keys = world.signing_keys().await;
    world.stop().await;
    let first = signing(&keys);
    sqlx::raw_sql(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'no more keys'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON identity.signing_key
            FOR EACH ROW EXECUTE FUNCTION public.refuse();",
    )
    .execute(&world.database.pool)
    .await
    .unwrap();
    world.advance(30 * DAY);
    assert!(keys.tend(world.now()).await.is_err());
    assert_eq!(keys.overdue(world.now()).as_secs(), u64::try_from(HOUR).unwrap());
    assert_eq!(signing(&keys), first);
    sqlx::raw_sql("DROP TRIGGER refuse ON identity.signing_key")
        .execute(&world.database.pool)
        .await
        .unwrap();
    tend(&keys, &world).await;
    assert!(keys.overdue(world.now()).is_zero());
}

//! The keyring on a real database server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use kernel::ids::{EventId, KeyId, SubjectId};
use kernel::personal::{Personal, SealedField};
use privacy::{
    Keyring, KeyringError, MIGRATOR, MasterKey, SealError, keys_in, open_tree, seal_field, seal_tree,
};
use serde_json::json;
use testkit::TestDatabase;
use uuid::Uuid;

fn subject(number: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(number))
}

fn event() -> EventId {
    EventId::from_uuid(Uuid::from_u128(1))
}

fn master(digits: &str) -> MasterKey {
    MasterKey::from_hex(&digits.repeat(32)).unwrap()
}

async fn database() -> TestDatabase {
    let database = testkit::database().await.unwrap();
    MIGRATOR.run(&database.pool).await.unwrap();
    database
}

/// A keyring as another process would have it: same database, own cache.
fn keyring(database: &TestDatabase) -> Keyring {
    Keyring::new(database.pool.clone(), master("7a"))
}

async fn key_of(keyring: &Keyring, subject: SubjectId) -> KeyId {
    let keys = keyring.seal_keys(&[subject].into()).await.unwrap();
    keys.of_subject(subject).unwrap().id()
}

async fn sealed(keyring: &Keyring, subject: SubjectId) -> SealedField {
    let keys = keyring.seal_keys(&[subject].into()).await.unwrap();
    seal_field(&keys, event(), "/name", subject, b"\"Test\"").unwrap()
}

#[tokio::test]
async fn what_one_process_sealed_another_opens() {
    let database = database().await;
    let field = sealed(&keyring(&database), subject(1)).await;
    let opened: Personal<String> = keyring(&database).open(event(), &field).await.unwrap();
    assert_eq!(opened, Personal::new(subject(1), "Test".into()));
}

#[tokio::test]
async fn each_subject_has_one_key_of_its_own_that_stays() {
    let database = database().await;
    let keyring = keyring(&database);
    let subjects: BTreeSet<SubjectId> = (1..=100).map(subject).collect();
    let first = keyring.seal_keys(&subjects).await.unwrap();
    keyring.forget();
    let again = keyring.seal_keys(&subjects).await.unwrap();
    let ids = |keys: &privacy::KeySet| -> BTreeSet<KeyId> {
        subjects
            .iter()
            .map(|subject| keys.of_subject(*subject).unwrap().id())
            .collect()
    };
    assert_eq!(ids(&first).len(), 100);
    assert_eq!(ids(&first), ids(&again));
}

#[tokio::test]
async fn no_key_is_stored_in_plaintext() {
    let database = database().await;
    key_of(&keyring(&database), subject(1)).await;
    let (master_key_id, wrapped): (String, Vec<u8>) =
        sqlx::query_as("SELECT master_key_id, wrapped FROM keyring.subject_key")
            .fetch_one(&database.pool)
            .await
            .unwrap();
    assert_eq!(master_key_id, master("7a").id());
    assert_eq!(wrapped.len(), 32 + 16);
}

#[tokio::test]
async fn writers_that_come_at_once_get_the_same_keys() {
    let database = database().await;
    let subjects: BTreeSet<SubjectId> = (1..=20).map(subject).collect();
    let writers = (0..16).map(|_| {
        let (keyring, subjects) = (keyring(&database), &subjects);
        async move { keyring.seal_keys(subjects).await.unwrap() }
    });
    let sets = futures::future::join_all(writers).await;
    for subject in &subjects {
        let ids: BTreeSet<KeyId> = sets
            .iter()
            .map(|set| set.of_subject(*subject).unwrap().id())
            .collect();
        assert_eq!(ids.len(), 1, "{subject}");
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM keyring.subject_key")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(rows, 20);
}

/// OP-4: the key goes, a tombstone stays.
#[tokio::test]
async fn a_destroyed_key_reads_as_erased_and_seals_no_more() {
    let database = database().await;
    let keyring = keyring(&database);
    let (field, other) = (
        sealed(&keyring, subject(1)).await,
        sealed(&keyring, subject(2)).await,
    );

    keyring.destroy(subject(1)).await.unwrap();

    let erased: Personal<String> = keyring.open(event(), &field).await.unwrap();
    assert_eq!(erased, Personal::Erased { subject: subject(1) });
    let opened = keyring
        .open_many(&[(event(), &field), (event(), &other)])
        .await
        .unwrap();
    assert_eq!(opened[0], None);
    assert_eq!(opened[1].as_ref().unwrap().as_slice(), b"\"Test\"");
    // The second time from the cache.
    for _ in 0..2 {
        let refused = keyring
            .seal_keys(&[subject(1), subject(2)].into())
            .await
            .unwrap_err();
        assert!(
            matches!(refused, KeyringError::Destroyed(who) if who == subject(1)),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_destroyed_key_leaves_no_bytes_and_destroying_again_changes_nothing() {
    let database = database().await;
    let keyring = keyring(&database);
    let id = key_of(&keyring, subject(1)).await;
    let tombstone = async || -> (Uuid, Vec<u8>, Vec<u8>, String) {
        sqlx::query_as("SELECT key_id, nonce, wrapped, destroyed_at::text FROM keyring.subject_key")
            .fetch_one(&database.pool)
            .await
            .unwrap()
    };
    let told = keyring.destroy(subject(1)).await.unwrap();
    let first = tombstone().await;
    assert_eq!((first.0, first.1.len(), first.2.len()), (id.as_uuid(), 0, 0));
    assert_eq!((told.key_id, told.subject), (id, subject(1)));
    assert_eq!(keyring.destroy(subject(1)).await.unwrap(), told);
    assert_eq!(tombstone().await, first);
}

/// The digest is of the key, not of how it is wrapped: a key found in a backup is recognised by it.
#[tokio::test]
async fn a_tombstone_names_the_key_that_was_destroyed() {
    let database = database().await;
    let keyring = keyring(&database);
    let keys = keyring.seal_keys(&[subject(1)].into()).await.unwrap();
    let stone = keyring.destroy(subject(1)).await.unwrap();
    assert_eq!(stone.digest, Some(keys.of_subject(subject(1)).unwrap().digest()));
    let other = keyring.seal_keys(&[subject(2)].into()).await.unwrap();
    assert_ne!(stone.digest, Some(other.of_subject(subject(2)).unwrap().digest()));
}

#[tokio::test]
async fn a_damaged_key_is_destroyed_all_the_same() {
    let database = database().await;
    let keyring = keyring(&database);
    key_of(&keyring, subject(1)).await;
    sqlx::query("UPDATE keyring.subject_key SET wrapped = set_byte(wrapped, 0, get_byte(wrapped, 0) # 1)")
        .execute(&database.pool)
        .await
        .unwrap();
    let stone = keyring.destroy(subject(1)).await.unwrap();
    assert_eq!(stone.digest, None);
    assert!(keyring.seal_keys(&[subject(1)].into()).await.is_err());
}

#[tokio::test]
async fn writers_and_erasures_that_race_end_with_one_tombstone() {
    let database = database().await;
    let racing = (0..16).map(|number| {
        let keyring = keyring(&database);
        async move {
            if number % 2 == 0 {
                keyring.destroy(subject(1)).await.map(Some)
            } else {
                keyring.seal_keys(&[subject(1)].into()).await.map(|_| None)
            }
        }
    });
    let mut stones = Vec::new();
    for outcome in futures::future::join_all(racing).await {
        match outcome {
            Ok(stone) => stones.extend(stone),
            Err(KeyringError::Destroyed(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(stones.len(), 8);
    assert!(stones.iter().all(|stone| *stone == stones[0]), "{stones:?}");
    assert!(keyring(&database).seal_keys(&[subject(1)].into()).await.is_err());
}

#[tokio::test]
async fn who_is_erased_and_who_is_known_is_told_without_the_cache() {
    let database = database().await;
    let (here, elsewhere) = (keyring(&database), keyring(&database));
    let subjects: BTreeSet<SubjectId> = [1, 2, 3].map(subject).into();
    here.seal_keys(&[subject(1), subject(2)].into()).await.unwrap();
    elsewhere.destroy(subject(1)).await.unwrap();
    assert_eq!(here.destroyed(&subjects).await.unwrap(), [subject(1)].into());
    for (number, known) in [(1, true), (2, true), (3, false)] {
        assert_eq!(here.knows(subject(number)).await.unwrap(), known, "{number}");
    }
}

#[tokio::test]
async fn a_subject_erased_before_it_had_a_key_gets_none() {
    let database = database().await;
    let keyring = keyring(&database);
    assert_eq!(keyring.destroy(subject(1)).await.unwrap().digest, None);
    let refused = keyring.seal_keys(&[subject(1)].into()).await.unwrap_err();
    assert!(matches!(refused, KeyringError::Destroyed(who) if who == subject(1)));
}

#[tokio::test]
async fn an_erasure_elsewhere_counts_as_soon_as_the_cache_is_emptied() {
    let database = database().await;
    let (here, elsewhere) = (keyring(&database), keyring(&database));
    let field = sealed(&here, subject(1)).await;
    elsewhere.destroy(subject(1)).await.unwrap();
    here.forget();
    let erased: Personal<String> = here.open(event(), &field).await.unwrap();
    assert!(erased.is_erased());
}

#[tokio::test]
async fn an_erasure_elsewhere_counts_without_a_cache_at_once() {
    let database = database().await;
    let here = Keyring::with_cache(database.pool.clone(), master("7a"), Duration::ZERO, 10);
    let field = sealed(&here, subject(1)).await;
    keyring(&database).destroy(subject(1)).await.unwrap();
    let erased: Personal<String> = here.open(event(), &field).await.unwrap();
    assert!(erased.is_erased());
}

#[tokio::test]
async fn keys_in_the_cache_need_no_database() {
    let database = database().await;
    let keyring = keyring(&database);
    let field = sealed(&keyring, subject(1)).await;
    database.pool.close().await;
    assert!(keyring.open::<String>(event(), &field).await.is_ok());
    assert!(keyring.seal_keys(&[subject(1)].into()).await.is_ok());
    keyring.forget();
    let refused = keyring.open::<String>(event(), &field).await.unwrap_err();
    assert!(matches!(refused, KeyringError::Store(_)), "{refused}");
}

#[tokio::test]
async fn the_wrong_master_key_is_named_beside_the_right_one() {
    let database = database().await;
    let field = sealed(&keyring(&database), subject(1)).await;
    let wrong = Keyring::new(database.pool.clone(), master("7b"));
    let refused = wrong.open::<String>(event(), &field).await.unwrap_err();
    assert!(matches!(refused, KeyringError::WrongMasterKey { .. }));
    let message = refused.to_string();
    assert!(
        message.contains(master("7a").id()) && message.contains(master("7b").id()),
        "{message}"
    );
    let refused = wrong.seal_keys(&[subject(1)].into()).await.unwrap_err();
    assert!(matches!(refused, KeyringError::WrongMasterKey { .. }));
}

#[tokio::test]
async fn a_stored_key_moved_to_another_subject_does_not_open() {
    let database = database().await;
    let id = key_of(&keyring(&database), subject(1)).await;
    sqlx::query("UPDATE keyring.subject_key SET subject_id = $1")
        .bind(subject(2).as_uuid())
        .execute(&database.pool)
        .await
        .unwrap();
    let refused = keyring(&database).open_keys(&[id].into()).await.unwrap_err();
    assert!(
        matches!(refused, KeyringError::Damaged(damaged) if damaged == id),
        "{refused}"
    );
}

#[tokio::test]
async fn a_key_the_keyring_never_had_is_no_erasure() {
    let database = database().await;
    let unknown = KeyId::from_uuid(Uuid::from_u128(9));
    let refused = keyring(&database).open_keys(&[unknown].into()).await.unwrap_err();
    assert!(
        matches!(refused, KeyringError::UnknownKey(id) if id == unknown),
        "{refused}"
    );
}

#[tokio::test]
async fn an_opened_field_of_another_type_is_refused_without_its_value_in_the_error() {
    let database = database().await;
    let keyring = keyring(&database);
    let field = sealed(&keyring, subject(1)).await;
    let refused = keyring.open::<u32>(event(), &field).await.unwrap_err();
    assert!(matches!(refused, KeyringError::Content { .. }));
    assert!(!format!("{refused} {refused:?}").contains("Test"));
}

#[tokio::test]
async fn event_data_of_an_erased_and_a_living_subject_opens_in_part() {
    let database = database().await;
    let keyring = keyring(&database);
    let subjects = [subject(1), subject(2)].into();
    let keys = keyring.seal_keys(&subjects).await.unwrap();
    let holder = Personal::new(subject(1), "A");
    let insured = Personal::new(subject(2), "B");
    let stored = seal_tree(json!({ "holder": holder, "insured": insured }), event(), &keys).unwrap();

    keyring.destroy(subject(1)).await.unwrap();
    let keys = keyring.open_keys(&keys_in(&stored)).await.unwrap();
    let opened = open_tree(stored.clone(), event(), &keys).unwrap();
    let erased: Personal<&str> = Personal::Erased { subject: subject(1) };
    assert_eq!(opened, json!({ "holder": erased, "insured": insured }));

    let not_fetched = open_tree(stored, event(), &privacy::KeySet::default()).unwrap_err();
    assert!(matches!(not_fetched, SealError::KeyNotFetched(_)));
}

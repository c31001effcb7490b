//! The master key is changed while keys are made, used and destroyed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use kernel::ids::{EventId, SubjectId};
use kernel::personal::{Personal, SealedField};
use privacy::{Keyring, KeyringError, MIGRATOR, MasterKey, seal_field};
use testkit::TestDatabase;
use uuid::Uuid;

fn subject(number: u128) -> SubjectId {
    SubjectId::from_uuid(Uuid::from_u128(number))
}

fn event() -> EventId {
    EventId::from_uuid(Uuid::from_u128(1))
}

fn old() -> MasterKey {
    MasterKey::from_hex(&"7a".repeat(32)).unwrap()
}

fn new() -> MasterKey {
    MasterKey::from_hex(&"7b".repeat(32)).unwrap()
}

async fn database() -> TestDatabase {
    let database = testkit::database().await.unwrap();
    MIGRATOR.run(&database.pool).await.unwrap();
    database
}

/// A process that makes keys under `master`, reads under both, and keeps nothing in memory.
fn process(database: &TestDatabase, master: MasterKey, other: MasterKey) -> Keyring {
    Keyring::with_other(database.pool.clone(), master, Some(other))
}

async fn sealed(keyring: &Keyring, subject: SubjectId) -> SealedField {
    let keys = keyring.seal_keys(&[subject].into()).await.unwrap();
    seal_field(&keys, event(), "/name", subject, b"\"Test\"").unwrap()
}

async fn opens(keyring: &Keyring, field: &SealedField) -> bool {
    let opened: Personal<String> = keyring.open(event(), field).await.unwrap();
    opened == Personal::new(field.subject, "Test".into())
}

#[tokio::test]
async fn what_was_sealed_before_opens_with_the_new_master_key_alone() {
    let database = database().await;
    let before = Keyring::new(database.pool.clone(), old());
    let mut fields = Vec::new();
    for number in 1..=25 {
        fields.push(sealed(&before, subject(number)).await);
    }
    let during = process(&database, new(), old());
    assert_eq!(during.left_to_rewrap().await.unwrap(), 25);
    let mut batches = Vec::new();
    loop {
        batches.push(during.rewrap(10).await.unwrap());
        if batches.last() == Some(&0) {
            break;
        }
    }
    assert_eq!(batches, [10, 10, 5, 0]);
    assert_eq!(during.left_to_rewrap().await.unwrap(), 0);

    let after = Keyring::new(database.pool.clone(), new());
    for field in &fields {
        assert!(opens(&after, field).await);
    }
    let without = Keyring::new(database.pool.clone(), old());
    let refused = without.open::<String>(event(), &fields[0]).await.unwrap_err();
    assert!(
        matches!(refused, KeyringError::WrongMasterKey { .. }),
        "{refused}"
    );
}

/// A key keeps its digest however it is wrapped: certificates hold across rotations.
#[tokio::test]
async fn a_key_wrapped_anew_is_the_same_key() {
    let database = database().await;
    let before = Keyring::new(database.pool.clone(), old());
    let digest = |keys: &privacy::KeySet| keys.of_subject(subject(1)).unwrap().digest();
    let first = digest(&before.seal_keys(&[subject(1)].into()).await.unwrap());
    let during = process(&database, new(), old());
    during.rewrap(10).await.unwrap();
    during.forget();
    let again = digest(&during.seal_keys(&[subject(1)].into()).await.unwrap());
    assert_eq!(first, again);
    assert_eq!(during.destroy(subject(1)).await.unwrap().digest, Some(first));
}

#[tokio::test]
async fn a_damaged_key_stops_the_rotation_by_name() {
    let database = database().await;
    let before = Keyring::new(database.pool.clone(), old());
    sealed(&before, subject(1)).await;
    sqlx::query("UPDATE keyring.subject_key SET wrapped = set_byte(wrapped, 0, get_byte(wrapped, 0) # 1)")
        .execute(&database.pool)
        .await
        .unwrap();
    let refused = process(&database, new(), old()).rewrap(10).await.unwrap_err();
    assert!(matches!(refused, KeyringError::Damaged(_)), "{refused}");
}

/// Rotates until nothing is left, cut off again and again in the middle of whatever it does; how often.
#[allow(
    clippy::disallowed_methods,
    reason = "a task of its own is what can be killed"
)]
async fn rotated_and_killed(database: &TestDatabase) -> u32 {
    let mut killed = 0_u32;
    loop {
        let rotating = process(database, new(), old());
        let batch = tokio::spawn(async move { rotating.rewrap(7).await });
        // Cut off in the middle of whatever it does at that moment.
        for _ in 0..killed % 97 {
            tokio::task::yield_now().await;
        }
        batch.abort();
        if batch.await.is_err() {
            killed += 1;
        }
        if process(database, new(), old()).left_to_rewrap().await.unwrap() == 0 {
            return killed;
        }
        if killed > 400 {
            // What is left is done without being disturbed.
            while process(database, new(), old()).rewrap(7).await.unwrap() > 0 {}
            return killed;
        }
    }
}

/// Processes with either master key in front seal, open and erase while two rotations run, one of which is killed again
/// and again. In the end every living key is under the new master key and every erased subject stays erased.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_goes_on_while_the_master_key_changes_and_rotations_are_killed() {
    const SUBJECTS: u128 = 120;
    let database = database().await;
    let before = Keyring::new(database.pool.clone(), old());
    let mut fields = Vec::new();
    for number in 1..=SUBJECTS {
        fields.push(sealed(&before, subject(number)).await);
    }

    let sealing = async {
        let both = [process(&database, old(), new()), process(&database, new(), old())];
        let mut made = Vec::new();
        for number in 0..60 {
            let keyring = &both[number % 2];
            keyring.forget();
            made.push(sealed(keyring, subject(1_000 + number as u128)).await);
            assert!(opens(keyring, &fields[number]).await, "{number}");
        }
        made
    };
    let erasing = async {
        let keyring = process(&database, old(), new());
        for number in (61..=SUBJECTS).step_by(2) {
            keyring.destroy(subject(number)).await.unwrap();
        }
    };
    let (killed, made, ()) = tokio::join!(rotated_and_killed(&database), sealing, erasing);
    assert!(killed > 0, "no rotation was cut off");

    // Those that were made under the old one meanwhile.
    let during = process(&database, new(), old());
    while during.rewrap(50).await.unwrap() > 0 {}
    let after = Keyring::new(database.pool.clone(), new());
    let erased: BTreeSet<SubjectId> = (61..=SUBJECTS).step_by(2).map(subject).collect();
    for field in fields.iter().chain(&made) {
        let known = after
            .open::<String>(event(), field)
            .await
            .unwrap()
            .known()
            .is_some();
        assert_eq!(known, !erased.contains(&field.subject), "{}", field.subject);
    }
    let bytes: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM keyring.subject_key WHERE destroyed_at IS NOT NULL AND octet_length(wrapped) > 0",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(bytes, 0);
}
